"""All pictures that results allow, and writing them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.errors import UsageError
from benchmarks.plots.faithful import faithful
from benchmarks.plots.latency import latency
from benchmarks.plots.measures import measures
from benchmarks.plots.peak import share_of_peak
from benchmarks.plots.samples import rounds_of
from benchmarks.plots.series import blocks, heading, sweeps
from benchmarks.plots.throughput import throughput
from benchmarks.records.result import Result
from benchmarks.statistics.rows import Row
from converters.errors import did_you_mean
from converters.files.staging import Stage, check_output, commit
from heads.reports.figures.picture import Picture, render

KINDS = ("latency", "throughput", "peak", "faithful")
FORMATS = ("svg", "png")
Maker = Callable[[], Picture]


def pictures(
    results: Sequence[Result], rows: Sequence[Row], kinds: Iterable[str] = KINDS
) -> tuple[list[Picture], list[str]]:
    """Return the pictures that can be drawn of `rows`, which are those of `results`, and why others cannot.

    UsageError for a kind that is none.
    """
    drawn, missing = [], []
    for what, make in _makers(results, rows, _checked(kinds, KINDS, "picture")):
        try:
            drawn.append(make())
        except ValueError as reason:
            missing.append(f"{what}: {reason}")
    return drawn, missing


def _makers(results: Sequence[Result], rows: Sequence[Row], kinds: Sequence[str]) -> Iterator[tuple[str, Maker]]:
    for block in blocks(rows):
        if "latency" in kinds:
            yield _what("latency", block), partial(latency, block, rounds_of(results, block))
        if "peak" in kinds:
            yield _what("peak", block), partial(share_of_peak, block)
        if "faithful" in kinds:
            for measure in measures(block):
                yield _what(measure.name, block), partial(faithful, block, measure)
    if "throughput" in kinds:
        for sweep in sweeps(rows):
            yield _what("throughput", sweep), partial(throughput, sweep)


def _what(kind: str, block: Sequence[Row]) -> str:
    return f"{kind} of {heading(block[0], batch=len({row.batch for row in block}) == 1)}"


def write_pictures(
    drawn: Sequence[Picture], folder: Path, formats: Iterable[str] = FORMATS, *, force: bool = False
) -> list[Path]:
    """Write each picture in each format into a folder and return the files: all of them appear, or none.

    UsageError for a format that is none, ConversionError where the folder cannot be written, or holds something and
    `force` is not given.
    """
    kinds = _checked(formats, FORMATS, "format")
    check_output(folder, force=force, folder=True)
    with Stage(folder, force=force) as stage:
        with stage.writing():
            stage.path.mkdir()
            for picture in drawn:
                for kind in kinds:
                    (stage.path / f"{picture.name}.{kind}").write_bytes(render(picture, kind))
            names = sorted(path.name for path in stage.path.iterdir())
        commit([stage])
    return [folder / name for name in names]


def _checked(asked: Iterable[str], known: Sequence[str], what: str) -> list[str]:
    words = list(dict.fromkeys(asked))
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        nearest = did_you_mean(unknown[0], known) if unknown else ""
        raise UsageError(f"there is no {what} '{', '.join(unknown)}'{nearest}; there are {', '.join(known)}")
    return words
