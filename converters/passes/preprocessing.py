"""What happens to an image before the network: stated by the user, checked, or moved into the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from converters.errors import ConversionError, did_you_mean
from converters.ir import Graph, Node, Preprocessing, unique_name
from converters.ops import Array, Preprocess, Shape
from converters.passes.rewiring import rebuilt
from converters.roles import image_inputs

# How many channels an image in each order has.
CHANNEL_ORDERS = {"RGB": 3, "BGR": 3, "gray": 1}

_T = TypeVar("_T")


def override_preprocessing(
    graph: Graph,
    *,
    channel_order: str | None = None,
    mean: Sequence[float] | None = None,
    mean_array: Array | None = None,
    scale: Sequence[float] | None = None,
    labels: Sequence[str] | None = None,
) -> Graph:
    """Return the network with what the user states about its images and classes in place of what the source says.

    `mean` and `scale` hold one number, or three in the order R, G, B, whatever the network's own order is. `mean_array`
    is a mean as files hold it, in the network's channel order: (channels,) or (channels, height, width); one larger
    than the input is cropped to its centre, as Caffe does. ConversionError with every problem found.
    """
    stated = _Stated(graph)
    new = graph.preprocessing
    if channel_order is not None:
        new = replace(new, channel_order=stated.checked(lambda image: _order(image, channel_order), new.channel_order))
    if mean is not None and mean_array is not None:
        stated.problems.append("a mean is given both as numbers (--mean) and as a file (--mean-file); give one of them")
    if mean is not None:
        order, old = new.channel_order, new.mean
        new = replace(new, mean=stated.checked(lambda image: _per_channel(image, "mean", mean, order), old))
    if mean_array is not None:
        new = replace(new, mean=stated.checked(lambda image: fitted_mean(mean_array, image), new.mean))
    if scale is not None:
        new = replace(new, scale=stated.checked(lambda image: _scales(image, scale, new.channel_order), new.scale))
    if labels is not None:
        stated.problems += _label_problems(graph, labels)
    if stated.problems:
        raise ConversionError(stated.problems)
    return replace(graph, preprocessing=new, labels=graph.labels if labels is None else tuple(labels))


@dataclass
class _Stated:
    """Checks of what a user states, all problems collected."""

    graph: Graph
    problems: list[str] = field(default_factory=list)

    def checked(self, check: Callable[[Shape], _T], otherwise: _T) -> _T:
        """Return what `check` makes of the image's shape (channels, height, width), or note its problems."""
        try:
            return check(_image_shape(self.graph))
        except ConversionError as error:
            self.problems += [problem for problem in error.problems if problem not in self.problems]
            return otherwise


def _image_shape(graph: Graph) -> Shape:
    """Return (channels, height, width) of the images that the network reads; ConversionError when it reads none."""
    shapes = {name: graph.inputs[name][1:] for name in image_inputs(graph)}
    if not shapes:
        found = ", ".join(f"'{name}' {list(shape)}" for name, shape in graph.inputs.items())
        raise ConversionError(f"no input is an image, that is of shape [batch, 1 or 3, height, width]: {found}")
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"'{name}' {list(shape)}" for name, shape in shapes.items())
        raise ConversionError(f"the image inputs differ in size, so one preprocessing cannot serve them all: {found}")
    return next(iter(shapes.values()))


def _order(image: Shape, order: str) -> str:
    if order not in CHANNEL_ORDERS:
        known = ", ".join(CHANNEL_ORDERS)
        raise ConversionError(f"channel order '{order}' is none of {known}{did_you_mean(order, CHANNEL_ORDERS)}")
    if CHANNEL_ORDERS[order] != image[0]:
        raise ConversionError(f"channel order {order} has {CHANNEL_ORDERS[order]} channels, the image input {image[0]}")
    return order


def _per_channel(image: Shape, what: str, numbers: Sequence[float], order: str | None) -> Array:
    """Return one number per channel in the network's order; `numbers` are one, or three in the order R, G, B."""
    values = np.asarray(numbers, np.float32)
    if values.ndim != 1 or values.size not in (1, image[0]):
        wanted = "one number" if image[0] == 1 else "one number, or three in the order R,G,B"
        raise ConversionError(f"--{what}: {values.size} numbers for an image of {image[0]} channels; give {wanted}")
    if not np.isfinite(values).all():
        raise ConversionError(f"--{what}: {', '.join(str(n) for n in numbers)} are not all finite numbers")
    if values.size == 1 or (values == values[0]).all():
        return np.full(image[0], values[0], np.float32)
    if order is None:
        raise ConversionError(
            f"--{what} is given in the order R,G,B, but the network's own channel order is not known; "
            "give --channel-order RGB or BGR"
        )
    return values[::-1].copy() if order == "BGR" else values


def _scales(image: Shape, numbers: Sequence[float], order: str | None) -> tuple[float, ...]:
    values = tuple(float(value) for value in _per_channel(image, "scale", numbers, order))
    if 0.0 in values:
        raise ConversionError("--scale: a factor of 0 would blank out the image")
    return values


