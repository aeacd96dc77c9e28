"""Tables of a TOML file: values of the wanted kinds are taken out, and all that is wrong is noted with its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from converters.errors import did_you_mean

KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """One table: `name` is its key, `place` says where it stands; `problems` collects what is wrong, inside as well."""

    def __init__(self, place: str, values: Mapping[str, Any], problems: list[str], name: str = "") -> None:
        self.place = place
        self.name = name
        self._values = values
        self._problems = problems
        self._asked: set[str] = set()

    def refuse(self, problem: str) -> None:
        """Note that something is wrong with this table."""
        self._problems.append(f"{self.place}: {problem}")

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                self.refuse(f"there is no key '{key}'{did_you_mean(key, self._asked)}")

    def has(self, key: str) -> bool:
        """Return whether a key is there."""
        self._asked.add(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; one without a default has to be there, and to say something."""
        found = self._get(key, str, default)
        if default is None and key in self._values and found == "":
            self.refuse(f"'{key}' is empty")
        return str(found or "")

    def whole(self, key: str) -> int | None:
        """Return a whole number of 1 or more, None where there is none."""
        found = self._get(key, int, 0)
        if key in self._values and found is not None and found < 1:
            self.refuse(f"'{key}' is {found}, expected 1 or more")
        return found or None

    def flag(self, key: str) -> bool:
        """Return true or false, false where nothing is said."""
        return bool(self._get(key, bool, False))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(each for each in self._list(key) if self._is(key, each, str))

    def numbers(self, key: str, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        """Return a list of numbers."""
        if not self.has(key):
            return default
        return tuple(float(each) for each in self._list(key) if self._is_number(key, each))

    def wholes(self, key: str) -> dict[str, int]:
        """Return a table of whole numbers."""
        inner = self._get(key, dict, {}) or {}
        return {name: value for name, value in inner.items() if self._is(f"{key}.{name}", value, int)}

    def table(self, key: str) -> "Table | None":
        """Return a table inside this one, None where there is none."""
        found = self._get(key, dict, {})
        return self._inside(key, found) if found else None

    def tables(self, key: str) -> Iterator["Table"]:
        """Give the tables of a list, or of a table of tables, with their places."""
        self._asked.add(key)
        found = self._values.get(key, {})
        if not isinstance(found, list | dict):
            self.refuse(f"'{key}' is {found!r}, expected tables")
            return
        named = ((str(index), each) for index, each in enumerate(found, 1))
        inner = found.items() if isinstance(found, dict) else named
        for name, each in inner:
            if self._is(f"{key}.{name}", each, dict):
                yield self._inside(f"{key}.{name}", each, name)

    def _inside(self, key: str, values: Mapping[str, Any], name: str = "") -> "Table":
        # The file itself has no name.
        place = f"{self.place}.{key}" if self.name else f"{self.place}: {key}"
        return Table(place, values, self._problems, name or key)

    def _get(self, key: str, kind: type, default: Any) -> Any:
        self._asked.add(key)
        if key not in self._values:
            if default is None:
                self.refuse(f"'{key}' is missing")
            return default
        return self._values[key] if self._is(key, self._values[key], kind) else default

    def _list(self, key: str) -> list[Any]:
        found = self._get(key, list, [])
        return list(found)

    def _is(self, key: str, value: Any, kind: type) -> bool:
        # TOML's true is no number, although Python's is.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return True
        self.refuse(f"'{key}' is {value!r}, expected {KINDS[kind]}")
        return False

    def _is_number(self, key: str, value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
            return True
        self.refuse(f"'{key}' holds {value!r}, expected numbers")
        return False
