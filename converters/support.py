"""Which layers of which source have a form in which target: read off the tables of the readers and writers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from converters import formats
from converters.errors import MissingLibraryError
from converters.ops import Op

ALL, SOME, NONE = "yes", "partly", "no"

OpType = type[Op]


@dataclass(frozen=True)
class Layer:
    """A layer type of a source: the ops it can become, and for each target whether all of them have a form there."""

    source: str
    name: str
    ops: tuple[str, ...]
    targets: Mapping[str, str]


@dataclass(frozen=True)
class Support:
    """The whole table; `missing` maps targets whose library is not installed to the way to install it.

    `without_op` names layer types of a source that are read and leave nothing: data, losses and the like.
    """

    targets: tuple[str, ...]
    layers: tuple[Layer, ...]
    without_op: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, str]


def support_table() -> Support:
    """Return every layer type that can be read, and which targets can write it."""
    written: dict[str, frozenset[OpType]] = {}
    missing: dict[str, str] = {}
    for target in formats.TARGETS.values():
        try:
            written[target.name] = frozenset(_table(formats.load(target.module)))
        except MissingLibraryError as error:
            missing[target.name] = str(error)
    layers: list[Layer] = []
    without_op: dict[str, tuple[str, ...]] = {}
    for source in formats.SOURCES.values():
        module = formats.load(source.module)
        by_name = sorted(module.LAYERS.items(), key=lambda item: item[0].lower())
        layers += [_layer(source.name, name, function, written) for name, function in by_name]
        without_op[source.name] = tuple(sorted(getattr(module, "WITHOUT_OP", ())))
    return Support(tuple(formats.TARGETS), tuple(layers), without_op, missing)


def markdown(support: Support) -> str:
    """Return the table as README shows it; MissingLibraryError where the library of a target is not installed."""
    if support.missing:
        raise MissingLibraryError(support.missing.values())
    titles = [formats.TARGETS[target].title for target in support.targets]
    lines: list[str] = []
    for source in formats.SOURCES.values():
        lines += [f"| {source.title} layer | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
        rows = [layer for layer in support.layers if layer.source == source.name]
        lines += [f"| `{row.name}` | {' | '.join(row.targets[name] for name in support.targets)} |" for row in rows]
        if support.without_op[source.name]:
            lines += ["", f"Read, and gone in the deployed network: {', '.join(support.without_op[source.name])}."]
        lines.append("")
    return "\n".join(lines)


def as_json(support: Support) -> dict[str, Any]:
    """Return the table as plain values."""
    layers = [
        {"source": row.source, "layer": row.name, "ops": list(row.ops), "targets": dict(row.targets)}
        for row in support.layers
    ]
    without_op = {source: list(names) for source, names in support.without_op.items()}
    return {"layers": layers, "without_op": without_op, "not_installed": dict(support.missing)}


def ops_of(function: Callable[..., Any]) -> frozenset[OpType]:
    """Return the op classes that a layer function names, itself or through functions of its package."""
    return frozenset(_named(function, set()))


def _table(module: Any) -> Mapping[OpType, Any]:
    table: Mapping[OpType, Any] = module.OPS if hasattr(module, "OPS") else module.LAYERS
    return table


def _layer(source: str, name: str, function: Callable[..., Any], written: Mapping[str, frozenset[OpType]]) -> Layer:
    made = ops_of(function)
    targets = {target: ALL if made <= table else SOME if made & table else NONE for target, table in written.items()}
    return Layer(source, name, tuple(sorted(op.__name__ for op in made)), targets)


def _named(thing: Any, seen: set[int]) -> Iterator[OpType]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, type) and issubclass(thing, Op):
        yield thing
    elif isinstance(thing, partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _named(part, seen)
    elif isinstance(thing, FunctionType) and thing.__module__.startswith("converters.from_"):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        globals_used = [thing.__globals__[name] for name in _names(thing.__code__) if name in thing.__globals__]
        for part in (*cells, *globals_used):
            yield from _named(part, seen)


def _names(code: CodeType) -> Iterator[str]:
    """Return the global names that a function uses, in comprehensions and lambdas within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
