"""From results to a table: rows, those of them that are wanted, their ranks, and the footer."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby

from benchmarks.errors import UsageError
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows as rows_of
from benchmarks.statistics.gathering import gather, identity_of, machine_name, once
from benchmarks.statistics.ranks import ranked
from benchmarks.statistics.rows import Row
from benchmarks.tables.footer import footer
from benchmarks.tables.table import Table, build, speaking
from converters.errors import did_you_mean


@dataclass(frozen=True)
class Selection:
    """Which rows a table shows: those with one of these values; what is empty leaves all in.

    `runner` is a runner or "runner:call path".
    """

    model: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that are wanted; UsageError for a value that no row has."""
        problems = [problem for each in fields(self) for problem in self._unknown(each.name, rows)]
        if problems:
            raise UsageError(problems)
        return [row for row in rows if all(self._wants(each.name, row) for each in fields(self))]

    def _wants(self, name: str, row: Row) -> bool:
        wanted: tuple[str, ...] = getattr(self, name)
        return not wanted or any(value in wanted for value in _values(name, row))

    def _unknown(self, name: str, rows: Sequence[Row]) -> list[str]:
        known = dict.fromkeys(value for row in rows for value in _values(name, row))
        return [
            f"no row has the {name} '{value}'{did_you_mean(value, known)}; there are {', '.join(known)}"
            for value in getattr(self, name)
            if value not in known
        ]


def _values(name: str, row: Row) -> tuple[str, ...]:
    value = str(getattr(row, name))
    return (value, f"{value}:{row.call_path}") if name == "runner" else (value,)


def table(
    results: Sequence[Result],
    columns: str = "speed",
    *,
    title: str = "",
    reference: str | None = None,
    selection: Selection | None = None,
) -> Table:
    """Return the table of results; `columns` is a set or keys with commas, `reference` as `statistics.assembly.rows`.

    Rows that are left out still are what ratios refer to; ranks are those among the rows that are shown. UsageError for
    words that mean nothing, BenchError for contradictory results.
    """
    wanted = (selection or Selection()).of(rows_of(results, reference))
    ordered = sorted(speaking(wanted, columns), key=lambda row: row.group)
    shown = [row for _, part in groupby(ordered, lambda row: row.group) for row in ranked(list(part))]
    made = build(shown, columns, title)
    keys = [head.key for place, head in enumerate(made.heads) if any(line[place] for line in made.lines)]
    return build(shown, columns, title, footer(shown, behind(shown, results), keys))


def behind(rows: Sequence[Row], results: Sequence[Result]) -> list[Result]:
    """Return the results that rows come from, and the peaks of the same runs and machines that their shares are of."""
    identities = [identity_of(row) for row in rows]
    kept = {(identity, row.batch) for identity, row in zip(identities, rows, strict=True)}
    own = [
        result
        for group in gather(results)
        for result in group.results
        if (group.identity, group.batch) in kept or (group.identity in identities and result.scenario == "accuracy")
    ]
    runs = {(result.run, machine_name(result.machine)) for result in own}
    places = {(row.device, row.precision, row.threads) for row in rows}
    return own + [
        result
        for result in once(results)
        if result.measured.peak
        and (result.run, machine_name(result.machine)) in runs
        and (result.measured.peak.device, result.measured.peak.precision, result.measured.peak.threads) in places
    ]
