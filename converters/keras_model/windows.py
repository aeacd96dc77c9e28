"""Padding, cropping and strided views around windows, on tensors whose channels come last."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from converters.keras_model.layout import FORMAT, Tensor
from converters.keras_model.library import layers, ops
from converters.ops import Pads, Shape
from converters.ops.windows import extent

_PADDING = {1: layers.ZeroPadding1D, 2: layers.ZeroPadding2D, 3: layers.ZeroPadding3D}
_CROPPING = {1: layers.Cropping1D, 2: layers.Cropping2D, 3: layers.Cropping3D}


def zero_padded(x: Tensor, pads: Pads) -> Tensor:
    """Surround the spatial axes with zeros; negative pads crop."""
    return _surrounded(_cropped(x, pads), pads)


def _surrounded(x: Tensor, pads: Pads) -> Tensor:
    amounts = tuple((max(before, 0), max(after, 0)) for before, after in pads)
    return _layer(_PADDING, amounts)(x) if any(map(any, amounts)) else x


def _cropped(x: Tensor, pads: Pads) -> Tensor:
    amounts = tuple((max(-before, 0), max(-after, 0)) for before, after in pads)
    return _layer(_CROPPING, amounts)(x) if any(map(any, amounts)) else x


def _layer(kinds: dict[int, type], amounts: Pads) -> Any:
    kind = kinds[len(amounts)]
    # Those of one axis know no data format: they take it for channels last.
    return kind(amounts[0]) if len(amounts) == 1 else kind(amounts, data_format=FORMAT)


def padded(x: Tensor, pads: Pads, value: float) -> Tensor:
    """Surround the spatial axes with `value`; pads are not negative."""
    if not any(map(any, pads)):
        return x
    return ops.pad(x, [[0, 0], *map(list, pads), [0, 0]], constant_values=value)


def taps(x: Tensor, kernel: Shape, stride: Shape, dilation: Shape) -> Iterator[Tensor]:
    """Yield for each kernel position the strided view of a padded tensor that it meets, at any size of the tensor."""
    for offset in product(*(range(k) for k in kernel)):
        view = [slice(None)]
        for o, k, s, d in zip(offset, kernel, stride, dilation, strict=True):
            behind = o * d - (extent(k, d) - 1)
            view.append(slice(o * d, behind or None, s))
        yield x[(*view, slice(None))]
