"""From what stands in the files to a label, and to a split."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from heads.errors import UsageError
from heads.layouts.layout import MisfitError, Reading

MALE, FEMALE = "male", "female"
KNOWN_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def split_of(part: str, splits: Mapping[str, str]) -> str:
    """Return the split that a part of a set is by its name, "" if it is none."""
    return splits.get(part) or KNOWN_SPLITS.get(part.lower(), "")


def splits_of_folds(given: Mapping[str, str], folds: Sequence[str]) -> dict[str, str]:
    """Return the split of each fold as it was given, none at all if nothing was; UsageError unless all are given."""
    unknown = [fold for fold in given if fold not in folds]
    left = [fold for fold in folds if fold not in given]
    if unknown:
        raise UsageError(f"there is no fold {', '.join(unknown)} to be a split; there are {', '.join(folds)}")
    if given and left:
        raise UsageError(f"say of fold {', '.join(left)} as well which split it is, as in --part {left[0]}=train")
    return dict(given)


def check_meaning(values: pd.Series, mapping: Mapping[str, str], where: str) -> None:
    """Refuse labels that are numbers of which nobody has said what they mean."""
    numbers = sorted({value for value in values.unique() if _NUMBER.fullmatch(value) and value not in mapping})
    if numbers and not mapping:
        example = " ".join(f"--value {number}=..." for number in numbers[:2])
        raise MisfitError(
            f"in {where} there are the numbers {', '.join(numbers[:10])}, and a number is no label: data sets code the "
            f"same label differently. Say which label each stands for: {example}"
        )


def mapped(values: pd.Series, mapping: Mapping[str, str]) -> tuple[pd.Series, pd.Series]:
    """Return the labels, and which of the values have none; an empty value is the unknown label "".

    Without a mapping a value is its own label; with one, so are the labels it leads to.
    """
    if not mapping:
        return values, pd.Series(data=False, index=values.index)
    complete = {"": "", **{label: label for label in mapping.values()}, **mapping}
    labels = values.map(complete)
    return labels.fillna(""), labels.isna()


def labelled(reading: Reading, rows: pd.DataFrame, coding: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows with `label` as the set codes it; what its coding leads to "" is kept, with an unknown label."""
    labels, strange = mapped(rows["label"], coding)
    rows = rows.assign(label=labels, found=rows["label"])
    rows = reading.notes.leave_out(rows, strange, "this is no label of the set", "found")
    reading.notes.note(rows, rows["label"] == "", "kept without a label", "found")
    return rows.drop(columns="found")


def grouped(reading: Reading, rows: pd.DataFrame, column: str, coding: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows with the values of a column as its coding says, "" for others."""
    values = rows[column].map({**coding, "": ""})
    reading.notes.note(rows, values.isna(), f"kept without {column}", column)
    return rows.assign(**{column: values.fillna("")})
