"""Two sets of results side by side: two commits, machines or runs, or two ways of running a network within one run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.errors import BenchError, UsageError
from benchmarks.records.result import Accuracy, Parity, Result
from benchmarks.statistics.assembly import face_tests, predictions_of, rows
from benchmarks.statistics.disagreement import between
from benchmarks.statistics.gathering import Identity, gather, identity_of
from benchmarks.statistics.ratios import compare_rows, noise_of
from benchmarks.statistics.references import check_reference, named
from benchmarks.statistics.rows import Disagreement, FaceTest, Ratio, Row

MATCHED = (
    "model", "device", "threads", "batch", "precision", "runner", "call_path", "provider", "layout", "denormals",
    "spinning", "instructions",
)  # fmt: skip
# What makes one way of running a network another one.
ROUTE = MATCHED[4:]
Key = tuple[object, ...]


@dataclass(frozen=True)
class Pair:
    """Two rows of the same thing; `ratio` is the second's speed over the first's, above 1 where the second is faster.

    `ratio` None: one of them has no figures, and `reason` says why. `answers` counts images of the probe set whose
    answers differ, None where the probe sets are not the same.
    """

    first: Row
    second: Row
    ratio: Ratio | None
    reason: str = ""
    answers: Disagreement | None = None
    face_tests: tuple[FaceTest, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two sets of results; `warnings` say what else differs between them, and stand above everything else.

    `paired` is true where all ratios are those of rounds that lay side by side. `first_only` and `second_only` are rows
    that the other side does not have.
    """

    names: tuple[str, str]
    pairs: tuple[Pair, ...]
    first_only: tuple[Row, ...]
    second_only: tuple[Row, ...]
    warnings: tuple[str, ...]
    noise_fraction: float | None

    @property
    def paired(self) -> bool:
        """Return whether every ratio was made round by round."""
        return all(pair.ratio.paired for pair in self.pairs if pair.ratio)


