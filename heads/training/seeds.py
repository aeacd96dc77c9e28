"""Everything drawn at random in training, each from its own seed: initial weights, the order of faces, dropout.

Each draw depends on its seed and on the epoch alone, not on what was drawn before: a head gets the same masks alone and
beside others, and a training that goes on needs no state of a generator. NumPy draws, for every framework.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from converters.ops import Array
from heads.recipes.recipe import MlpSettings

# One word in front of each seed: equal seeds of different things are unrelated.
_INITIALISATION, _ORDER, _DROPOUT = 1, 2, 3
_BLOCK = 1 << 22  # random numbers that are drawn at once, for all heads together


def initial_weights(settings: MlpSettings, dimension: int, seed: int) -> list[Array]:
    """Return weight (outputs, inputs) and bias (outputs,) of each layer in turn, float32.

    "glorot-uniform": weights within sqrt(6 / (inputs + outputs)), biases 0 (Glorot and Bengio 2010, equation 16).
    "fan-in-uniform": both within 1 / sqrt(inputs), as torch.nn.Linear begins.
    """
    generator = np.random.default_rng((_INITIALISATION, seed))
    arrays: list[Array] = []
    for inputs, outputs in pairwise((dimension, *settings.hidden, 1)):
        glorot = settings.initialisation == "glorot-uniform"
        limit = (6 / (inputs + outputs)) ** 0.5 if glorot else inputs**-0.5
        arrays.append(generator.uniform(-limit, limit, (outputs, inputs)).astype(np.float32))
        bias = np.zeros(outputs) if glorot else generator.uniform(-limit, limit, outputs)
        arrays.append(bias.astype(np.float32))
    return arrays


def batches(count: int, size: int, seed: int, epoch: int) -> list[Array]:
    """Return which faces (of `count`) each batch of an epoch holds; the last one may be smaller."""
    order = np.random.default_rng((_ORDER, seed, epoch)).permutation(count)
    return [order[start : start + size] for start in range(0, count, size)]


def dropout_masks(
    settings: MlpSettings, seeds: Sequence[int], epoch: int, sizes: Sequence[int]
) -> Iterator[list[Array | None]]:
    """Yield for each batch of an epoch what the hidden layers' values (heads, faces, units) are multiplied with.

    0 where a value is dropped, 1 / (1 - rate) elsewhere; None for a layer without dropout.
    """
    generators = [np.random.default_rng((_DROPOUT, seed, epoch)) for seed in seeds]
    units = sum(width for width, rate in zip(settings.hidden, settings.dropout, strict=True) if rate)
    if not units:
        for _ in sizes:
            yield [None] * len(settings.hidden)
        return
    for size, steps in _blocks(sizes, _BLOCK // (len(seeds) * units)):
        drawn = np.stack([one.random((steps, size * units), dtype=np.float32) for one in generators], axis=1)
        yield from (_step_masks(settings, step, size) for step in drawn)


def _blocks(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Yield (size of a batch, number of such batches) so that no block has more than `most` faces."""
    done = 0
    while done < len(sizes):
        size = sizes[done]
        alike = next((step for step in range(done, len(sizes)) if sizes[step] != size), len(sizes)) - done
        steps = min(alike, max(1, most // size))
        yield size, steps
        done += steps


def _step_masks(settings: MlpSettings, drawn: Array, size: int) -> list[Array | None]:
    masks: list[Array | None] = []
    start = 0
    for width, rate in zip(settings.hidden, settings.dropout, strict=True):
        if not rate:
            masks.append(None)
            continue
        part = drawn[:, start : start + size * width].reshape(len(drawn), size, width)
        masks.append((part >= np.float32(rate)) * np.float32(1 / (1 - rate)))
        start += size * width
    return masks
