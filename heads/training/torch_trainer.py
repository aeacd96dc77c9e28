"""Many heads at once in PyTorch: their first layers are one product of matrices, their Adam steps one kernel."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.adam import adam

from converters.ops import Array
from heads.recipes.recipe import MlpSettings

FIRST, SECOND, LAYER = "first", "second", "layer"


def create(layers: Sequence[Array], settings: MlpSettings) -> "TorchStack":
    """Return a stack with these learned arrays."""
    return TorchStack(layers, settings)


def environment() -> dict[str, Any]:
    """Return what may change a result's last digit."""
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let so many threads share each operation inside the block; None leaves that as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TorchStack:
    """Heads with layers of the same widths, trained together on the CPU; see `heads.training.stack.Stack`."""

    def __init__(self, layers: Sequence[Array], settings: MlpSettings) -> None:
        self._settings = settings
        self._steps = 0
        self._segments: dict[tuple[int, int], list[list[torch.Tensor]]] = {}
        self._hold([torch.tensor(array) for array in _turned(layers)])
        self._hold_moments([torch.zeros_like(layer) for layer in self._layers for _ in (FIRST, SECOND)])

    def step(
        self, inputs: Array, targets: Array, weights: Array, masks: Sequence[Array | None], rates: Sequence[float]
    ) -> Array:
        """Learn from one batch; return each head's loss on it (heads,) before that."""
        values = self._forward(torch.from_numpy(inputs), [None if m is None else torch.from_numpy(m) for m in masks])
        wanted = torch.from_numpy(targets).expand_as(values)
        losses = binary_cross_entropy_with_logits(values, wanted, torch.from_numpy(weights), reduction="none").mean(1)
        gradients = torch.autograd.grad(losses.sum(), self._layers)
        self._adam(gradients, rates)
        found: Array = losses.detach().numpy()
        return found

    def logits(self, inputs: Array) -> Array:
        """Return (heads, faces), without dropout."""
        with torch.inference_mode():
            found: Array = self._forward(torch.from_numpy(inputs), [None] * len(self._settings.hidden)).numpy()
        return found

    def layers(self) -> list[Array]:
        """Return copies of all learned arrays."""
        return [layer.copy() for layer in _turned([layer.detach().numpy() for layer in self._layers])]

    def state(self) -> dict[str, Array]:
        """Return everything that training goes on from."""
        held = {LAYER: self._layers, FIRST: self._first, SECOND: self._second}
        arrays = {f"{name}.{i}": each.detach().numpy() for name, all_ in held.items() for i, each in enumerate(all_)}
        return {**arrays, "steps": np.array([self._steps])}

    def restore(self, state: dict[str, Array]) -> None:
        """Go on from what `state` of a stack of as many heads returned."""
        count = len(self._layers)
        self._steps = int(state["steps"][0])
        self._hold([torch.tensor(state[f"{LAYER}.{i}"]) for i in range(count)])
        self._hold_moments([torch.tensor(state[f"{name}.{i}"]) for i in range(count) for name in (FIRST, SECOND)])

    def keep(self, chosen: Sequence[int]) -> None:
        """Train these heads alone from now on."""
        index = torch.tensor(list(chosen))
        moments = [each for pair in zip(self._first, self._second, strict=True) for each in pair]
        self._hold([layer.detach().index_select(0, index) for layer in self._layers])
        self._hold_moments([moment.index_select(0, index) for moment in moments])

    def _hold(self, layers: list[torch.Tensor]) -> None:
        self._layers = [layer.requires_grad_() for layer in layers]

    def _hold_moments(self, moments: list[torch.Tensor]) -> None:
        """Take over the moments: of each layer the first, then the second."""
        self._first, self._second = moments[0::2], moments[1::2]
        self._segments.clear()

    def _forward(self, inputs: torch.Tensor, masks: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Return logits (heads, faces)."""
        heads, units, dimension = self._layers[0].shape
        weight, bias = self._layers[0].view(heads * units, dimension), self._layers[1].view(-1)
        values = torch.addmm(bias, inputs, weight.t()).view(-1, heads, units).transpose(0, 1)
        for layer, mask in enumerate(masks, start=1):
            values = values.relu() if mask is None else values.relu() * mask
            weight, bias = self._layers[2 * layer], self._layers[2 * layer + 1]
            values = torch.baddbmm(bias.unsqueeze(1), values, weight)
        return values.squeeze(2)

    def _adam(self, gradients: Sequence[torch.Tensor], rates: Sequence[float]) -> None:
        """Take a step of Adam for each head; neighbouring heads with the same learning rate in one call.

        epsilon stands beside the root of the uncorrected second moment, as in Keras; PyTorch's stands beside that of
        the corrected one, which is the larger by the root of 1 - beta_2^t.
        """
        own = self._settings
        epsilon = own.epsilon / (1 - own.beta_2 ** (self._steps + 1)) ** 0.5
        for rate, heads in _alike(rates):
            layers, first, second, counts = self._segment(heads)
            adam(
                layers,
                [gradient[heads].contiguous() for gradient in gradients],  # the kernel takes no heed of strides
                first,
                second,
                [],
                counts,
                fused=True,
                amsgrad=False,
                beta1=own.beta_1,
                beta2=own.beta_2,
                lr=rate,
                weight_decay=0.0,
                eps=epsilon,
                maximize=False,
            )
        self._steps += 1

    def _segment(self, heads: slice) -> list[list[torch.Tensor]]:
        """Return views of some heads' layers and moments, and the counts of steps that the kernel wants beside each."""
        key = (heads.start, heads.stop)
        if key not in self._segments:
            held = [[each.detach()[heads] for each in part] for part in (self._layers, self._first, self._second)]
            self._segments[key] = [*held, [torch.tensor(0.0) for _ in self._layers]]
        segment = self._segments[key]
        for count in segment[3]:
            count.fill_(self._steps)  # the kernel adds 1
        return segment


def _turned(layers: Sequence[Array]) -> list[Array]:
    """Turn the weights behind the first layer from (heads, outputs, inputs) to (heads, inputs, outputs), or back.

    So their gradients come out laid out as they are themselves.
    """
    return [
        np.ascontiguousarray(layer.swapaxes(1, 2)) if layer.ndim == 3 and number else layer
        for number, layer in enumerate(layers)
    ]


def _alike(rates: Sequence[float]) -> Iterator[tuple[float, slice]]:
    """Yield each stretch of neighbours with the same learning rate."""
    start = 0
    for rate, heads in groupby(rates):
        stop = start + len(list(heads))
        yield rate, slice(start, stop)
        start = stop
