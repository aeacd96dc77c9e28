"""Every value of a written module by its name in the source: `forward` as it stands, with a note taken at each node.

A statement's value is named by its comment (`# res2a: (N, 256, 56, 56)`), else by the layer that is called last, else
by its variable. Inside a statement, each call of a layer around the call of another one is a node by itself. A layer
is named by its comment in `__init__`, else by its attribute.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable

NOTE = "_note_value"
NOTE_PARTS = "_note_values"
_NAMED = re.compile(r'(?:^|; )("(?:[^"\\]|\\.)*"|[\w./+-]+): (?:at most )?\(', re.ASCII)


class Probe:
    """A module's network: the name of its class, its inputs in order, and a copy of `forward` that notes values."""

    def __init__(self, source: str) -> None:
        self._comments = _comments(source)
        networks = [item for item in ast.parse(source).body if isinstance(item, ast.ClassDef)]
        self._methods = {item.name: item for item in networks[-1].body if isinstance(item, ast.FunctionDef)}
        self._layers = self._layer_names()
        self.forward = self._methods["forward"]
        self.inputs = self._input_names()

    def compiled(self, path: str, namespace: dict[str, object], note: Callable[..., object]) -> Callable[..., object]:
        """Return `forward` with a call of `note(name, value)` around every value; `namespace` is the module's."""
        names = {NOTE: note, NOTE_PARTS: lambda named, values: tuple(map(note, named, values))}
        for statement in self.forward.body:
            if isinstance(statement, ast.Assign | ast.Return) and statement.value is not None:
                statement.value = self._noted(statement, statement.value)
        tree = ast.fix_missing_locations(ast.Module([self.forward], []))
        scope = {**namespace, **names}
        exec(compile(tree, path, "exec"), scope)  # noqa: S102 - the module just written, run in order to be checked
        return scope["forward"]  # type: ignore[return-value]  # what exec defined

    def _layer_names(self) -> dict[str, str]:
        names = {}
        for statement in self._methods["__init__"].body:
            attribute = _self_attribute(statement.targets[0]) if isinstance(statement, ast.Assign) else None
            if attribute is not None:
                names[attribute] = _unquoted(self._comment(statement) or attribute)
        return names

    def _input_names(self) -> list[str]:
        parameters = [argument.arg for argument in self.forward.args.args[1:]]
        first = self.forward.body[0].lineno if self.forward.body else 0
        comments = [self._comments[line] for line in range(self.forward.lineno, first) if line in self._comments]
        told = [_names(comment) for comment in comments]
        return [names[0] for names in told if names] if len(told) == len(parameters) else parameters

    def _comment(self, statement: ast.stmt) -> str:
        return self._comments.get(statement.end_lineno or statement.lineno, "")

    def _noted(self, statement: ast.Assign | ast.Return, value: ast.expr) -> ast.expr:
        names = _names(self._comment(statement))
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Tuple):
            kept = iter(names)
            named = [ast.Constant(None if _is_unused(item) else next(kept, None)) for item in target.elts]
            return _call(NOTE_PARTS, ast.Tuple(list(named), ast.Load()), value)
        name = names[0] if names else self._called(value)
        if name is None and isinstance(target, ast.Name):
            name = target.id
        self._note_inner(value)
        return value if name is None else _call(NOTE, ast.Constant(name), value)

    def _note_inner(self, value: ast.expr) -> None:
        """Note the calls of layers inside a call of a layer."""
        if self._called(value) is None or not isinstance(value, ast.Call) or len(value.args) != 1:
            return
        inner = value.args[0]
        name = self._called(inner)
        if name is not None:
            self._note_inner(inner)
            value.args[0] = _call(NOTE, ast.Constant(name), inner)

    def _called(self, value: ast.expr) -> str | None:
        """Return the name of the layer whose call an expression is."""
        attribute = _self_attribute(value.func) if isinstance(value, ast.Call) else None
        return None if attribute is None else self._layers.get(attribute)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = [token for token in tokens if token.type == tokenize.COMMENT]
    return {token.start[0]: token.string.removeprefix("#").strip() for token in found}


def _names(comment: str) -> list[str]:
    return [_unquoted(match) for match in _NAMED.findall(comment)]


def _unquoted(name: str) -> str:
    return str(ast.literal_eval(name)) if name.startswith('"') else name


def _self_attribute(expression: ast.expr) -> str | None:
    if not isinstance(expression, ast.Attribute):
        return None
    of_self = isinstance(expression.value, ast.Name) and expression.value.id == "self"
    return expression.attr if of_self else None


def _is_unused(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "_"


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])
