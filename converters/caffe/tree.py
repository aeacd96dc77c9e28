"""The message tree of a prototxt file: values by field name, each with the line it stands on."""

from collections.abc import Collection, Iterator
from typing import Any

from converters.caffe.schema import Field, fields


class Message:
    """One message of a prototxt file; `kind` names its type in the schema.

    Values are bool, int, float or str (an enum by its name) or nested messages. Floats are as written, not rounded to
    float32. The tree remembers which fields were asked for: see `unread`.
    """

    __slots__ = ("_asked", "_values", "kind", "line", "path")

    def __init__(self, kind: str, path: str, line: int) -> None:
        self.kind = kind
        self.path = path
        self.line = line
        self._values: dict[str, list[tuple[Any, int]]] = {}
        self._asked: set[str] = set()

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.where()}: {', '.join(self._values) or 'empty'}>"

    def add(self, name: str, value: Any, line: int) -> None:
        """Append a value to a field."""
        self._values.setdefault(name, []).append((value, line))

    def replace(self, name: str, value: Any) -> None:
        """Set a field to one value, on the line that the field had."""
        self._values[name] = [(value, self.line_of(name))]

    def copied(self, without: Collection[str] = ()) -> "Message":
        """Return a copy that shares the nested messages, without some fields."""
        copy = Message(self.kind, self.path, self.line)
        for name, values in self._values.items():
            if name not in without:
                copy._values[name] = list(values)
        return copy

    def names(self) -> list[str]:
        """Return the names of the fields that are set, in the order of their first appearance."""
        return list(self._values)

    def has(self, name: str) -> bool:
        """Tell whether a field is set at least once."""
        self._ask(name)
        return name in self._values

    def get(self, name: str) -> Any:
        """Return a scalar's value, or the schema's default when it is not set."""
        field = self._ask(name)
        assert not field.repeated and not field.is_message, f"{self.kind}.{name} is no single scalar"
        return self._values[name][0][0] if name in self._values else field.default

    def all(self, name: str) -> list[Any]:
        """Return the values of a field, scalars or messages, maybe none."""
        self._ask(name)
        return [value for value, _ in self._values.get(name, ())]

    def message(self, name: str) -> "Message":
        """Return a nested message, an empty one (with all defaults) when it is not set."""
        field = self._ask(name)
        assert not field.repeated and field.is_message, f"{self.kind}.{name} is no single message"
        if name not in self._values:
            return Message(field.kind, self.path, self.line)
        nested: Message = self._values[name][0][0]
        return nested

    def items(self, name: str) -> list[tuple[Any, int]]:
        """Return the values of a field, each with its line."""
        self._ask(name)
        return list(self._values.get(name, ()))

    def line_of(self, name: str) -> int:
        """Return the line of a field's first value, or the message's own line when it is not set."""
        found = self._values.get(name)
        return found[0][1] if found else self.line

    def where(self, name: str | None = None) -> str:
        """Return `path:line` of a field, or of the message, for the head of an error message."""
        return f"{self.path}:{self.line_of(name) if name else self.line}"

    def unread(self) -> Iterator[tuple[str, int]]:
        """Yield the dotted name and line of every value that nobody asked for and that may matter at inference.

        A frontend that has mapped a layer finds here what it would otherwise ignore silently.
        """
        for name, found in self._values.items():
            if fields(self.kind)[name].training_only:
                continue
            if name not in self._asked:
                yield name, found[0][1]
                continue
            for value, _ in found:
                if isinstance(value, Message):
                    yield from ((f"{name}.{inner}", line) for inner, line in value.unread())

    def _ask(self, name: str) -> Field:
        self._asked.add(name)
        return fields(self.kind)[name]
