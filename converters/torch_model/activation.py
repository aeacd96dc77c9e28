"""Activations as source code."""

from converters import ops
from converters.torch_model.layer import Layer, Site, call, given, layered, short


def identity(_op: ops.Identity, _site: Site) -> Layer:
    """Write nn.Identity."""
    return layered("nn.Identity()")


def dropout(op: ops.Dropout, _site: Site) -> Layer:
    """Write nn.Dropout, which drops nothing in inference and `rate` in training."""
    return layered(call("nn.Dropout", op.rate))


def relu(op: ops.ReLU, _site: Site) -> Layer:
    """Write nn.ReLU or nn.LeakyReLU."""
    return layered(call("nn.LeakyReLU", op.negative_slope) if op.negative_slope else "nn.ReLU()")


def prelu(op: ops.PReLU, site: Site) -> Layer:
    """Write nn.PReLU; a shared slope is one of shape (1,) there."""
    channels = () if op.shared else site.shapes[0][1:2]
    return layered(call("nn.PReLU", *channels), {"weight": site.params["slope"].reshape(-1)})


def elu(op: ops.ELU, _site: Site) -> Layer:
    """Write nn.ELU."""
    return layered(call("nn.ELU", **given(alpha=(op.alpha, 1.0))))


def sigmoid(_op: ops.Sigmoid, _site: Site) -> Layer:
    """Write nn.Sigmoid."""
    return layered("nn.Sigmoid()")


def tanh(_op: ops.TanH, _site: Site) -> Layer:
    """Write nn.Tanh."""
    return layered("nn.Tanh()")


def softplus(_op: ops.Softplus, _site: Site) -> Layer:
    """Write nn.Softplus."""
    return layered("nn.Softplus()")


def swish(op: ops.Swish, _site: Site) -> Layer:
    """Write nn.SiLU where beta is 1."""
    return layered("nn.SiLU()") if op.beta == 1 else Layer(f"{{0}} * ({short(op.beta)} * {{0}}).sigmoid()")


def clip(op: ops.Clip, _site: Site) -> Layer:
    """Write nn.ReLU6, or a clamp with other limits."""
    if (op.low, op.high) == (0.0, 6.0):
        return layered("nn.ReLU6()")
    return Layer(call("{0}.clamp", float(op.low), float(op.high)))


def threshold(op: ops.Threshold, _site: Site) -> Layer:
    """Write a comparison."""
    return Layer(f"({{0}} > {short(op.threshold)}).to({{0}}.dtype)")


def absolute_value(_op: ops.AbsoluteValue, _site: Site) -> Layer:
    """Write abs."""
    return Layer("{0}.abs()")


def power(op: ops.Power, _site: Site) -> Layer:
    """Write a power of a linear expression, or the constant that it is."""
    if op.constant is not None:
        return Layer(f"torch.full_like({{0}}, {short(op.constant)})")
    base = linear(op.scale, op.shift)
    if op.power == 1:
        return Layer(base)
    return Layer(f"{{0}}**{short(op.power)}" if base == "{0}" else f"({base}) ** {short(op.power)}")


def exponential(op: ops.Exponential, _site: Site) -> Layer:
    """Write exp with factors inside and before it."""
    power = f"torch.exp({linear(op.inner, 0.0)})"
    return Layer(power if op.outer == 1 else f"{short(op.outer)} * {power}")


def logarithm(op: ops.Logarithm, _site: Site) -> Layer:
    """Write a logarithm, in any base."""
    inner = linear(op.scale, op.shift)
    known = {ops.Logarithm().base: "log", 2.0: "log2", 10.0: "log10"}.get(op.base)
    return Layer(f"torch.{known}({inner})" if known else f"torch.log({inner}) / math.log({short(op.base)})")


def softmax(op: ops.Softmax, site: Site) -> Layer:
    """Write nn.Softmax."""
    return layered(call("nn.Softmax", dim=op.axis % site.rank))


def linear(scale: float, shift: float) -> str:
    """Return the expression scale * {0} + shift, without what changes nothing."""
    scaled = "{0}" if scale == 1 else f"{short(scale)} * {{0}}"
    if shift == 0:
        return scaled
    return f"{scaled} {'+' if shift > 0 else '-'} {short(abs(shift))}"
