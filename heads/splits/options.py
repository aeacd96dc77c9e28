"""How a table is to be split, and which wishes make no sense."""

from dataclasses import asdict, dataclass
from typing import Any

from converters.errors import did_you_mean
from heads.checks.hamming import LARGEST_DISTANCE
from heads.errors import UsageError
from heads.faces import SPLITS, FaceTable

AUTO, IDENTITY, IMAGE, OFFICIAL, RANDOM = WAYS = ("auto", "identity", "image", "official", "random")
UNDERSAMPLE = "undersample"
BALANCES = ("", UNDERSAMPLE)


@dataclass(frozen=True)
class SplitOptions:
    """How to split; the same options and seed give the same split, whatever the order of the rows.

    `by` is "identity" (nobody is in two parts), "image" (no picture and no copy of it is in two parts), "official"
    (the table's own parts), "random" (nothing is kept together), or "auto": by identity if any face has one, else by
    image. `val` and `test` are fractions of the faces; 0 leaves the part out. With `folds` each face gets one of so
    many folds in the column `fold`; `hold_out` (from 0) is the test part, the next fold the validation part (unless
    `val` is 0).

    Labels are divided alike over the parts, and so is each crossing of a label with the groups named in `stratify`.
    At most `per_group` faces are taken from each crossing of the columns `per_group_by` ("label", "identity" or names
    of groups); without those columns they are the label and all groups, or identities where there are no groups.
    `balance` "undersample" drops faces of the larger classes from train until all are as small as the smallest.

    Pictures count as one up to `near_distance` (0..31) of the 256 bits of their perceptual hashes, with None only the
    same bytes; `cosine` joins faces with similar embeddings, where embeddings are given. `open_images` False opens
    none: then neither duplicates nor unreadable images are seen.
    """

    by: str = AUTO
    val: float = 0.15
    test: float = 0.15
    seed: int = 0
    folds: int = 0
    hold_out: int = 0
    stratify: tuple[str, ...] = ()
    balance: str = ""
    per_group: int = 0
    per_group_by: tuple[str, ...] = ()
    near_distance: int | None = LARGEST_DISTANCE
    cosine: float = 0.9
    open_images: bool = True

    def __post_init__(self) -> None:
        problems = [*self._words(), *self._fractions(), *self._folds(), *self._numbers()]
        if problems:
            raise UsageError(problems)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of the parts that are wanted."""
        wanted = {"train": True, "val": self.val > 0, "test": self.test > 0 or self.folds > 0}
        return tuple(name for name in SPLITS if wanted[name])

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "stratify": list(self.stratify), "per_group_by": list(self.per_group_by)}

    def _words(self) -> list[str]:
        problems = []
        if self.by not in WAYS:
            problems.append(f"split by '{self.by}': known are {', '.join(WAYS)}{did_you_mean(self.by, WAYS)}")
        if self.balance not in BALANCES:
            hint = did_you_mean(self.balance, BALANCES)
            problems.append(f"balance '{self.balance}': known is {UNDERSAMPLE}, or nothing{hint}")
        return problems

    def _fractions(self) -> list[str]:
        if self.folds or self.by == OFFICIAL:
            return []
        problems = [
            f"{name} is {value}: a fraction is at least 0 and below 1, 0.15 for 15 %"
            for name, value in (("val", self.val), ("test", self.test))
            if not 0 <= value < 1
        ]
        if not problems and self.val + self.test >= 1 - 1e-9:
            problems.append(
                f"val {self.val} and test {self.test} leave nothing for train; together they must be below 1"
            )
        if not problems and not self.val and not self.test:
            problems.append("val and test are both 0: nothing would be split")
        return problems

    def _folds(self) -> list[str]:
        if not self.folds:
            return [f"hold_out is {self.hold_out}, but there are no folds to hold out from"] if self.hold_out else []
        problems = []
        if self.by == OFFICIAL:
            problems.append("folds cannot be made of the official split; leave out one of the two")
        least = 3 if self.val else 2
        if self.folds < least:
            problems.append(f"folds is {self.folds}: train, {'val, ' * bool(self.val)}test need at least {least}")
        elif not 0 <= self.hold_out < self.folds:
            problems.append(f"hold_out is {self.hold_out}; with {self.folds} folds it is 0 to {self.folds - 1}")
        return problems

    def _numbers(self) -> list[str]:
        problems = []
        if self.seed < 0:
            problems.append(f"the seed is {self.seed}; it is a number from 0 up")
        if self.per_group < 0:
            problems.append(f"per_group is {self.per_group}; it is a number of faces, or 0 for all")
        if self.per_group_by and not self.per_group:
            problems.append(f"per_group_by names {', '.join(self.per_group_by)}, but per_group gives no number")
        if self.near_distance is not None and not 0 <= self.near_distance <= LARGEST_DISTANCE:
            problems.append(
                f"near_distance is {self.near_distance}; of 256 bits 0 to {LARGEST_DISTANCE} may differ, or None"
            )
        if not 0 < self.cosine <= 1:
            problems.append(f"cosine is {self.cosine}; it is above 0 and at most 1")
        return problems


def check_columns(table: FaceTable, options: SplitOptions) -> None:
    """Refuse names of groups that the table does not have."""
    groups = table.groups
    told = f"; the groups are {', '.join(groups)}" if groups else "; it has no groups"
    problems = [
        f"stratify by '{name}': the table has no such group{told}{did_you_mean(name, groups)}"
        for name in options.stratify
        if name not in groups
    ]
    known = ["label", "identity", *groups]
    problems += [
        f"per group of '{name}': it is none of {', '.join(known)}{did_you_mean(name, known)}"
        for name in options.per_group_by
        if name not in known
    ]
    if problems:
        raise UsageError(problems)
