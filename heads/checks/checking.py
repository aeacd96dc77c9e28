"""All that can be found out about a table of faces and its images before anything is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from heads.checks.counts import UNKNOWN, Grouping, groupings, parts
from heads.checks.duplicates import DISTANCE, Duplicates, find_duplicates
from heads.checks.examination import Examined, examine
from heads.checks.findings import Conflict, Copies, conflicts, copies, faces, repeated_paths
from heads.checks.leaks import Leaks, find_leaks
from heads.checks.plain import MOST_LABELS, Cell, PlainTable, Progress, silent
from heads.face_files import is_number
from heads.faces import FaceTable
from heads.layouts.notes import counted

# How many of a kind are listed where people read; JSON holds all.
LISTED = 20


@dataclass(frozen=True)
class CheckOptions:
    """`near_distance` (0..31) bits of 256 may differ between pictures that count as one; None finds equal files only.

    `crossings` names groups whose crossings are counted; without, all pairs are, where there are few groups.
    `open_images` False opens no image. `threads` read images at once, by default as many as there are processors.
    """

    near_distance: int | None = DISTANCE
    crossings: tuple[tuple[str, ...], ...] = ()
    open_images: bool = True
    threads: int | None = None


@dataclass(frozen=True)
class People:
    """How many identities there are, and the fewest, median and most faces that one has; None without any."""

    identities: int
    faces_without: int
    fewest: int | None
    median: float | None
    most: int | None


@dataclass(frozen=True, eq=False)
class Check:
    """What was found in a table; what only the images show is None or empty where they were not opened.

    `unreadable` are (path, reason), `repeated` (path, rows). `label_conflicts` are pictures with several labels,
    `identity_conflicts` people with several. `leaks` compares the parts that the table states, None without two parts.
    `numeric_labels` are labels that are numbers, whose meaning nobody can know.
    """

    table: FaceTable
    counts: PlainTable
    groupings: tuple[Grouping, ...]
    people: People
    numeric_labels: tuple[str, ...]
    repeated: tuple[tuple[str, int], ...]
    identity_conflicts: tuple[Conflict, ...]
    looked_at: bool
    unreadable: tuple[tuple[str, str], ...]
    blank: tuple[str, ...]
    identical: Copies | None
    near: Copies | None
    near_distance: int | None
    label_conflicts: tuple[Conflict, ...]
    leaks: Leaks | None

    @property
    def problems(self) -> list[str]:
        """Return in words what should be looked into before training, the gravest first; empty if nothing."""
        return [line for line in (*self._image_problems(), *self._row_problems(), *self._small()) if line]

    def tables(self) -> list[PlainTable]:
        """Return all that is worth printing; long lists are cut."""
        counts = self.counts.upright(len(self._labels()))
        return [table for table in (counts, *self._group_tables(), self._found(), *self._lists()) if table.rows]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, with nothing cut."""
        return {
            "layout": self.table.layout,
            "label_source": self.table.label_source,
            "licence": self.table.licence,
            "counts": self.counts.as_json(),
            "groups": [grouping.as_json() for grouping in self.groupings],
            "people": vars(self.people),
            "numeric_labels": list(self.numeric_labels),
            "malformed": list(self.table.malformed),
            "repeated_paths": dict(self.repeated),
            "identity_conflicts": [conflict.as_json() for conflict in self.identity_conflicts],
            "images_looked_at": self.looked_at,
            "unreadable": [{"path": path, "reason": reason} for path, reason in self.unreadable],
            "blank": list(self.blank),
            "identical": self.identical and self.identical.as_json(),
            "near_duplicates": self.near and {**self.near.as_json(), "distance": self.near_distance},
            "label_conflicts": [conflict.as_json() for conflict in self.label_conflicts],
            "leaks": self.leaks and self.leaks.as_json(),
            "problems": self.problems,
        }

    def _group_tables(self) -> list[PlainTable]:
        tables = [grouping.table() for grouping in self.groupings]
        return [PlainTable(table.title, table.columns, table.rows[: 4 * LISTED]) for table in tables]

    def _found(self) -> PlainTable:
        people = self.people
        rows: list[tuple[Cell, ...]] = [
            ("labels given by", self.table.label_source),
            ("labels", _several(self._labels())),
            ("identities", people.identities or None),
            ("faces of one identity, fewest / median / most", _spread(people)),
            ("remarks on the files", len(self.table.malformed)),
            ("paths in several rows", len(self.repeated)),
            ("identities with several labels", len(self.identity_conflicts) if people.identities else None),
            ("unreadable images", len(self.unreadable) if self.looked_at else None),
            ("blank images", len(self.blank) if self.looked_at else None),
            ("faces with an identical file", self.identical.faces if self.identical else None),
            ("faces with a near-duplicate", self.near.faces if self.near else None),
            ("pictures with several labels", len(self.label_conflicts) if self.looked_at else None),
        ]
        return PlainTable("found", ("what", "found"), tuple(rows))

    def _labels(self) -> list[str]:
        return [str(name) for name in self.counts.columns[2:] if name != UNKNOWN]

    def _lists(self) -> list[PlainTable]:
        lists = [
            PlainTable("remarks on the files", ("remark",), tuple((line,) for line in self.table.malformed)),
            PlainTable("unreadable images", ("path", "why"), self.unreadable),
            PlainTable("paths in several rows", ("path", "rows"), self.repeated),
            _conflict_table("pictures with several labels", self.label_conflicts),
            _conflict_table("identities with several labels", self.identity_conflicts),
            PlainTable("images that show the same", ("paths",), tuple((", ".join(found),) for found in self._same())),
        ]
        cut = [PlainTable(_cut_title(table), table.columns, table.rows[:LISTED]) for table in lists]
        return [*cut, self.leaks.table()] if self.leaks else cut

    def _same(self) -> tuple[tuple[str, ...], ...]:
        found = self.near or self.identical
        return found.paths if found else ()

    def _image_problems(self) -> list[str]:
        if not self.looked_at:
            return []
        conflicting = len(self.label_conflicts)
        copied = self.near or self.identical
        return [
            f"{counted(len(self.unreadable), 'image')} cannot be read, the first is {self.unreadable[0][0]}: "
            f"{self.unreadable[0][1]}" if self.unreadable else "",
            f"{counted(conflicting, 'picture')} with several labels, the first is {self.label_conflicts[0].paths[0]}"
            if conflicting else "",
            f"{copied.faces} faces are copies of one another, in {copied.sets} sets" if copied and copied.sets else "",
            f"{counted(len(self.blank), 'blank image')}, the first is {self.blank[0]}" if self.blank else "",
        ]  # fmt: skip

    def _row_problems(self) -> list[str]:
        people = self.people
        return [
            f"the labels {', '.join(self.numeric_labels)} are numbers: say what they mean"
            if self.numeric_labels else "",
            *(f"the data set's files: {line}" for line in self.table.malformed),
            f"{counted(len(self.repeated), 'path')} in several rows, the first is {self.repeated[0][0]}"
            if self.repeated else "",
            f"{len(self.identity_conflicts)} of {people.identities} identities have several labels"
            if self.identity_conflicts else "",
            *(self.leaks.warnings() if self.leaks else []),
        ]  # fmt: skip

    def _small(self) -> list[str]:
        return [
            f"{' x '.join(grouping.groups)}: {len(grouping.small)} of {len(grouping.cells)} groups have a label with "
            f"fewer than {grouping.least} faces, too few to report on"
            for grouping in self.groupings
            if grouping.small
        ]


