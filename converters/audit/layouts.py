"""In which order a file may keep the axes of an array: a short list of named layouts, those that its shape allows."""

from collections.abc import Iterator
from functools import cache
from math import prod
from typing import NamedTuple

from converters.audit.wanted import IN, OUT, Axes
from converters.ops import Array, Shape


class Layout(NamedTuple):
    """The axes of the reference in the order in which a file keeps them, maybe several of them as one.

    `swapped` says that the axes of a kernel stand the other way round, as for images whose rows are columns.
    """

    letters: str
    swapped: bool

    def view(self, array: Array, axes: Axes) -> Array:
        """Return a file's array with the axes of the reference; no values are copied where they lie in C order."""
        sizes = dict(zip(axes.letters, axes.sizes, strict=True))
        split = array.reshape(tuple(sizes[letter] for letter in self.letters))
        return split.transpose(tuple(self.letters.index(letter) for letter in axes.letters))


@cache
def layouts(axes: Axes, shape: Shape) -> tuple[Layout, ...]:
    """Return the layouts of an array that a file's shape allows, the likeliest first; axes of size 1 do not count."""
    found: dict[str, Layout] = {}
    for layout in _orders(axes):
        if any(_squeezed(sizes) == _squeezed(shape) for sizes in _forms(axes, layout.letters)):
            found.setdefault(moving(axes, layout.letters), layout)
    return tuple(found.values())


def changed(axes: Axes, layout: Layout) -> bool:
    """Return whether a layout has the axes in another order than the reference."""
    return moving(axes, layout.letters) != moving(axes, axes.letters)


def moving(axes: Axes, letters: str) -> str:
    """Return those letters whose axes are longer than 1."""
    sizes = dict(zip(axes.letters, axes.sizes, strict=True))
    return "".join(letter for letter in letters if sizes[letter] > 1)


def _orders(axes: Axes) -> Iterator[Layout]:
    """Yield the reference's own order, then those of Keras, TensorFlow Lite, transposed ones, and each with the axes of
    the kernel swapped.
    """
    yield Layout(axes.letters, False)
    if OUT not in axes.letters:
        return
    kernel = axes.spatial
    for spatial in dict.fromkeys((kernel, kernel[::-1])):
        for order in (OUT + IN + "s", "s" + IN + OUT, OUT + "s" + IN, "s" + OUT + IN, IN + OUT + "s", IN + "s" + OUT):
            yield Layout(order.replace("s", spatial), spatial != kernel)


def _forms(axes: Axes, letters: str) -> Iterator[Shape]:
    """Yield the shapes that an array in this order may have: an axis each, or all but that of the outputs as one."""
    sizes = dict(zip(axes.letters, axes.sizes, strict=True))
    each = tuple(sizes[letter] for letter in letters)
    yield each
    if len(letters) > 2 and letters[0] == OUT:
        yield (each[0], prod(each[1:]))
    if len(letters) > 2 and letters[-1] == OUT:
        yield (prod(each[:-1]), each[-1])


def _squeezed(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
