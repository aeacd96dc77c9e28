"""What a framework has to do for training: a stack of heads that learn from the same batches."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from converters import formats
from converters.ops import Array
from heads.recipes.recipe import MlpSettings


class Stack(Protocol):
    """Networks with layers of the same widths, each with its own numbers and moments of Adam.

    Arrays named by layers are weight and bias of each layer in turn, heads first: (heads, outputs, inputs).
    """

    def step(
        self, inputs: Array, targets: Array, weights: Array, masks: Sequence[Array | None], rates: Sequence[float]
    ) -> Array:
        """Learn from one batch; return each head's loss on it (heads,) before that.

        Inputs (faces, dimension), targets and weights (faces,), masks (heads, faces, units), one learning rate a head.
        """

    def logits(self, inputs: Array) -> Array:
        """Return (heads, faces), without dropout."""

    def layers(self) -> list[Array]:
        """Return copies of all learned arrays."""

    def state(self) -> dict[str, Array]:
        """Return everything that training goes on from."""

    def restore(self, state: dict[str, Array]) -> None:
        """Go on from what `state` of a stack of as many heads returned."""

    def keep(self, chosen: Sequence[int]) -> None:
        """Train these heads alone from now on."""


@dataclass(frozen=True)
class Framework:
    """`module` has the functions `create`, `environment` and `threads` that the methods call.

    It is loaded when one of them is called. `side_by_side` says whether stacks may learn at the same time, in a thread
    each.
    """

    module: str
    side_by_side: bool

    def create(self, layers: Sequence[Array], settings: MlpSettings) -> Stack:
        """Return a stack with these learned arrays."""
        stack: Stack = formats.load(self.module).create(layers, settings)
        return stack

    def environment(self) -> dict[str, Any]:
        """Return what may change a result's last digit: versions, number of threads."""
        found: dict[str, Any] = formats.load(self.module).environment()
        return found

    def threads(self, count: int | None) -> AbstractContextManager[None]:
        """Let so many threads share each operation inside the block; None leaves that as it is."""
        block: AbstractContextManager[None] = formats.load(self.module).threads(count)
        return block

    @property
    def workers(self) -> int:
        """Return into how many stacks heads are best divided."""
        return int(self.environment()["threads"]) if self.side_by_side else 1


FRAMEWORKS = {
    "torch": Framework("heads.training.torch_trainer", side_by_side=True),
    "keras": Framework("heads.training.keras_trainer", side_by_side=False),
}