def check(table: FaceTable, options: CheckOptions | None = None, *, progress: Progress = silent) -> Check:
    """Look at every row and, unless told otherwise, into every image of a table; nothing that is found is fatal.

    UsageError for crossings of groups that the table does not have.
    """
    options = options or CheckOptions()
    rows = table.rows
    grouped = tuple(groupings(table, options.crossings))
    examined = examine(table, progress, options.threads) if options.open_images else None
    duplicates = find_duplicates(examined, options.near_distance, progress) if examined else None
    labels = sorted(label for label in rows["label"].unique() if label)
    known = rows["identity"].where(rows["identity"] != "")
    return Check(
        table=table,
        counts=parts(rows),
        groupings=grouped,
        people=_people(rows),
        numeric_labels=tuple(label for label in labels if is_number(label)),
        repeated=repeated_paths(rows),
        identity_conflicts=conflicts(rows, known, "identity {key}"),
        looked_at=examined is not None,
        leaks=find_leaks(rows, duplicates) if rows["split"].replace("", None).nunique() > 1 else None,
        **_of_images(rows, examined, duplicates),
    )


def _of_images(rows: pd.DataFrame, examined: Examined | None, duplicates: Duplicates | None) -> dict[str, Any]:
    if examined is None or duplicates is None:
        same_path = conflicts(rows, faces(rows), "{key}")
        return {
            "unreadable": (), "blank": (), "identical": None, "near": None, "near_distance": None,
            "label_conflicts": same_path,
        }  # fmt: skip
    reasons = {str(rows["path"].iloc[row]): reason for row, reason in sorted(examined.problems.items())}
    return {
        "unreadable": tuple(reasons.items()),
        "blank": tuple(rows["path"][duplicates.blank].unique()),
        "identical": copies(rows, duplicates.identical),
        "near": None if duplicates.distance is None else copies(rows, duplicates.near),
        "near_distance": duplicates.distance,
        "label_conflicts": conflicts(rows, _pictures(rows, duplicates), "one picture"),
    }


def _pictures(rows: pd.DataFrame, duplicates: Duplicates) -> pd.Series:
    """Name what the rows show, the same for copies; an unreadable path in several rows is one picture as well."""
    paths, _ = pd.factorize(rows["path"])
    _, firsts = np.unique(paths, return_index=True)
    return faces(rows.assign(path=duplicates.near[firsts][paths].astype(str)))


def _people(rows: pd.DataFrame) -> People:
    sizes = rows["identity"][rows["identity"] != ""].value_counts()
    without = int((rows["identity"] == "").sum())
    if sizes.empty:
        return People(0, without, None, None, None)
    return People(len(sizes), without, int(sizes.min()), float(sizes.median()), int(sizes.max()))


def _several(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    return f"{', '.join(labels[:MOST_LABELS])}{more}"


def _spread(people: People) -> str | None:
    return f"{people.fewest} / {people.median:g} / {people.most}" if people.identities else None


def _conflict_table(title: str, found: tuple[Conflict, ...]) -> PlainTable:
    rows = tuple(
        (
            conflict.what,
            ", ".join(f"{label} {count}" for label, count in conflict.counts),
            ", ".join(conflict.paths[:3]),
        )
        for conflict in found
    )
    return PlainTable(title, ("what", "labels", "paths"), rows)


def _cut_title(table: PlainTable) -> str:
    count = len(table.rows)
    return f"{table.title} (the first {LISTED} of {count})" if count > LISTED else table.title
