"""Ops that multiply by a learned matrix, as source code."""

from collections.abc import Mapping

from converters import ops
from converters.errors import UnsupportedError
from converters.ops import Array, Pads, Shape
from converters.torch_model.layer import Layer, Site, axes_after, call, code, given, layered, one

MOST_SPATIAL_AXES = 3


def convolution(op: ops.Convolution, site: Site) -> Layer:
    """Write nn.Conv1d, 2d or 3d; pads that differ before and after come in front of it."""
    padding, room = _symmetric(op.pads)
    module = _constructor("nn.Conv", op, site.shapes[0][op.axis], padding)
    x = f"F.pad({{0}}, {code(_last_first(room))})" if any(map(any, room)) else "{0}"
    return Layer(_with_channels_at(op.axis, x), module, _tensors(site))


def _with_channels_at(axis: int, x: str) -> str:
    if axis == 1:
        return f"{{layer}}({x})"
    if axis == 0:
        return f"{{layer}}({x}[None]).squeeze(0)"
    return f"{{layer}}({x}.flatten(0, {axis - 1})).unflatten(0, {{0}}.shape[:{axis}])"


def convolution_transpose(op: ops.ConvolutionTranspose, site: Site) -> Layer:
    """Write nn.ConvTranspose1d, 2d or 3d; what pads crop beyond `padding` is cut off behind it."""
    padding, crop = _symmetric(op.pads)
    module = _constructor("nn.ConvTranspose", op, site.shapes[0][1], padding)
    if not any(map(any, crop)):
        return layered(module, _tensors(site))
    amounts = code(tuple(-amount for amount in _last_first(crop)))
    if op.bias and min(map(min, crop)) < 0:
        # New cells hold the bias as well.
        bias = f"{{layer}}.bias{axes_after(0, len(op.kernel))}"
        return Layer(f"F.pad({{layer}}({{0}}) - {bias}, {amounts}) + {bias}", module, _tensors(site))
    return Layer(f"F.pad({{layer}}({{0}}), {amounts})", module, _tensors(site))


def _symmetric(pads: Pads) -> tuple[Shape, Pads]:
    """Split pads into what is the same before and after each axis, and the rest."""
    if all(before == after >= 0 for before, after in pads):
        return tuple(before for before, _ in pads), ((0, 0),) * len(pads)
    return (0,) * len(pads), pads


def _last_first(pads: Pads) -> Shape:
    """Return pads in the order of F.pad."""
    return tuple(amount for pair in reversed(pads) for amount in pair)


def _constructor(kind: str, op: ops.Convolution | ops.ConvolutionTranspose, channels: int, padding: Shape) -> str:
    axes = len(op.kernel)
    if axes > MOST_SPATIAL_AXES:
        what = f"{type(op).__name__} over {axes} spatial axes"
        raise UnsupportedError(f"{what} has no form in PyTorch, which has at most {MOST_SPATIAL_AXES}")
    settings = given(
        stride=(one(op.stride), 1),
        padding=(one(padding), 0),
        dilation=(one(op.dilation), 1),
        groups=(op.groups, 1),
        bias=(op.bias, True),
    )
    return call(f"{kind}{axes}d", channels, op.out_channels, one(op.kernel), **settings)


def dense(op: ops.Dense, site: Site) -> Layer:
    """Write nn.Linear on flattened axes."""
    axis = op.axis % site.rank
    module = call("nn.Linear", site.params["weight"].shape[1], op.out_features, **given(bias=(op.bias, True)))
    flat = "{0}" if site.rank == axis + 1 else f"{{0}}.flatten({axis})"
    return Layer(f"{{layer}}({flat})", module, _tensors(site))


def embedding(op: ops.Embedding, site: Site) -> Layer:
    """Write nn.Embedding, or a BiasedEmbedding layer."""
    if op.bias:
        return layered(call("BiasedEmbedding", op.entries, op.features), _tensors(site))
    return Layer("{layer}({0}.long())", call("nn.Embedding", op.entries, op.features), _tensors(site))


def im2col(op: ops.Im2col, _site: Site) -> Layer:
    """Write an Im2col layer."""
    return layered(call("Im2col", op.kernel, op.stride, op.pads, op.dilation))


def _tensors(site: Site) -> Mapping[str, Array]:
    return {name: site.params[name] for name in ("weight", "bias") if name in site.params}