def fitted_mean(mean: Array, image: Shape) -> Array:
    """Return a mean fitted to images (channels, height, width): (channels,), or a mean image cropped to its centre.

    ConversionError for other channels, a mean image smaller than the input, or values that are no numbers.
    """
    values = np.asarray(mean, np.float32)
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim not in (1, 3) or values.shape[0] != image[0]:
        turned = values.ndim == 3 and values.shape[-1] == image[0]
        hint = "; it looks like height, width, channels: turn its axes" if turned else ""
        raise ConversionError(
            f"the mean has shape {list(np.shape(mean))}, expected [{image[0]}] or [{image[0]}, height, width]{hint}"
        )
    if not np.isfinite(values).all():
        raise ConversionError("the mean holds values that are not finite numbers")
    return values.reshape(-1) if values.shape[1:] == (1, 1) else _centre(values, image)


def _centre(values: Array, image: Shape) -> Array:
    """Cut a mean image to the size of the input. Source: BVLC Caffe, data_transformer.cpp (crop_size at TEST)."""
    for axis in range(1, values.ndim):
        surplus = values.shape[axis] - image[axis]
        if surplus < 0:
            raise ConversionError(
                f"the mean image of {list(values.shape[1:])} is smaller than the input of {list(image[1:])}; "
                "give one of the input's size, or one number per channel (--mean)"
            )
        start = surplus // 2
        values = values.take(range(start, start + image[axis]), axis)
    return values


def preprocessed(pixels: Array, preprocessing: Preprocessing) -> Array:
    """Return R, G, B pixels (3, height, width), or gray ones, as a network of this preprocessing takes them."""
    image = (pixels[::-1] if preprocessing.channel_order == "BGR" else pixels).astype(np.float32)
    if preprocessing.mean is not None:
        image = image - preprocessing.mean.reshape(
            preprocessing.mean.shape + (1,) * (image.ndim - preprocessing.mean.ndim)
        )
    if preprocessing.scale is not None:
        image = image * np.array(preprocessing.scale, np.float32)[:, None, None]
    return np.ascontiguousarray(image, np.float32)


def _label_problems(graph: Graph, labels: Sequence[str]) -> Iterator[str]:
    sizes = {name: graph.shapes[value][1] for name, value in graph.outputs.items() if len(graph.shapes[value]) > 1}
    if len(labels) not in sizes.values():
        found = ", ".join(f"'{name}' has {count}" for name, count in sizes.items()) or "no output has classes"
        yield f"{len(labels)} labels were given, but {found}"


def bake_preprocessing(graph: Graph) -> Graph:
    """Return the network with its preprocessing inside: its image inputs become uint8, RGB or gray.

    ConversionError when the channel order or the mean is not known, with the option that states it.
    """
    problems = list(_unknown_preprocessing(graph))
    if problems:
        raise ConversionError(problems)
    image, known = _image_shape(graph), graph.preprocessing
    assert known.mean is not None
    mean, scale = fitted_mean(known.mean, image), known.scale or (1.0,) * image[0]
    op = Preprocess(reverse_channels=known.channel_order == "BGR", mean_image=mean.ndim == 3)
    params = {"mean": mean, "scale": np.array(scale, np.float32)}
    used, renamed, first = set(graph.shapes) | set(graph.outputs), {}, []
    for name in image_inputs(graph):
        renamed[name] = unique_name(f"{name}_preprocessed", used)
        first.append(Node(renamed[name], op, (name,), params))
    nodes = [replace(node, inputs=tuple(renamed.get(n, n) for n in node.inputs)) for node in graph.nodes]
    return rebuilt(
        graph,
        [*first, *nodes],
        outputs={outside: renamed.get(value, value) for outside, value in graph.outputs.items()},
        aliases={alias: renamed.get(value, value) for alias, value in graph.aliases.items()},
        input_dtypes={**graph.input_dtypes, **dict.fromkeys(renamed, "uint8")},
        preprocessing=_nothing_left(known, image[0]),
        warnings=(*graph.warnings, *_assumed(known)),
    )


def _nothing_left(known: Preprocessing, channels: int) -> Preprocessing:
    order = "gray" if channels == 1 else "RGB"
    return replace(known, channel_order=order, mean=np.zeros(channels, np.float32), scale=(1.0,) * channels)


def _assumed(known: Preprocessing) -> Iterator[str]:
    if known.scale is None:
        yield "the source states no scale: pixels were taken as 0..255, times 1 (--scale states another)"


def _unknown_preprocessing(graph: Graph) -> Iterator[str]:
    known = graph.preprocessing
    try:
        image = _image_shape(graph)
    except ConversionError as error:
        yield from error.problems
        return
    baked = [name for name in image_inputs(graph) if graph.input_dtypes.get(name) == "uint8"]
    if baked:
        yield f"the preprocessing is in the network already: input '{baked[0]}' takes uint8"
        return
    if known.channel_order is None and image[0] != 1:
        yield "cannot bake the preprocessing: the channel order is not known; give --channel-order RGB or BGR"
    elif known.channel_order is not None and CHANNEL_ORDERS[known.channel_order] != image[0]:
        order = known.channel_order
        yield f"cannot bake the preprocessing: channel order {order}, but the input has {image[0]} channels"
    if known.mean is None:
        numbers = "--mean VALUE" if image[0] == 1 else "--mean R,G,B"
        yield (
            f"cannot bake the preprocessing: the mean is not known; give {numbers} (0 for none) or --mean-file, "
            "and --scale where the pixels are scaled"
        )
    else:
        yield from _mean_problems(known.mean, image)


def _mean_problems(mean: Array, image: Shape) -> Iterator[str]:
    try:
        fitted_mean(mean, image)
    except ConversionError as error:
        yield from (f"cannot bake the preprocessing: {problem}" for problem in error.problems)
