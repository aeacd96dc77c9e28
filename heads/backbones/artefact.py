"""What every kind of file comes to before it is a backbone: what it says of itself, and how it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from converters.errors import did_you_mean
from converters.ir import Preprocessing
from heads.errors import HeadsError

Array = np.ndarray[Any, Any]
OpenShape = tuple[int | None, ...]


@dataclass(frozen=True)
class Hardware:
    """Where a network runs: "cpu" or "cuda:<number>", and on how many threads (None: as many as the library likes)."""

    device: str = "cpu"
    threads: int | None = None

    @property
    def gpu(self) -> int | None:
        """Return the number of the GPU, None for the CPU; HeadsError for a word that is neither."""
        kind, _, number = self.device.partition(":")
        if self.device == "cpu":
            return None
        if kind != "cuda" or not (number.isdecimal() or self.device == "cuda"):
            raise HeadsError(f"there is no device '{self.device}'; choose cpu, or cuda:0, cuda:1 ...")
        return int(number or 0)


@dataclass(frozen=True, eq=False)
class Engine:
    """A loaded network: `compute` takes (batch, channels, height, width) and gives an array for each node asked for.

    Those are channels first, in any float type. `device` and `dtype` are read back from what really runs.
    """

    compute: Callable[[Array], Sequence[Array]]
    device: str
    dtype: str


@dataclass(frozen=True, eq=False)
class Artefact:
    """A network in a file: `shape` is that of its one input, channels first, with None for what is open.

    `nodes` are the values that can be asked for, `outputs` the nodes that are the model's own outputs. `files` are all
    files that decide what it computes. `load` takes nodes.
    """

    files: tuple[Path, ...]
    shape: OpenShape
    input_dtype: str
    nodes: Sequence[str]
    outputs: tuple[str, ...]
    load: Callable[[Sequence[str]], Engine]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    licence: str = ""
    # What keeps inner values from being asked for, if something does.
    only_outputs: str = ""

    def chosen(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the nodes that are meant, for none the only output; HeadsError where that is not clear."""
        if wanted:
            problems = [self._unknown(name) for name in wanted if name not in self.nodes]
            problems += [f"the node '{name}' is named twice" for name in {*wanted} if list(wanted).count(name) > 1]
            if problems:
                raise HeadsError(problems)
            return tuple(wanted)
        if len(self.outputs) != 1:
            raise HeadsError(f"the model has {len(self.outputs)} outputs; name the nodes: {', '.join(self.outputs)}")
        return self.outputs

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self.nodes)
        if self.only_outputs:
            return f"there is no output '{name}'{hint} ({self.only_outputs}: {', '.join(self.outputs)})"
        return f"there is no node '{name}'{hint} (the last ones are {', '.join(list(self.nodes)[-6:])})"


def image_shape(shape: Sequence[int | None], name: str) -> tuple[OpenShape, bool]:
    """Return a foreign input's shape channels first, and whether it is channels last; HeadsError for no image."""
    if len(shape) == 4 and shape[1] in (1, 3):
        return tuple(shape), False
    if len(shape) == 4 and shape[3] in (1, 3):
        return (shape[0], shape[3], shape[1], shape[2]), True
    told = "x".join("?" if size is None else str(size) for size in shape)
    raise HeadsError(f"the input '{name}' is {told}, which is no image of 1 or 3 channels")
