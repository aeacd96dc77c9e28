"""What two releases of one network say about images and classes, held against each other."""

from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from converters.crosscheck.channels import Channels
from converters.crosscheck.pairing import Titles
from converters.ir import Graph, Preprocessing
from converters.ops import Array

# Published means are rounded to a few decimals; pixels are 0..255.
MEAN_ROUNDING = 1e-3
SCALE_ROUNDING = 1e-6


@dataclass(frozen=True)
class Statements:
    """What was found: `lines` for the record, `problems` where the two contradict each other."""

    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Statements") -> "Statements":
        return Statements(self.lines + other.lines, self.problems + other.problems)


def compared_preprocessing(first: Graph, second: Graph, channels: Channels, titles: Titles) -> Statements:
    """Compare mean and scale of the images, the second network's channels turned where its order is the other."""
    ours, theirs = first.preprocessing, second.preprocessing
    names = _channel_names(channels.first, ours)
    found = Statements()
    if ours.mean is not None and theirs.mean is not None:
        found += _means(ours.mean, theirs.mean, channels, names, titles)
    elif ours.mean is not None or theirs.mean is not None:
        found += Statements((f"only {titles[0 if theirs.mean is None else 1]} states a mean",))
    if ours.scale is not None or theirs.scale is not None:
        found += _scales(ours, theirs, channels, titles)
    return found


def _turned(values: Array, channels: Channels) -> Array:
    """Return what the second network states for each channel in the order that the first one states."""
    return values[::-1] if channels.said_swapped else values


def _channel_names(order: str | None, known: Preprocessing) -> str:
    return order if order in ("RGB", "BGR") else "" if known.channel_order is None else known.channel_order


def _means(ours: Array, theirs: Array, channels: Channels, names: str, titles: Titles) -> Statements:
    aligned = _turned(theirs, channels)
    apart = _apart(ours, aligned)
    if apart is None:
        shapes = [f"{list(mean.shape[1:])}" for mean in (ours, theirs)]
        return Statements(problems=(f"mean images of {shapes[0]} and {shapes[1]} cannot be compared",))
    said = f"{titles[0]} subtracts {_in_words(ours, names)}, {titles[1]} {_in_words(aligned, names)}"
    if apart <= MEAN_ROUNDING:
        rounding = f" (within {apart:.1e})" if apart else ""
        flipped = ", in reverse order as their channels are" if channels.said_swapped else ""
        return Statements((f"means agree{rounding}: {_in_words(ours, names)}{flipped}",))
    reverse = _apart(ours, aligned[::-1])
    if reverse is not None and reverse <= MEAN_ROUNDING:
        return Statements(problems=(f"one of the means is in the wrong channel order: {said}",))
    return Statements(problems=(f"means differ by up to {apart:.4g} of 0..255: {said}",))


def _apart(ours: Array, theirs: Array) -> float | None:
    """Return the largest difference of two means, one of which may hold a single value per channel; None for others."""
    planes = [mean.reshape(mean.shape + (1,) * (3 - mean.ndim)).astype(np.float64) for mean in (ours, theirs)]
    sizes = {plane.shape[1:] for plane in planes} - {(1, 1)}
    if len(sizes) > 1 or len(planes[0]) != len(planes[1]):
        return None
    return float(np.abs(planes[0] - planes[1]).max(initial=0.0))


def _in_words(mean: Array, names: str) -> str:
    """Write a mean as `B 93.594, G 104.762, R 129.186`, of a mean image the average of each channel."""
    values = [float(np.mean(channel, dtype=np.float64)) for channel in mean.reshape(len(mean), -1)]
    named = names if len(names) == len(values) else [""] * len(values)
    numbers = ", ".join(f"{name} {value:.7g}".strip() for name, value in zip(named, values, strict=True))
    return f"an image of average {numbers}" if mean.ndim == 3 else numbers


def _scales(ours: Preprocessing, theirs: Preprocessing, channels: Channels, titles: Titles) -> Statements:
    """Compare the factors of pixels; one who states none but a mean multiplies by 1."""
    if (ours.scale is None and ours.mean is None) or (theirs.scale is None and theirs.mean is None):
        return Statements((f"only {titles[0 if theirs.scale is None else 1]} states a scale",))
    count = len(ours.scale or theirs.scale or ())
    factors = [np.array(known.scale or (1.0,) * count) for known in (ours, theirs)]
    aligned = _turned(factors[1], channels)
    if len(factors[0]) == len(aligned) and np.allclose(factors[0], aligned, rtol=SCALE_ROUNDING, atol=0):
        return Statements(("scales agree",))
    said = [", ".join(f"{value:.7g}" for value in values) for values in (factors[0], aligned)]
    return Statements(problems=(f"scales differ: {titles[0]} multiplies by {said[0]}, {titles[1]} by {said[1]}",))


def compared_labels(first: Graph, second: Graph, titles: Titles) -> Statements:
    """Compare the names of the classes in their order."""
    ours, theirs = first.labels, second.labels
    if not (ours and theirs):
        named = [title for title, labels in zip(titles, (ours, theirs), strict=True) if labels]
        return Statements((f"only {named[0]} names its classes ({len(ours or theirs)})",) if named else ())
    if len(ours) != len(theirs):
        return Statements(problems=(f"{titles[0]} names {len(ours)} classes, {titles[1]} {len(theirs)}",))
    if ours == theirs:
        return Statements((f"labels are equal ({len(ours)})",))
    plain = ([_plain(label) for label in ours], [_plain(label) for label in theirs])
    index = next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
    if plain[0] == plain[1]:
        return Statements((f"labels are equal but for spelling: '{ours[index]}' and '{theirs[index]}'",))
    apart = [i for i, pair in enumerate(zip(*plain, strict=True)) if pair[0] != pair[1]]
    what = "the same labels stand in another order" if sorted(plain[0]) == sorted(plain[1]) else "labels differ"
    first_apart = f"class {apart[0]} is '{ours[apart[0]]}' in {titles[0]}, '{theirs[apart[0]]}' in {titles[1]}"
    return Statements(problems=(f"{what} ({len(apart)} of {len(ours)}): {first_apart}",))


def _plain(label: str) -> str:
    """Return a label without case, accents, blanks and signs: `A.J._Buckley` and `A J Buckley` are one person."""
    return "".join(letter for letter in normalize("NFKD", label).casefold() if letter.isalnum())
