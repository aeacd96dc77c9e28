"""Mistakes about values that lie in a row: dense layers, flattening, softmax, recurrent gates, moved axes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np

from converters.ops import (
    LSTM,
    ArgMax,
    Array,
    Concat,
    Crop,
    Dense,
    Embedding,
    Permute,
    Shape,
    ShuffleChannels,
    Softmax,
)
from converters.ops.base import size_of
from converters.parity.mistakes.situation import Attempt, Situation
from converters.parity.reference import computed

_AXES = ("channels", "height", "width")


def dense(s: Situation) -> Iterator[Attempt]:
    """Mistakes about a dense layer: the order of its inputs, the way its weights are stored, its bias."""
    op, weight, x = s.node.op, s.node.params["weight"], s.arrays[0]
    assert isinstance(op, Dense)
    axis = op.axis % x.ndim
    for what, order in _other_orders(_map_shape(s, axis)):
        yield f"its input is laid out as {what}", partial(_dense_of_permuted, s, axis, order)
        yield f"its weights are laid out as {what}", partial(_dense_of_permuted, s, axis, order, back=True)
    if weight.shape[0] == weight.shape[1]:
        yield "its weights are transposed", lambda: s.again(weight=weight.T)
    else:
        yield "its weights are read as (in, out)", lambda: s.again(weight=weight.reshape(weight.shape[::-1]).T)
    if op.bias:
        yield "its bias is missing", lambda: s.again(bias=np.zeros_like(s.node.params["bias"]))


def _map_shape(s: Situation, axis: int) -> Shape:
    """Return the shape of what a dense layer reads in one row, before it was flattened."""
    name, shape = s.node.inputs[0], s.shape[axis:]
    while len(shape) == 1 and name not in s.graph.inputs and s.graph.node(name).inputs:
        name = s.graph.node(name).inputs[0]
        before = s.graph.shapes[name][axis:]
        if size_of(before) != shape[0]:
            break
        shape = before
    return shape


def _other_orders(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Yield the orders of a map's axes that are not its own, where they make a difference."""
    names = _AXES if len(shape) == 3 else [f"axis {i}" for i in range(len(shape))]
    own = [i for i in range(len(shape)) if shape[i] > 1]
    for order in permutations(range(len(shape))):
        if len(shape) < 4 and [i for i in order if shape[i] > 1] != own:
            yield ", ".join(names[i] for i in order), order


def _permuted(rows: Array, shape: Shape, order: Sequence[int]) -> Array:
    """Lay rows that hold a map of `shape` in a row out in another order of its axes."""
    lead = rows.shape[:-1]
    axes = (*range(len(lead)), *(len(lead) + i for i in order))
    return rows.reshape(*lead, *shape).transpose(axes).reshape(rows.shape)


def _permuted_back(rows: Array, shape: Shape, order: Sequence[int]) -> Array:
    """Undo `_permuted`: take rows for a map that lies in the order `order`."""
    return _permuted(rows, tuple(shape[i] for i in order), [int(i) for i in np.argsort(order)])


def _dense_of_permuted(s: Situation, axis: int, order: Shape, *, back: bool = False) -> Array:
    op, x = s.node.op, s.arrays[0]
    assert isinstance(op, Dense)
    rows = x.reshape(*x.shape[:axis], -1)
    turned = (_permuted_back if back else _permuted)(rows, _map_shape(s, axis), order)
    return s.again(replace(op, axis=-1), [turned])


def flattened(s: Situation) -> Iterator[Attempt]:
    """Another order of the axes that lie in a row."""
    if s.graph.shapes[s.node.name][:1] == s.shape[:1]:
        for what, order in _other_orders(s.shape[1:]):
            yield f"its input is laid out as {what}", partial(_flattened_in_order, s, order)
            yield f"its input is taken to be laid out as {what}", partial(_flattened_in_order, s, order, back=True)


def _flattened_in_order(s: Situation, order: Shape, *, back: bool = False) -> Array:
    rows = s.arrays[0].reshape(s.shape[0], size_of(s.shape[1:]))
    return (_permuted_back if back else _permuted)(rows, s.shape[1:], order).reshape(s.again().shape)


