"""What every kind of file comes to before it is a backbone: what it says of itself, and how it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from converters.errors import ConversionError, did_you_mean
from converters.ir import Preprocessing
from heads.errors import HeadsError

Array = np.ndarray[Any, Any]
OpenShape = tuple[int | None, ...]

OTHERS = "a model of others tells its outputs alone"


@dataclass(frozen=True)
class Hardware:
    """Where a network runs: "cpu" or "cuda:<number>", and on how many threads (None: as many as the library likes)."""

    device: str = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise HeadsError(f"{self.threads} threads were asked for; a network runs on 1 or more")

    @property
    def gpu(self) -> int | None:
        """Return the number of the GPU, None for the CPU; HeadsError for a word that is neither."""
        kind, _, number = self.device.partition(":")
        if self.device == "cpu":
            return None
        if kind != "cuda" or not (number.isdecimal() or self.device == "cuda"):
            raise HeadsError(f"there is no device '{self.device}'; choose cpu, or cuda:0, cuda:1 ...")
        return int(number or 0)

    @property
    def name(self) -> str:
        """Return the device's full name."""
        return "cpu" if self.gpu is None else f"cuda:{self.gpu}"


@dataclass(frozen=True, eq=False)
class Engine:
    """A loaded network: `compute` takes (n, channels, height, width) and gives an array for each node asked for.

    Those are vectors (n, length), or maps channels first, in any float type. `where` tells the device that `compute`
    really ran on, `dtype` the number type of the weights. `batch` is the only n that the network takes, None where it
    takes any.
    """

    compute: Callable[[Array], Sequence[Array]]
    where: Callable[[], str]
    dtype: str
    batch: int | None = None


@dataclass(frozen=True, eq=False)
class Artefact:
    """A network in a file: `image` is (channels, height, width) of its one input, with None for what is open.

    `nodes` are the values that can be asked for, `outputs` the nodes that are the model's own outputs. `files` are all
    files that decide what it computes. `load` takes nodes. `only_outputs` says what keeps inner values from being asked
    for, if something does. `value_of` gives the node that a further name means; ConversionError where it means none.
    """

    files: tuple[Path, ...]
    image: OpenShape
    input_dtype: str
    nodes: Sequence[str]
    outputs: tuple[str, ...]
    load: Callable[[Sequence[str]], Engine]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    licence: str = ""
    only_outputs: str = ""
    value_of: Callable[[str], str] | None = None

    def chosen(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the nodes that are meant, for none the only output; HeadsError where that is not clear."""
        if not wanted:
            if len(self.outputs) != 1:
                raise HeadsError(
                    f"the model has {len(self.outputs)} outputs; name the nodes: {', '.join(self.outputs)}"
                )
            return self.outputs
        problems: list[str] = []
        found = [self._meant(name, problems) for name in wanted]
        problems += [f"the node '{name}' is named twice" for name in dict.fromkeys(found) if found.count(name) > 1]
        if problems:
            raise HeadsError(problems)
        return tuple(found)

    def _meant(self, name: str, problems: list[str]) -> str:
        if name in self.nodes:
            return name
        if self.value_of is None:
            problems.append(self._unknown(name))
            return name
        try:
            return self.value_of(name)
        except ConversionError as error:
            problems += error.problems
            return name

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self.nodes)
        if self.only_outputs:
            return f"there is no output '{name}'{hint} ({self.only_outputs}: {', '.join(self.outputs)})"
        return f"there is no node '{name}'{hint} (the last ones are {', '.join(list(self.nodes)[-6:])})"


def image_shape(shape: Sequence[int | None], name: str) -> tuple[OpenShape, bool]:
    """Return (channels, height, width) of an input, and whether its channels come last; HeadsError for no image."""
    if len(shape) == 4 and shape[1] in (1, 3):
        return tuple(shape[1:]), False
    if len(shape) == 4 and shape[3] in (1, 3):
        return (shape[3], shape[1], shape[2]), True
    told = "x".join("?" if size is None else str(size) for size in shape)
    raise HeadsError(f"the input '{name}' is {told or 'a single value'}, which is no image of 1 or 3 channels")


def channels_first(array: Array) -> Array:
    """Turn a map (n, height, width, channels); anything else stays."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
