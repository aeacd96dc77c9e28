"""Convolution, Deconvolution, the forks' depthwise types, InnerProduct, Embed and Im2col."""

from converters.caffe.tree import Message
from converters.errors import ShapeError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import Convolution, ConvolutionTranspose, Dense, Embedding, Im2col, Shape


def per_axis(settings: Message, name: str, rank: int, default: int, short: str = "") -> Shape:
    """Return a setting that is one number, one per spatial axis, or a pair of `_h` and `_w` (base_conv_layer.cpp)."""
    values = settings.all(name)
    short = short or name
    if f"{short}_h" in settings.names() or f"{short}_w" in settings.names():
        return _pair(settings, name, short, rank, values)
    if len(values) not in (0, 1, rank):
        raise ShapeError(f"{name} is given {len(values)} times, expected once or once per spatial axis ({rank})")
    return tuple(values) if len(values) == rank and rank else (values[0] if values else default,) * rank


def _pair(settings: Message, name: str, short: str, rank: int, values: list[int]) -> Shape:
    if values:
        raise ShapeError(f"either {name} or {short}_h and {short}_w may be given, not both")
    if rank != 2:
        raise ShapeError(f"{short}_h and {short}_w are for inputs with 2 spatial axes, this one has {rank}")
    # The one that is left out is 0: harmless as padding, refused below for a kernel or a stride.
    return tuple(settings.get(f"{short}_{axis}") or 0 for axis in "hw")


def _positive(**settings: Shape) -> None:
    for name, values in settings.items():
        if not all(value > 0 for value in values):
            raise ShapeError(
                f"{name} is {list(values)}, but every entry must be positive "
                "(a kernel_h needs a kernel_w, a stride_h a stride_w)"
            )


def window(settings: Message, rank: int) -> tuple[Shape, Shape, tuple[tuple[int, int], ...], Shape]:
    """Return kernel, stride, pads and dilation of a convolution over `rank` spatial axes."""
    kernel = per_axis(settings, "kernel_size", rank, 0, "kernel")
    stride = per_axis(settings, "stride", rank, 1)
    pad = per_axis(settings, "pad", rank, 0)
    dilation = _dilation(settings, rank)
    _positive(kernel=kernel, stride=stride, dilation=dilation)
    return kernel, stride, tuple((p, p) for p in pad), dilation


def _dilation(settings: Message, rank: int) -> Shape:
    """Return the dilation, which DeepLab's first fork calls hole."""
    holes = [settings.has(name) for name in ("hole", "hole_h", "hole_w")]
    if any(holes) and settings.all("dilation"):
        raise ShapeError("either dilation or hole may be given, not both")
    if any(holes[1:]):
        if holes[0] or rank != 2:
            raise ShapeError("hole_h and hole_w stand for hole in inputs with 2 spatial axes, not beside it")
        return settings.get("hole_h"), settings.get("hole_w")
    if holes[0]:
        return (settings.get("hole"),) * rank
    return per_axis(settings, "dilation", rank, 1)


def outputs_wanted(settings: Message) -> int:
    """Return num_output, which must be positive."""
    count: int = settings.get("num_output") or 0
    if count < 1:
        raise ShapeError(f"num_output is {count}, but must be positive")
    return count


def _same_shapes(layer: LayerReading) -> None:
    shapes = {layer.shape_of(value) for value in layer.bottoms}
    if len(shapes) != 1:
        stated = ", ".join(str(list(layer.shape_of(value))) for value in layer.bottoms)
        raise ShapeError(f"bottoms have shapes {stated}, but all must be equal")


def _convolution(layer: LayerReading, groups: int | None = None) -> list[Made]:
    settings = layer.settings("convolution_param")
    _same_shapes(layer)
    rank = len(layer.shape)
    axis = settings.get("axis") % rank if -rank <= settings.get("axis") < rank else settings.get("axis")
    kernel, stride, pads, dilation = window(settings, max(rank - axis - 1, 0))
    groups = settings.get("group") if groups is None else groups
    out, bias = outputs_wanted(settings), settings.get("bias_term")
    transposed = layer.type == "Deconvolution"
    if transposed and axis != 1:
        raise ShapeError(f"axis is {axis}, but a Deconvolution is read with its channels at axis 1 only")
    op: Convolution | ConvolutionTranspose = (
        ConvolutionTranspose(out, kernel, stride, pads, dilation, groups, bias)
        if transposed
        else Convolution(out, kernel, stride, pads, dilation, groups, bias, axis)
    )
    op.output_shape(layer.shape)
    params = layer.learned(op, (layer.bottoms[0],), weight_fillers(settings))
    return [Made(op, (bottom,), params) for bottom in layer.bottoms]


def weight_fillers(settings: Message) -> dict[str, Message]:
    """Return the fillers of a weight and a bias."""
    return {"weight": settings.message("weight_filler"), "bias": settings.message("bias_filler")}


def convolution(layer: LayerReading) -> list[Made]:
    """One op per bottom, all with the same weights."""
    return _convolution(layer)


def depthwise(layer: LayerReading) -> list[Made]:
    """The forks' depthwise layers: a convolution in as many groups as channels, whether or not `group` says so."""
    return _convolution(layer, layer.shape[1])


def inner_product(layer: LayerReading) -> list[Made]:
    """A dense layer; with `transpose` the weights stand as (in, out)."""
    settings = layer.settings("inner_product_param")
    if settings.get("normalize"):
        raise ShapeError("normalize: true belongs to a fork's training and is not supported")
    op = Dense(outputs_wanted(settings), settings.get("axis"), settings.get("bias_term"))
    shapes, fillers = op.param_shapes(layer.shape_of(layer.bottom)), weight_fillers(settings)
    wanted = shapes["weight"][::-1] if settings.get("transpose") else shapes["weight"]
    weight = layer.blob(0, wanted, fillers["weight"])
    params = {"weight": weight.T if settings.get("transpose") else weight}
    if op.bias:
        params["bias"] = layer.blob(1, shapes["bias"], fillers["bias"])
    return [Made(op, layer.bottoms, params)]


def embed(layer: LayerReading) -> list[Made]:
    """A table of vectors."""
    settings = layer.settings("embed_param")
    if (settings.get("input_dim") or 0) < 1:
        raise ShapeError("input_dim must be positive")
    op = Embedding(settings.get("input_dim"), outputs_wanted(settings), settings.get("bias_term"))
    return [Made(op, (layer.bottom,), layer.learned(op, layer.bottoms, weight_fillers(settings)))]


def im2col(layer: LayerReading) -> list[Made]:
    """Windows as columns."""
    settings = layer.settings("convolution_param")
    if settings.get("axis") != 1:
        raise ShapeError(f"axis is {settings.get('axis')}, but Im2col is read with its channels at axis 1 only")
    return [Made(Im2col(*window(settings, len(layer.shape_of(layer.bottom)) - 2)), layer.bottoms)]


LAYERS: dict[str, LayerFunction] = {
    "Convolution": convolution,
    "Deconvolution": convolution,
    "DepthwiseConvolution": depthwise,
    "ConvolutionDepthwise": depthwise,
    "InnerProduct": inner_product,
    "Embed": embed,
    "Im2col": im2col,
}
