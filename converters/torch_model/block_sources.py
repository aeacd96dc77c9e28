"""The layers of `blocks` as text, and the imports that source code needs; PyTorch is not imported for it."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Block:
    """One class of `blocks`: its text, and the names that it uses."""

    source: str
    uses: frozenset[str]


def names_used(source: ast.AST) -> frozenset[str]:
    """Return every name that is read or written in a piece of source code, attributes not counted."""
    return frozenset(node.id for node in ast.walk(source) if isinstance(node, ast.Name))


def blocks_for(names: Iterable[str]) -> list[Block]:
    """Return the blocks among `names` and those that they stand on, each before what uses it."""
    wanted = set(names) & BLOCKS.keys()
    while True:
        more = {name for block in wanted for name in BLOCKS[block].uses if name in BLOCKS} - wanted
        if not more:
            return [block for name, block in BLOCKS.items() if name in wanted]
        wanted |= more


def import_lines(names: Iterable[str]) -> str:
    """Return the import statements that bring those of `names` which are imported, the standard library's first."""
    used = set(names)
    groups = []
    for group in _IMPORTS:
        wanted = [(line, [name for name in known if name in used]) for line, known in group]
        groups.append("\n".join(line.format(", ".join(found)) for line, found in wanted if found))
    return "\n\n".join(filter(None, groups))


def _read() -> dict[str, Block]:
    found = {}
    folder = files("converters.torch_model.blocks")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".py"):
            text = path.read_text(encoding="utf-8")
            for item in ast.parse(text).body:
                if isinstance(item, ast.ClassDef):
                    source = "\n".join(text.splitlines()[item.lineno - 1 : item.end_lineno])
                    found[item.name] = Block(source, names_used(item))
    return found


_IMPORTS = (
    (("import {}", ("math",)), ("from math import {}", ("prod", "sqrt")), ("from pathlib import {}", ("Path",))),
    (
        ("import {}", ("torch",)),
        ("from numpy.typing import {}", ("ArrayLike",)),
        ("from safetensors.torch import {}", ("load_file",)),
        ("from torch import {}", ("Tensor", "nn")),
        ("from torch.nn import functional as {}", ("F",)),
    ),
)

BLOCKS = _read()
