"""DagNN blocks that move values about.

MATLAB counts axes from 1 in the order H W C N, and runs through an array column by column. Swapping height and width of
(batch, channels, height, width) puts the values in that order: rows fastest.
"""

from math import prod

import numpy as np

from converters.errors import ShapeError
from converters.from_matconvnet.fields import described
from converters.from_matconvnet.layer import OUR_AXIS, LayerFunction, LayerReading, Made
from converters.ops import Array, Concat, Crop, Permute, Reshape, Slice

COLUMN_MAJOR = Permute((0, 1, 3, 2))


def concat(layer: LayerReading) -> list[Made]:
    """Join along `dim`. Source: vl_nnconcat."""
    axis = layer.axis("dim", 3)
    layer.fields.finish()
    return [Made(Concat(axis), layer.inputs)]


def crop(layer: LayerReading) -> list[Made]:
    """Crop the first input to the height and width of the second. Source: dagnn.Crop.

    `crop` [rows columns] is taken off at the top and left, but never more than there is to crop.
    """
    wanted = layer.fields.whole("crop", (0, 0), (2,), 0, "[rows columns]")
    layer.fields.finish()
    layer.expect_inputs(2)
    large, small = (layer.shape_of(value) for value in layer.inputs)
    spare = [n - m for n, m in zip(large[2:], small[2:], strict=True)]
    if min(spare) < 0:
        raise ShapeError(f"cannot crop {list(large)} to the larger {list(small)}")
    offsets = tuple(min(n, s) for n, s in zip(wanted, spare, strict=True))
    if offsets != wanted:
        layer.warnings.append(
            f"crop {list(wanted)} is cut down to {list(offsets)} at this input size; "
            "for another size, convert the file anew"
        )
    return [Made(Crop(2, offsets), layer.inputs)]


def flatten(layer: LayerReading) -> list[Made]:
    """Move all of height, width and channels to one axis, column by column. Source: mcnExtraLayers, vl_nnflatten."""
    axis = layer.axis("axis", 3, 1, 2, 3)
    layer.fields.finish()
    dims = tuple(-1 if at == axis else 1 for at in (1, 2, 3))
    turned = layer.node("permuted", COLUMN_MAJOR, layer.inputs)
    return [Made(Reshape(dims, axis=1), (turned,))]


def permute(layer: LayerReading) -> list[Made]:
    """Reorder the axes. Source: mcnExtraLayers, dagnn.Permute."""
    order = layer.fields.whole("order", (), (3, 4), 1, "the axes in their new order")
    if sorted(order) not in ([1, 2, 3], [1, 2, 3, 4]):
        layer.fields.refuse(f"order is {list(order)}, expected each axis from 1 to 4 once")
    layer.fields.finish()
    matlab_axis = {ours: theirs for theirs, ours in OUR_AXIS.items()}
    full = (*order, 4)[:4]
    return [Made(Permute(tuple(OUR_AXIS[full[matlab_axis[at] - 1]] for at in range(4))), layer.inputs)]


def reshape(layer: LayerReading) -> list[Made]:
    """Give height, width and channels new sizes, column by column; -1 or [] takes what is left, 0 keeps the size.

    Source: mcnExtraLayers, vl_nnreshape.
    """
    sizes = _sizes(layer)
    layer.fields.finish()
    shape = layer.shape
    kept = [shape[OUR_AXIS[at + 1]] if n == 0 else n for at, n in enumerate(sizes)]
    known, values = prod(n for n in kept if n != -1), prod(shape[1:])
    if values % known or (-1 not in kept and values != known):
        raise ShapeError(f"shape is {sizes}, but {values} values of {list(shape[1:])} do not fill it")
    turned = layer.node("permuted", COLUMN_MAJOR, layer.inputs)
    shaped = layer.node("reshaped", Reshape(tuple(sizes[::-1]), axis=1), (turned,))
    return [Made(COLUMN_MAJOR, (shaped,))]


def _sizes(layer: LayerReading) -> list[int]:
    """Return `shape` as [rows columns channels] with -1 for one that is inferred."""
    fields, value = layer.fields, layer.fields.get("shape")
    if isinstance(value, list):
        sizes = [_cell_size(item) for item in value]
        if len(sizes) != 3 or None in sizes:
            fields.refuse("shape is a cell, expected { rows, columns, channels } with one of them [] at most")
        numbers = [n for n in sizes if n is not None]
    else:
        numbers = list(fields.whole("shape", (), (2, 3), -1, "[rows columns channels]"))
        numbers += [-1] * (3 - len(numbers) if len(numbers) == 2 else 0)
        if not numbers:
            fields.refuse(f"shape is {described(value)}, expected [rows columns channels]")
    if numbers.count(-1) > 1:
        fields.refuse(f"shape is {numbers}, but one size at most can be inferred")
    return numbers


def _cell_size(item: object) -> int | None:
    if not isinstance(item, np.ndarray) or item.size > 1:
        return None
    return -1 if not item.size else _positive(item)


def _positive(item: Array) -> int | None:
    number = float(item.ravel()[0])
    return int(number) if number >= 1 and number.is_integer() else None


def slices(layer: LayerReading) -> list[Made]:
    """Cut along `dim` after each index of `slicePoint`. Source: mcnExtraLayers, vl_nnslice."""
    axis = layer.axis("dim", 3, 3, 4)
    value = layer.fields.get("slicePoint")
    points = layer.fields.whole("slicePoint", (), (), 1)
    if not points or list(points) != sorted(set(points)):
        layer.fields.refuse(f"slicePoint is {list(points) or described(value)}, expected growing indices")
    layer.fields.finish()
    if layer.outputs != len(points) + 1:
        raise ShapeError(f"has {layer.outputs} outputs, but slicePoint cuts {len(points) + 1} parts")
    return [Made(Slice(axis, a, b), layer.inputs) for a, b in zip((0, *points), (*points, None), strict=True)]


LAYERS: dict[str, LayerFunction] = {
    "dagnn.Concat": concat,
    "dagnn.Crop": crop,
    "dagnn.Flatten": flatten,
    "dagnn.Permute": permute,
    "dagnn.Reshape": reshape,
    "dagnn.Slice": slices,
}
