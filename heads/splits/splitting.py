"""Splitting a table: which faces are left out, which part each other one goes to, and what leaks all the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from heads.checks.duplicates import Duplicates, find_duplicates
from heads.checks.examination import examine
from heads.checks.leaks import Leaks, find_leaks
from heads.checks.plain import PlainTable, Progress, silent
from heads.checks.similarity import Similar, Vectors, find_similar
from heads.errors import DataError
from heads.faces import GROUP, SPLITS, FaceTable
from heads.splits.allotment import allot
from heads.splits.options import AUTO, IDENTITY, IMAGE, OFFICIAL, RANDOM, UNDERSAMPLE, SplitOptions, check_columns
from heads.splits.sampling import beyond, per_group_columns, surplus
from heads.splits.units import units

Array = np.ndarray[Any, Any]

FOLD = "fold"
# Fractions that are missed by more than this are worth a word.
TOLERANCE = 0.02
# Each random step has numbers of its own: balancing does not change who is in which part.
SAMPLING, ALLOTMENT, BALANCING = range(3)


@dataclass(frozen=True, eq=False)
class Split:
    """A table whose `split` is filled, with how it came about and what leaks.

    The rows of `table` are ordered by path. `by` is the way that was taken ("auto" is decided), `left_out` the paths
    that are not in the table any more, by reason. `units` is into how many people or pictures (with their copies) the
    faces fell, `largest_unit` how many faces the largest of them has. `notes` say what is worth knowing.
    """

    table: FaceTable
    options: SplitOptions
    by: str
    leaks: Leaks
    left_out: Mapping[str, tuple[str, ...]]
    units: int
    largest_unit: int
    notes: tuple[str, ...] = ()

    def counts(self) -> PlainTable:
        """Return how many faces, people and faces of each label are in each part."""
        rows = self.table.rows
        labels = sorted(rows["label"].unique())
        lines = []
        for part in SPLITS:
            inside = rows[rows["split"] == part]
            people = inside["identity"][inside["identity"] != ""].nunique() or None
            share = round(100 * len(inside) / len(rows), 1)
            lines.append((part, len(inside), share, people, *(int((inside["label"] == name).sum()) for name in labels)))
        return PlainTable("faces in each part", ("part", "faces", "%", "identities", *labels), tuple(lines))

    def tables(self) -> list[PlainTable]:
        """Return all that is worth printing."""
        dropped = tuple((reason, len(paths)) for reason, paths in self.left_out.items())
        found = [self.counts().upright(self.table.rows["label"].nunique()), self.leaks.table()]
        return [*found, PlainTable("left out", ("why", "faces"), dropped)] if dropped else found

    def warnings(self) -> list[str]:
        """Return what leaks and what else is worth knowing, in words."""
        return [*self.notes, *self.leaks.warnings()]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "by": self.by,
            "options": self.options.as_json(),
            "counts": self.counts().as_json(),
            "units": self.units,
            "largest_unit": self.largest_unit,
            "left_out": {reason: list(paths) for reason, paths in self.left_out.items()},
            "leaks": self.leaks.as_json(),
            "notes": list(self.notes),
        }


def split(
    table: FaceTable, options: SplitOptions, *, vectors: Vectors | None = None, progress: Progress = silent
) -> Split:
    """Split a table; with `vectors`, faces with similar embeddings are kept together as well.

    UsageError for wishes that make no sense for the table, DataError where a part would lack faces of a label.
    """
    check_columns(table, options)
    return _Splitting(table, options, progress).run(vectors)


def hold_out(table: FaceTable, fold: int, *, validation: bool = True) -> FaceTable:
    """Return a table with folds whose fold `fold` is test, the next one val (if wanted), all others train.

    Where train was undersampled, that holds for one fold held out: for another one, split again with the same seed.
    """
    if FOLD not in table.rows.columns:
        raise DataError(f"{table.layout}: the table has no column '{FOLD}'; split it with folds")
    wrong = ~table.rows[FOLD].str.fullmatch("[0-9]+")
    if wrong.any():
        raise DataError(f"{table.layout}: the fold of {table.rows['path'][wrong].iloc[0]} is no number from 0 up")
    folds = table.rows[FOLD].astype(int)
    count = int(folds.max()) + 1
    if not 0 <= fold < count:
        raise DataError(f"{table.layout}: there is no fold {fold}; with {count} folds it is 0 to {count - 1}")
    if validation and count < 3:
        raise DataError(f"{table.layout}: of {count} folds none is left for train beside val and test")
    parts = np.where(folds == fold, "test", "train")
    if validation:
        parts = np.where(folds == (fold + 1) % count, "val", parts)
    return table.with_rows(table.rows.assign(split=parts))


class _Splitting:
    """One split in the making: `table` holds the faces that are still in."""

    def __init__(self, table: FaceTable, options: SplitOptions, progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.by = _way(table, options)
        # From here on the order of the rows is always the same: random choices fall on the same faces.
        ordered = table.rows.sort_values(sorted(table.rows.columns, key=lambda name: (name != "path", name)))
        self.table = table.with_rows(ordered.drop(columns=FOLD, errors="ignore"))
        self.duplicates: Duplicates | None = None
        self.similar: Similar | None = None
        self.left_out: dict[str, tuple[str, ...]] = {}
        self.notes: list[str] = []

    def run(self, vectors: Vectors | None) -> Split:
        self._leave_out((self.table.rows["label"] == "").to_numpy(), "the label is unknown")
        _check_labels(self.table)
        if self.by == OFFICIAL:
            self._leave_out((self.table.rows["split"] == "").to_numpy(), "in no official part")
        self._limit_groups()
        self._compare(vectors)
        found = units(self.table.rows, self.by, self.duplicates, self.similar)
        if self.by != OFFICIAL:
            self._divide(found)
        self._check_parts(found)
        if self.by != OFFICIAL or self.options.per_group or self.options.balance:
            self.table = replace(self.table, seed=self.options.seed)
        sizes = np.bincount(found)
        self._balance()
        leaks = find_leaks(self.table.rows, self.duplicates, self.similar)
        counted = int((sizes > 0).sum()), int(sizes.max())
        return Split(self.table, self.options, self.by, leaks, self.left_out, *counted, tuple(self.notes))

    def _rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng((self.options.seed, step))

    def _leave_out(self, chosen: Array, reason: str) -> None:
        if not chosen.any():
            return
        self.left_out[reason] = tuple(self.table.rows["path"][chosen])
        kept = np.flatnonzero(~chosen)
        if not len(kept):
            counts = ", ".join(f"{len(paths)}: {why}" for why, paths in self.left_out.items())
            raise DataError(f"{self.table.layout}: no face is left to split ({counts})")
        self.table = self.table.with_rows(self.table.rows.iloc[kept])
        self.duplicates = self.duplicates and self.duplicates.where(kept)
        self.similar = self.similar and self.similar.where(kept)

    def _limit_groups(self) -> None:
        most = self.options.per_group
        if most:
            columns = per_group_columns(self.table, self.options.per_group_by)
            chosen = beyond(self.table.rows, columns, most, self._rng(SAMPLING))
            if not chosen.any():
                self.notes.append(f"no {' x '.join(columns)} has more than {most} faces: none was left out")
            self._leave_out(chosen, f"beyond {most} faces of the same {' x '.join(columns)}")

    def _compare(self, vectors: Vectors | None) -> None:
        if self.options.open_images:
            examined = examine(self.table, self.progress)
            if examined.problems:
                first, reason = min(examined.problems.items())
                path = self.table.rows["path"][first]
                self._leave_out(~examined.readable, f"the image cannot be read (the first: {path}: {reason})")
                examined = examined.where(np.flatnonzero(examined.readable))
            self.duplicates = find_duplicates(examined, self.options.near_distance, self.progress)
        if vectors is not None:
            self.similar = find_similar(self.table.rows["path"], vectors, self.options.cosine, self.progress)
            if self.similar.without:
                self.notes.append(f"{self.similar.without} faces have no embedding to compare")

    def _divide(self, found: Array) -> None:
        rows, options = self.table.rows, self.options
        if options.folds:
            names, fractions = [str(fold) for fold in range(options.folds)], [1 / options.folds] * options.folds
        else:
            wanted = {"train": 1 - options.val - options.test, "val": options.val, "test": options.test}
            names, fractions = list(options.parts), [wanted[name] for name in options.parts]
        if self.by != RANDOM:
            _check_enough(self.table, found, len(names))
        parts = allot(found, self._strata(), fractions, self._rng(ALLOTMENT))
        self._note_shares(parts, names, fractions, found)
        column = FOLD if options.folds else "split"
        table = self.table.with_rows(rows.assign(**{column: np.asarray(names)[parts]}))
        self.table = hold_out(table, options.hold_out, validation=options.val > 0) if options.folds else table

    def _strata(self) -> list[Array]:
        rows = self.table.rows
        if self.by == RANDOM:
            return [np.zeros(len(rows), np.int64)]
        columns = ["label", *(GROUP + name for name in self.options.stratify)]
        widths = sorted({1, len(columns)})
        return [rows.groupby(columns[:width], sort=True).ngroup().to_numpy() for width in widths]

    def _note_shares(self, parts: Array, names: list[str], fractions: list[float], found: Array) -> None:
        shares = np.bincount(parts, minlength=len(names)) / len(parts)
        for name, wanted, got in zip(names, fractions, shares, strict=True):
            missed = abs(wanted - got)
            if missed > TOLERANCE and missed * len(parts) >= 2:
                self.notes.append(
                    f"{name} holds {got:.3f} of the faces instead of {wanted:.3f}: "
                    f"{np.bincount(found).max()} faces had to stay together"
                )

    def _check_parts(self, found: Array) -> None:
        rows = self.table.rows
        counts = pd.crosstab(rows["split"], rows["label"])
        stated = [name for name in SPLITS if name in counts.index]
        present = stated if self.by == OFFICIAL else list(self.options.parts)
        counts = counts.reindex(present, fill_value=0)
        if len(present) < 2:
            raise DataError(f"{self.table.layout}: all {len(rows)} faces are in {', '.join(present)}; nothing is split")
        missing = [
            f"{self.table.layout}: {part} would hold none of the {counts[label].sum()} faces with the label '{label}' "
            f"({counts.loc[part].sum()} faces are in {part}; {_largest(rows, found)})"
            for part in present
            for label in counts.columns
            if not counts.loc[part, label]
        ]
        if missing:
            raise DataError(missing)
        if self.by == OFFICIAL:
            self.notes += [f"the official split has no {name}" for name in SPLITS if name not in present]

    def _balance(self) -> None:
        if self.options.balance == UNDERSAMPLE:
            inside = (self.table.rows["split"] == "train").to_numpy()
            if inside.any():
                dropped = surplus(self.table.rows["label"], inside, self._rng(BALANCING))
                self._leave_out(dropped, "undersampled in train")


def _way(table: FaceTable, options: SplitOptions) -> str:
    """Return the way to split, "auto" decided; DataError where the table lacks what it needs."""
    identities = (table.rows["identity"] != "").any()
    if options.by == AUTO:
        return IDENTITY if identities else IMAGE
    if options.by == IDENTITY and not identities:
        raise DataError(
            f"{table.layout}: no face has an identity to split by; split by image, which keeps duplicates together"
        )
    if options.by == OFFICIAL and not (table.rows["split"] != "").any():
        other = IDENTITY if identities else IMAGE
        raise DataError(f"{table.layout}: the data set has no split of its own; split by {other}")
    return options.by


def _check_labels(table: FaceTable) -> None:
    labels = table.rows["label"].unique()
    if len(labels) < 2:
        raise DataError(
            f"{table.layout}: all {len(table)} faces have the label '{labels[0]}'; a head tells two labels apart"
        )


def _check_enough(table: FaceTable, found: Array, parts: int) -> None:
    """Refuse a table with fewer units of a label than parts."""
    labels = table.rows["label"]
    problems = []
    for label in sorted(labels.unique()):
        inside = (labels == label).to_numpy()
        count = len(np.unique(found[inside]))
        if count < parts:
            problems.append(
                f"{table.layout}: the {inside.sum()} faces with the label '{label}' fall into {count} "
                f"{'set' if count == 1 else 'sets'} that must stay together (people, or copies of a picture), too few "
                f"for {parts} parts; {_largest(table.rows, found)}"
            )
    if problems:
        raise DataError(problems)


def _largest(rows: pd.DataFrame, found: Array) -> str:
    sizes = np.bincount(found)
    first = int(np.argmax(sizes))
    example = rows["path"].iloc[int(np.flatnonzero(found == first)[0])]
    return f"the largest set that must stay together has {sizes[first]} of {len(rows)} faces, among them {example}"
