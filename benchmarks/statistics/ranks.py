"""Ranks that claim no more than was measured."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.statistics.ratios import tied
from benchmarks.statistics.rows import Row


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one table block by rising median, each with its rank; those without a median last, unranked.

    Not being separable is no equivalence (a and b, b and c may be tied, a and c not), so ranks need a rule. From the
    fastest on, a row joins the rank above it if it is tied with every row there; as soon as one of them is separably
    faster it opens a rank of its own, whose number counts all rows before it (1 1 3). So rows of one rank are tied with
    one another, each and all; of two neighbouring ranks some pairs may be tied too. Each pair is judged at 95 %, not
    corrected for their number: among many equal rows one in twenty pairs looks separable.
    """
    measured = sorted((row for row in rows if row.median_ms is not None), key=_median)
    found: list[Row] = []
    group: list[Row] = []
    for row in measured:
        if not all(tied(row, other) for other in group):
            group = []
        group.append(row)
        rank = len(found) - len(group) + 2
        found.append(replace(row, rank=rank))
    return found + [row for row in rows if row.median_ms is None]


def _median(row: Row) -> float:
    assert row.median_ms is not None
    return row.median_ms.value
