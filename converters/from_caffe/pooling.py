"""Pooling, SPP, ROIPooling and the forks' Upsample."""

from math import ceil

from converters.caffe.tree import Message
from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import (
    Concat,
    Flatten,
    GlobalPooling,
    MaxUnpooling,
    NearestUpsampling,
    Pooling,
    PoolingIndices,
    RegionPooling,
    Shape,
)
from converters.ops.pooling import Method

METHODS: dict[str, Method] = {"MAX": "max", "AVE": "average"}


def _method(settings: Message) -> Method:
    kind = settings.get("pool")
    if kind not in METHODS:
        raise UnsupportedError(f"pool: {kind} has no meaning on a CPU in Caffe and is not supported")
    return METHODS[kind]


def _pair(settings: Message, name: str, single: str, default: int) -> Shape:
    """Return a setting for height and width: the single one, or both of `_h` and `_w`."""
    given = [settings.has(f"{name}_{axis}") for axis in "hw"]
    if settings.has(single) and any(given):
        raise ShapeError(f"either {single} or {name}_h and {name}_w may be given, not both")
    if any(given) and not all(given):
        raise ShapeError(f"{name}_h and {name}_w must be given together")
    if all(given):
        return tuple(settings.get(f"{name}_{axis}") for axis in "hw")
    return (settings.get(single) if settings.has(single) else default,) * 2


def _check_global(settings: Message) -> None:
    if any(settings.has(name) for name in ("kernel_size", "kernel_h", "kernel_w")):
        raise ShapeError("global_pooling: true takes the whole input, so no kernel size can be given")
    if set(_pair(settings, "pad", "pad", 0)) != {0} or set(_pair(settings, "stride", "stride", 1)) != {1}:
        raise ShapeError("global_pooling: true allows only pad 0 and stride 1")


def pooling(layer: LayerReading) -> list[Made]:
    """Max or average pooling; a second top holds the indices of the maxima."""
    settings = layer.settings("pooling_param")
    method = _method(settings)
    if len(layer.shape_of(layer.bottom)) != 4:
        raise ShapeError(f"input has shape {list(layer.shape)}, but Pooling needs 4 axes")
    made, windows = _global(layer, method) if settings.get("global_pooling") else _windowed(layer, method)
    if layer.tops < 2:
        return [made]
    if method != "max":
        raise ShapeError("only MAX pooling has a second top")
    return [made, Made(windows, layer.bottoms)]


def _global(layer: LayerReading, method: Method) -> tuple[Made, PoolingIndices]:
    _check_global(layer.settings("pooling_param"))
    return Made(GlobalPooling(method), layer.bottoms), PoolingIndices(layer.shape[2:], (1, 1), ((0, 0), (0, 0)))


def _windowed(layer: LayerReading, method: Method) -> tuple[Made, PoolingIndices]:
    settings = layer.settings("pooling_param")
    kernel, stride, pads = _windows(settings)
    up = settings.get("ceil_mode") if settings.has("ceil_mode") else settings.get("round_mode") == "CEIL"
    return Made(Pooling(kernel, stride, pads, up, method), layer.bottoms), PoolingIndices(kernel, stride, pads, up)


def _windows(settings: Message) -> tuple[Shape, Shape, tuple[tuple[int, int], ...]]:
    kernel = _pair(settings, "kernel", "kernel_size", 0)
    stride, pad = _pair(settings, "stride", "stride", 1), _pair(settings, "pad", "pad", 0)
    for name, values in (("kernel", kernel), ("stride", stride)):
        if min(values) < 1:
            raise ShapeError(f"{name} is {list(values)}, but must be positive")
    if any(p >= k for p, k in zip(pad, kernel, strict=True)):
        raise ShapeError(f"pad {list(pad)} must be smaller than the kernel {list(kernel)}")
    return kernel, stride, tuple((p, p) for p in pad)


def spp(layer: LayerReading) -> list[Made]:
    """Spatial pyramid pooling: levels of 1, 4, 16 ... bins, each flattened, side by side. Source: spp_layer.cpp."""
    settings = layer.settings("spp_param")
    method, height = _method(settings), settings.get("pyramid_height") or 0
    if height < 1:
        raise ShapeError("pyramid_height must be positive")
    levels = [_pyramid_level(layer.shape_of(layer.bottom), 2**level, method) for level in range(height)]
    if height == 1:
        return [Made(levels[0], layer.bottoms)]
    parts = []
    for level, op in enumerate(levels):
        pooled = layer.node(f"pool{level}", op, layer.bottoms)
        parts.append(layer.node(f"flat{level}", Flatten(), (pooled,)))
    return [Made(Concat(1), tuple(parts))]


def _pyramid_level(shape: Shape, bins: int, method: Method) -> Pooling:
    if len(shape) != 4:
        raise ShapeError(f"input has shape {list(shape)}, but SPP needs 4 axes")
    if bins > min(shape[2:]):
        raise ShapeError(f"a pyramid level of {bins} x {bins} bins does not fit an input of {list(shape[2:])}")
    kernel = tuple(ceil(n / bins) for n in shape[2:])
    pads = tuple(((k * bins - n + 1) // 2,) * 2 for k, n in zip(kernel, shape[2:], strict=True))
    if any(p >= k for (p, _), k in zip(pads, kernel, strict=True)):
        raise ShapeError(f"a pyramid level of {bins} x {bins} bins pads {list(shape[2:])} by a whole window or more")
    return Pooling(kernel, kernel, pads, True, method)


def roi_pooling(layer: LayerReading) -> list[Made]:
    """Max pooling of regions to a fixed size."""
    settings = layer.settings("roi_pooling_param")
    size = (settings.get("pooled_h"), settings.get("pooled_w"))
    if min(size) < 1:
        raise ShapeError(f"pooled_h and pooled_w are {list(size)}, but must be positive")
    layer.expect_bottoms(2)
    return [Made(RegionPooling(size, settings.get("spatial_scale")), layer.bottoms)]


def upsample(layer: LayerReading) -> list[Made]:
    """With one bottom each pixel is repeated (YOLO forks);

    with two, values go where the pooling indices say (SegNet).
    """
    settings = layer.settings("upsample_param")
    layer.expect_bottoms(1, 2)
    if not layer.has_settings("upsample_param"):
        raise UnsupportedError(
            "the type Upsample is known from forks of Caffe only, where its upsample_param states a scale; "
            "this layer has none"
        )
    if len(layer.bottoms) == 1:
        names = [f"scale_{axis}" if settings.has(f"scale_{axis}") else "scale" for axis in "hw"]
        if not all(settings.has(name) for name in names):
            raise ShapeError("does not state its scale, whose default differs between forks")
        return [Made(NearestUpsampling(tuple(settings.get(name) for name in names)), layer.bottoms)]
    size = []
    for axis, n in zip("hw", layer.shape[2:], strict=True):
        factor = settings.get(f"scale_{axis}") if settings.has(f"scale_{axis}") else settings.get("scale")
        fixed = settings.get(f"upsample_{axis}")
        size.append(fixed or n * factor - int(settings.get(f"pad_out_{axis}")))
    return [Made(MaxUnpooling(tuple(size)), layer.bottoms)]


LAYERS: dict[str, LayerFunction] = {
    "Pooling": pooling,
    "SPP": spp,
    "ROIPooling": roi_pooling,
    "Upsample": upsample,
}
