"""What two releases compute from one image, each fed as it says images are to be prepared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from converters.crosscheck.channels import OTHER_ORDER, Channels
from converters.crosscheck.pairing import Pairing
from converters.ir import Feeds, Graph, Preprocessing
from converters.ops import Array
from converters.parity import Report, compare, sample_feeds
from converters.parity.agreement import SILENT
from converters.parity.measure import measured
from converters.passes import preprocessed
from converters.roles import image_inputs

Progress = Callable[[str, float], None]

# In double precision nothing but weights, settings and wiring can make a difference.
DTYPE = np.float64
SEED = 0


@dataclass(frozen=True, eq=False)
class Computed:
    """What was fed, in words, and how the second network's values compare with the first's, node by node.

    `as_stated` is how far apart the outputs are when each network is fed as it says itself although the two statements
    contradict each other; None where they do not.
    """

    fed: str
    report: Report
    as_stated: float | None = None

    @property
    def outputs_within(self) -> float:
        """Return the largest difference of an output."""
        outputs = set(self.report.outputs.values())
        return max((node.difference for node in self.report.nodes if node.node in outputs), default=0.0)


@dataclass(frozen=True)
class _Prepared:
    """How images are prepared for both networks, and in words what is said of that."""

    first: Preprocessing
    second: Preprocessing
    how: str


def computed(
    first: Graph,
    second: Graph,
    pairing: Pairing,
    channels: Channels,
    contradicting: bool,
    tolerance: float,
    progress: Progress,
) -> Computed:
    """Run both networks on one seeded image, and compare all pairs of nodes.

    Where they contradict each other on images (`contradicting`), both are fed as the first one says, so that the
    comparison is one of the networks; what that contradiction leads to is told beside it.
    """
    prepared = _prepared(first, second, channels, contradicting)
    feeds = _feeds(first, second, prepared)
    reference = first.run(feeds[0], DTYPE)
    progress(RUNNING, 0.5)
    got = _values(first, second, pairing, feeds, progress)
    report = compare(first, feeds[0], got, tolerance=tolerance, reference=reference)
    apart = None
    if contradicting and image_inputs(first):
        own = replace(prepared, second=_own(second, first, prepared, channels))
        apart = _outputs_apart(first, second, reference, _feeds(first, second, own)[1])
    return Computed(prepared.how, report, apart)


def _prepared(first: Graph, second: Graph, channels: Channels, contradicting: bool) -> _Prepared:
    """Say how images are prepared: as each states, what one does not state taken from the other."""
    ours, theirs = first.preprocessing, second.preprocessing
    order = channels.first or ours.channel_order or "RGB"
    other = OTHER_ORDER.get(order, order) if channels.swapped else order
    if contradicting:
        known = replace(ours, channel_order=order)
        return _Prepared(known, _for_the_other(known, other, channels), "as the first one states, both alike")
    if ours.mean is None and theirs.mean is None:
        how = "as it is: neither states a mean"
    elif ours.mean is None or theirs.mean is None:
        how = "as the one that states a mean says, both alike"
    else:
        how = "as each states"
    if channels.first is None and ours.channel_order is None:
        how += "; the first one taken to take RGB"
    known = replace(_filled(ours, theirs, channels), channel_order=order)
    return _Prepared(known, replace(_filled(theirs, ours, channels), channel_order=other), how)


def _filled(known: Preprocessing, other: Preprocessing, channels: Channels) -> Preprocessing:
    """Take mean and scale from the other network where there is no mean."""
    return known if known.mean is not None else _for_the_other(other, None, channels)


def _for_the_other(known: Preprocessing, order: str | None, channels: Channels) -> Preprocessing:
    """Return what one network states as it holds for the other, channels turned where the weights say so."""
    if not channels.swapped:
        return replace(known, channel_order=order)
    mean = None if known.mean is None else known.mean[::-1]
    scale = None if known.scale is None else known.scale[::-1]
    return replace(known, channel_order=order, mean=mean, scale=scale)


def _own(second: Graph, first: Graph, prepared: _Prepared, channels: Channels) -> Preprocessing:
    """Return how the second network says its images are prepared, the order filled in where it says none."""
    said = second.preprocessing
    order = said.channel_order or prepared.second.channel_order
    return replace(_filled(said, first.preprocessing, channels), channel_order=order)


def _feeds(first: Graph, second: Graph, prepared: _Prepared) -> tuple[Feeds, Feeds]:
    """Return what both networks are fed: one image in R, G, B as each takes it, other inputs alike."""
    images, plain = image_inputs(first), sample_feeds(first, SEED)
    ours: dict[str, Array] = {}
    theirs: dict[str, Array] = {}
    for name, other in zip(first.inputs, second.inputs, strict=True):
        ours[name] = theirs[other] = plain[name]
        if name in images and name not in first.input_dtypes:
            batch, *shape = first.inputs[name]
            pixels = np.random.default_rng([SEED, crc32(name.encode())]).integers(0, 256, shape)
            ours[name], theirs[other] = (
                np.repeat(preprocessed(pixels, _fitting(known, shape))[None], batch, 0)
                for known in (prepared.first, prepared.second)
            )
    return ours, theirs


def _fitting(known: Preprocessing, shape: list[int]) -> Preprocessing:
    """Put the averages of a mean image in its place where it has another size than the input, as its reader warned."""
    if known.mean is None or known.mean.ndim == 1 or list(known.mean.shape) == shape:
        return known
    return replace(known, mean=known.mean.mean((1, 2), dtype=np.float64).astype(np.float32))


def _values(
    first: Graph, second: Graph, pairing: Pairing, feeds: tuple[Feeds, Feeds], progress: Progress
) -> dict[str, Array]:
    """Return what the second network computes under the names and in the shapes of the first one's values."""
    names = {theirs.name: ours.name for ours, theirs in pairing.pairs}
    got: dict[str, Array] = {}
    for count, (name, array) in enumerate(second.steps(feeds[1], DTYPE)):
        if name in names:
            got[names[name]] = _shaped(array, first.shapes[names[name]])
        progress(RUNNING, 0.5 + 0.5 * count / len(second.shapes))
    for node in first:
        if isinstance(node.op, SILENT) and node.inputs[0] in got:
            got[node.name] = _shaped(got[node.inputs[0]], first.shapes[node.name])
    return got


def _shaped(array: Array, shape: tuple[int, ...]) -> Array:
    same = array.size == np.prod(shape) and array.shape[:1] == shape[:1]
    return array.reshape(shape) if same else array


def _outputs_apart(first: Graph, second: Graph, reference: Mapping[str, Array], feeds: Feeds) -> float:
    values = second.output_values(second.run(feeds, DTYPE))
    pairs = zip(first.output_values(reference).values(), values.values(), strict=False)
    return max((measured(_shaped(theirs, ours.shape), ours).difference for ours, theirs in pairs), default=0.0)


RUNNING = "computing both networks"
