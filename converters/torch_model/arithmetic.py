"""Ops that combine values, as source code."""

from converters import ops
from converters.torch_model.layer import Layer, Site, axes_after, call, code, given, layered, short


def sum_of(op: ops.Sum, site: Site) -> Layer:
    """Write a sum; coefficients 1 and -1 become signs."""
    coefficients = op.coefficients or (1.0,) * len(site.shapes)
    text = ""
    for i, coefficient in enumerate(coefficients):
        sign = ("-" if i == 0 else " - ") if coefficient < 0 else ("" if i == 0 else " + ")
        text += sign + (f"{{{i}}}" if abs(coefficient) == 1 else f"{short(abs(coefficient))} * {{{i}}}")
    return Layer(text)


def product(_op: ops.Product, site: Site) -> Layer:
    """Write a product."""
    return Layer(" * ".join(f"{{{i}}}" for i in range(len(site.shapes))))


def maximum(_op: ops.Maximum, site: Site) -> Layer:
    """Write nested torch.maximum."""
    text = "{0}"
    for i in range(1, len(site.shapes)):
        text = f"torch.maximum({text}, {{{i}}})"
    return Layer(text)


def scale(op: ops.Scale, site: Site) -> Layer:
    """Write a Scale layer, its parameters shaped to broadcast."""
    shape = _broadcast_shape(op, site)
    tensors = {"weight": site.params["scale"].reshape(shape)}
    if op.bias:
        tensors["bias"] = site.params["bias"].reshape(shape)
    return layered(call("Scale", *shape, **given(bias=(op.bias, False))), tensors)


def bias(op: ops.Bias, site: Site) -> Layer:
    """Write a Bias layer, its parameter shaped to broadcast."""
    shape = _broadcast_shape(op, site)
    return layered(call("Bias", *shape), {"bias": site.params["bias"].reshape(shape)})


def _broadcast_shape(op: ops.Scale | ops.Bias, site: Site) -> ops.Shape:
    if op.num_axes == 0:
        return ()
    axis = op.axis % site.rank
    covered = site.shapes[0][axis:] if op.num_axes == -1 else site.shapes[0][axis : axis + op.num_axes]
    return (*covered, *(1,) * (site.rank - axis - len(covered)))


def scale_by(op: ops.ScaleBy, site: Site) -> Layer:
    """Write a product that broadcasts from an axis on."""
    return Layer(f"{{0}} * {_aligned(op, site)}")


def bias_by(op: ops.BiasBy, site: Site) -> Layer:
    """Write a sum that broadcasts from an axis on."""
    return Layer(f"{{0}} + {_aligned(op, site)}")


def _aligned(op: ops.ScaleBy | ops.BiasBy, site: Site) -> str:
    other = len(site.shapes[1])
    return "{1}" + (axes_after(op.axis % site.rank + other, site.rank) if other else "")


def reduction(op: ops.Reduction, site: Site) -> Layer:
    """Write a sum or mean over the last axes."""
    before = {"sum_absolute": ".abs()", "sum_squares": ".square()"}.get(op.operation, "")
    axes = tuple(range(op.axis % site.rank, site.rank))
    over = "" if len(axes) == site.rank else code(axes[0] if len(axes) == 1 else axes)
    y = f"{{0}}{before}.{'mean' if op.operation == 'mean' else 'sum'}({over})"
    return Layer(y if op.coefficient == 1 else f"{short(op.coefficient)} * {y}")


def arg_max(op: ops.ArgMax, _site: Site) -> Layer:
    """Write an ArgMax layer."""
    settings = given(axis=(op.axis, None), top_k=(op.top_k, 1), output=(op.output, "indices"))
    return layered(call("ArgMax", **settings))


def constant(op: ops.Constant, site: Site) -> Layer:
    """Write a buffer that holds the array."""
    return Layer("{layer}", f"nn.Buffer({call('torch.zeros', op.shape)})", {"": site.params["value"]})


def preprocess(op: ops.Preprocess, site: Site) -> Layer:
    """Write a Preprocess layer."""
    channels = site.shapes[0][1]
    mean_shape = site.shapes[0][1:] if op.mean_image else (channels, 1, 1)
    tensors = {"mean": site.params["mean"].reshape(mean_shape), "scale": site.params["scale"].reshape(channels, 1, 1)}
    return layered(call("Preprocess", *mean_shape, **given(reverse_channels=(op.reverse_channels, False))), tensors)