def compare(first: Iterable[Result], second: Iterable[Result], names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Compare two sets of results, matched by model, device, threads, batch, precision, runner and its settings.

    Ratios are made round by round where both sides were measured in one run, else between two strangers: then whatever
    changed from one run to the other (heat, neighbours, the machine itself) is in the ratio but not in its interval,
    and a warning says so. BenchError where a side holds two rows of one thing, or where nothing is on both sides.
    """
    sides = (_Side(list(first)), _Side(list(second)))
    return _compare(sides, names, MATCHED, (sides[0].rows, sides[1].rows))


def compare_routes(results: Iterable[Result], first: str, second: str) -> Comparison:
    """Compare two ways within one set of results, each "runner", "runner:call path" or a row's label.

    UsageError where there is no such way, BenchError where a name means several rows at once.
    """
    side = _Side(list(results))
    for name in (first, second):
        check_reference(side.rows, name)
    if first == second:
        raise UsageError(f"'{first}' is compared with itself; the twins of a run show what that gives: its noise floor")
    chosen = [named(side.rows, name) for name in (first, second)]
    matched = tuple(name for name in MATCHED if name not in ROUTE)
    return _compare((side, side), (first, second), matched, (chosen[0], chosen[1]))


class _Side:
    """One set of results, its rows, and what was answered."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = results
        self.rows = rows(results)
        groups = gather(results)
        self.predictions = predictions_of(groups)
        self.parities: dict[tuple[Identity, int], Parity] = {
            (group.identity, group.batch): result.measured.parity
            for group in groups
            for result in group.counted
            if result.measured.parity
        }

    def parity(self, row: Row) -> Parity | None:
        return self.parities.get((identity_of(row), row.batch))

    def heads(self, row: Row) -> Sequence[Accuracy]:
        return self.predictions[identity_of(row)]


def _compare(
    sides: tuple[_Side, _Side],
    names: tuple[str, str],
    matched: Sequence[str],
    chosen: tuple[Sequence[Row], Sequence[Row]],
) -> Comparison:
    keyed = [_keyed(found, matched, name) for found, name in zip(chosen, names, strict=True)]
    shared = [key for key in keyed[0] if key in keyed[1]]
    if not shared:
        raise BenchError(f"{names[0]} and {names[1]} have no row in common; {_what_there_is(chosen, names)}")
    pairs = tuple(_pair(sides, names, (keyed[0][key], keyed[1][key])) for key in shared)
    alone = [tuple(row for key, row in rows_by.items() if key not in shared) for rows_by in keyed]
    noise = noise_of(*(row for pair in pairs for row in (pair.first, pair.second)))
    return Comparison(names, pairs, alone[0], alone[1], _warnings(sides, names, pairs), noise)


def _keyed(found: Sequence[Row], matched: Sequence[str], name: str) -> dict[Key, Row]:
    keyed: dict[Key, Row] = {}
    problems = []
    for row in found:
        other = keyed.setdefault(tuple(getattr(row, each) for each in matched), row)
        if other is not row:
            problems.append(
                f"{name} has two rows for {row.model} on {row.device}, {row.threads} threads, batch {row.batch}: "
                f"{_full(other)} and {_full(row)}; choose one of them"
            )
    if problems:
        raise BenchError(problems)
    return keyed


def _full(row: Row) -> str:
    version = "" if row.version in row.label else f" {row.version}"
    return f"{row.label}{version} on {row.machine}"


def _what_there_is(chosen: Sequence[Sequence[Row]], names: Sequence[str]) -> str:
    told = []
    for name, found in zip(names, chosen, strict=True):
        known = dict.fromkeys(f"{row.model} {row.label} {row.device} batch {row.batch}" for row in found)
        told.append(f"{name} has {', '.join(known) or 'none'}")
    return "; ".join(told)


def _pair(sides: tuple[_Side, _Side], names: tuple[str, str], pair: tuple[Row, Row]) -> Pair:
    first, second = pair
    ratio = compare_rows(second, first)
    reasons = [
        f"{name}: {row.reason or 'was not timed'}" for name, row in zip(names, pair, strict=True) if not row.round_ms
    ]
    return Pair(
        first,
        second,
        replace(ratio, reference=names[0]) if ratio else None,
        "; ".join(reasons),
        _answers(sides[0].parity(first), sides[1].parity(second)),
        face_tests(sides[1].heads(second), sides[0].heads(first), names[0]),
    )


def _answers(first: Parity | None, second: Parity | None) -> Disagreement | None:
    if first is None or second is None or not first.answers or first.reference_answers != second.reference_answers:
        return None
    return between(second.answers, first.answers)


def _warnings(sides: tuple[_Side, _Side], names: tuple[str, str], pairs: Sequence[Pair]) -> tuple[str, ...]:
    told = [line for pair in pairs for line in _differences(pair, names)]
    commits = [", ".join(sorted({_commit(result) for result in side.results})) for side in sides]
    if commits[0] != commits[1]:
        told.append(f"commits: {commits[0]} in {names[0]}, {commits[1]} in {names[1]}")
    if any(pair.ratio and not pair.ratio.paired for pair in pairs):
        told.append(
            "NOT PAIRED: the sides were measured in different runs; what changed in between is in the ratios, but not "
            "in their intervals; measure both in one run to be sure"
        )
    return tuple(dict.fromkeys(told))


def _differences(pair: Pair, names: tuple[str, str]) -> Iterator[str]:
    """Yield what should be equal for a ratio to mean what it seems to mean, and is not."""
    first, second = pair.first, pair.second
    seen = [("machine", first.machine, second.machine)]
    seen.append((f"network called {first.model} (sha256)", first.model_sha256[:12], second.model_sha256[:12]))
    if first.runner == second.runner:
        seen.append((f"version of {first.runner}", first.version or "unknown", second.version or "unknown"))
    for what, mine, its in seen:
        if mine != its:
            yield f"NOT THE SAME {what}: {mine} in {names[0]}, {its} in {names[1]}"


def _commit(result: Result) -> str:
    return f"{result.commit[:12]}{' (dirty)' if result.dirty else ''}"
