"""The part of a module that turns an image into the network's input: constants and the function `preprocess`."""

from converters.ir import Graph, Preprocessing
from converters.ops import Array
from converters.torch_model.layer import code
from converters.torch_model.names import literal, plain

MEAN_IMAGE = "mean_image"


def mean_image(known: Preprocessing) -> Array | None:
    """Return the mean where it is an image, which the state_dict holds, and not a constant of the module."""
    return known.mean if known.mean is not None and known.mean.ndim > 1 else None


def constants(known: Preprocessing) -> list[str]:
    """Return the constants that say what the network expects, as far as the source says it."""
    lines = []
    if known.channel_order:
        lines.append(f"CHANNEL_ORDER = {literal(known.channel_order)}")
    if known.mean is not None and known.mean.ndim == 1:
        lines.append(f"MEAN = {code(tuple(float(value) for value in known.mean))}")
    if known.scale is not None:
        lines.append(f"SCALE = {code(tuple(float(value) for value in known.scale))}")
    if known.size:
        lines.append(f"INPUT_SIZE = {code(tuple(known.size))}  # height, width")
    return lines


def meaning(graph: Graph, name: str) -> str:
    """Return what the values of an input are, as far as the source says it: ", BGR, values 0..255, minus MEAN"."""
    known = graph.preprocessing
    order = f", {plain(known.channel_order)}" if known.channel_order else ""
    if name in graph.input_dtypes:
        return f", {plain(graph.input_dtypes[name])}{order}, values 0..255"
    if name != next(iter(graph.inputs)) or not order:
        return ""
    mean = {None: "", 1: ", minus MEAN"}.get(None if known.mean is None else known.mean.ndim, ", minus the mean image")
    return f"{order}, values 0..255{mean}{', times SCALE' if _scales(known) else ''}"


def can_preprocess(graph: Graph) -> bool:
    """Whether the source says enough for `preprocess`: one image as input, its channels, what is done to the values."""
    known = graph.preprocessing
    image = len(graph.inputs) == 1 and len(next(iter(graph.inputs.values()))) == 4 and not graph.input_dtypes
    return image and known.channel_order is not None and (known.mean is not None or known.scale is not None)


def preprocess(graph: Graph, dtype: str) -> list[str]:
    """Return the function `preprocess`, nothing where the source does not say enough."""
    known = graph.preprocessing
    if not can_preprocess(graph):
        return []
    with_mean = mean_image(known) is not None
    x = "torch.tensor(image, dtype=torch.float32)"
    gray = known.channel_order == "gray"
    lines = [
        f"def preprocess(image: ArrayLike{', mean: Tensor' if with_mean else ''}) -> Tensor:",
        *_docstring(known),
        f"    x = {x}.squeeze()[None, None]" if gray else f"    x = {x}.permute(2, 0, 1)[None]",
    ]
    if known.size:
        lines.append('    x = F.interpolate(x, INPUT_SIZE, mode="bilinear", antialias=True)')
    if known.channel_order == "BGR":
        lines.append("    x = x.flip(1)  # RGB to BGR")
    y = _arithmetic(known)
    lines.append(f"    return ({y}).to(DTYPE)" if dtype == "float16" else f"    return {y}")
    return ["\n".join(lines)]


def _docstring(known: Preprocessing) -> list[str]:
    image, shape = ("an RGB image", "(height, width, 3)")
    if known.channel_order == "gray":
        image, shape = ("a grey image", "(height, width)")
    lines = [
        f'    """Turn {image}, {shape} of values 0..255, into the network\'s input.',
        "",
        f"    It is {'resized to INPUT_SIZE' if known.size else 'not resized'}.",
    ]
    if mean_image(known) is not None:
        lines[-1] += f" `mean` is the model's `{MEAN_IMAGE}`."
    return [*lines, '    """']


def _arithmetic(known: Preprocessing) -> str:
    """Return the expression of (x - mean) * scale, without what changes nothing."""
    y = "x"
    if known.mean is not None:
        y += " - torch.tensor(MEAN).reshape(-1, 1, 1)" if mean_image(known) is None else " - mean.float()"
    if not _scales(known):
        return y
    return f"{y if y == 'x' else f'({y})'} * torch.tensor(SCALE).reshape(-1, 1, 1)"


def _scales(known: Preprocessing) -> bool:
    return known.scale is not None and any(factor != 1 for factor in known.scale)