def softmax(s: Situation) -> Iterator[Attempt]:
    """Mistakes about a softmax: its axis, or its logarithm."""
    x, op = s.arrays[0], s.node.op
    assert isinstance(op, Softmax)
    for axis in range(x.ndim):
        if axis != op.axis % x.ndim:
            yield f"it runs along axis {axis} instead of {op.axis % x.ndim}", partial(s.again, Softmax(axis))
    rows = x.reshape(x.shape[0], -1)
    yield "it runs over everything but the batch", lambda: Softmax(1).compute(rows).reshape(x.shape)
    yield "it gives logarithms", lambda: np.log(s.again())


def gates(s: Situation) -> Iterator[Attempt]:
    """Another order of an LSTM's gates, and continuation flags that are ignored."""
    assert isinstance(s.node.op, LSTM)
    for order in permutations(range(4)):
        if order != (0, 1, 2, 3):
            names = ", ".join("ifog"[gate] for gate in order)
            yield f"its gates stand in the order {names} instead of i, f, o, g", partial(_with_gates, s, order)


def _with_gates(s: Situation, order: Sequence[int]) -> Array:
    def turned(array: Array) -> Array:
        return array.reshape(4, -1, *array.shape[1:])[list(order)].reshape(array.shape)

    changed = {name: turned(array) for name, array in s.node.params.items()}
    return computed(s.node, s.arrays, None, changed)


def continued(s: Situation) -> Iterator[Attempt]:
    """Flags of a recurrent op that are ignored."""
    x, flags, *rest = s.arrays
    yield "its continuation flags are ignored", lambda: s.again(arrays=[x, np.ones_like(flags), *rest])


def argmax(s: Situation) -> Iterator[Attempt]:
    """Mistakes about an ArgMax: which of equal values counts, and from where indices are counted."""
    op = s.node.op
    assert isinstance(op, ArgMax)
    if op.axis is not None and op.output == "indices":
        yield "of equal values the lowest index counts", lambda: _lowest_index(s, op.axis or 0)
    yield "its indices count from 1", lambda: s.again() + 1


def _lowest_index(s: Situation, axis: int) -> Array:
    x = s.arrays[0]
    last = x.shape[axis] - 1
    return np.asarray(last - s.again(arrays=[np.flip(x, axis)]))


def joined(s: Situation) -> Iterator[Attempt]:
    """Another order of what is joined."""
    assert isinstance(s.node.op, Concat)
    if len(s.arrays) > 1:
        yield "its inputs stand in the reverse order", lambda: s.again(arrays=s.arrays[::-1])


def permuted(s: Situation) -> Iterator[Attempt]:
    """A permutation taken the other way round."""
    op = s.node.op
    assert isinstance(op, Permute)
    back = tuple(int(axis) for axis in np.argsort(op.order))
    if back != op.order:
        yield "its permutation is taken the other way round", lambda: s.again(Permute(back))


def cropped(s: Situation) -> Iterator[Attempt]:
    """Other places to crop from."""
    op = s.node.op
    assert isinstance(op, Crop)
    axis = op.axis % len(s.shape)
    surplus = [n - m for n, m in zip(s.shape[axis:], s.arrays[1].shape[axis:], strict=True)]
    choices = {
        "its offsets are ignored": tuple(0 for _ in surplus),
        "it cuts out the centre": tuple(extra // 2 for extra in surplus),
        "it cuts out the end": tuple(surplus),
    }
    for what, offsets in choices.items():
        if offsets != op.offsets:
            yield what, partial(s.again, replace(op, offsets=offsets))


def shuffled(s: Situation) -> Iterator[Attempt]:
    """Channels dealt out the other way round."""
    op = s.node.op
    assert isinstance(op, ShuffleChannels)
    yield "its channels are shuffled the other way round", partial(s.again, ShuffleChannels(s.shape[1] // op.groups))


def embedded(s: Situation) -> Iterator[Attempt]:
    """Indices that count from 1, or a missing bias."""
    op = s.node.op
    assert isinstance(op, Embedding)
    yield "its indices count from 1", lambda: s.again(arrays=[np.maximum(s.arrays[0] - 1, 0)])
    if op.bias:
        yield "its bias is missing", lambda: s.again(bias=np.zeros_like(s.node.params["bias"]))
