"""How many faces there are of everything: labels, parts, groups and their crossings, people."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from converters.errors import did_you_mean
from heads.checks.plain import MOST_LABELS, Cell, PlainTable
from heads.errors import UsageError
from heads.faces import GROUP, SPLITS, FaceTable

# A rate measured on fewer faces than this says next to nothing: 9 of 10 correct means 60 to 98 % (Wilson, 95 %).
LEAST_FACES = 30
UNKNOWN = "(unknown)"
# With more groups than this, their crossings are counted only where asked for.
MOST_GROUPS = 3


@dataclass(frozen=True)
class Grouping:
    """Faces by the values of one or several groups: for each crossing its faces, and how many of each label.

    A cell is too small to report where one of the labels has fewer than `least` faces of it.
    """

    groups: tuple[str, ...]
    labels: tuple[str, ...]
    cells: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...]
    least: int = LEAST_FACES

    @property
    def small(self) -> list[tuple[str, ...]]:
        """Return the cells that are too small to report."""
        return [values for values, counts in self.cells if min(counts) < self.least]

    def table(self) -> PlainTable:
        """Return one row for each cell."""
        small = set(self.small)
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (*values, sum(counts), *counts, f"below {self.least}" if values in small else "")
            for values, counts in self.cells
        )
        title = f"faces by {' x '.join(self.groups)}"
        if len(self.labels) > MOST_LABELS:
            brief = tuple((*row[: len(self.groups) + 1], row[-1]) for row in rows)
            return PlainTable(title, (*self.groups, "faces", "small"), brief)
        return PlainTable(title, (*self.groups, "faces", *self.labels, "small"), rows)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        cells = [
            {"values": list(values), "faces": sum(counts), "labels": dict(zip(self.labels, counts, strict=True))}
            for values, counts in self.cells
        ]
        return {
            "groups": list(self.groups),
            "cells": cells,
            "least_faces": self.least,
            "too_small": [list(values) for values in self.small],
        }


def groupings(table: FaceTable, crossings: Sequence[Sequence[str]]) -> list[Grouping]:
    """Count faces by each group and by crossings of groups: those named, or all pairs where there are few groups.

    UsageError for names that the table does not have.
    """
    groups = table.groups
    told = f"the groups are {', '.join(groups)}" if groups else "it has no groups"
    problems = [
        f"group '{name}': the table has no such group; {told}{did_you_mean(name, groups)}"
        for name in dict.fromkeys(name for crossing in crossings for name in crossing)
        if name not in groups
    ]
    if problems:
        raise UsageError(problems)
    pairs = list(combinations(groups, 2)) if len(groups) <= MOST_GROUPS else []
    wanted = dict.fromkeys([*((name,) for name in groups), *(map(tuple, crossings) if crossings else pairs)])
    return [_grouping(table.rows, names) for names in wanted]


def _grouping(rows: pd.DataFrame, names: tuple[str, ...]) -> Grouping:
    labels = tuple(sorted(label for label in rows["label"].unique() if label))
    labelled = rows[rows["label"] != ""]
    keys = [labelled[GROUP + name].replace("", UNKNOWN).rename(name) for name in names]
    counts = pd.crosstab(keys, labelled["label"]).reindex(columns=labels, fill_value=0)
    cells = tuple(
        (tuple(map(str, values if isinstance(values, tuple) else (values,))), tuple(map(int, row)))
        for values, row in zip(counts.index, counts.to_numpy(), strict=True)
    )
    return Grouping(names, labels, cells)


def parts(rows: pd.DataFrame) -> PlainTable:
    """Count faces of each label in each part, and in all."""
    lines: list[tuple[Cell, ...]] = []
    labels = sorted(rows["label"].unique(), key=lambda label: (label == "", label))
    for name in [part for part in (*SPLITS, "") if (rows["split"] == part).any()]:
        inside = rows["label"][rows["split"] == name]
        lines.append((name or "(no part)", len(inside), *(int((inside == label).sum()) for label in labels)))
    lines.append(("all", len(rows), *(int((rows["label"] == label).sum()) for label in labels)))
    return PlainTable("faces", ("part", "faces", *(label or UNKNOWN for label in labels)), tuple(lines))
