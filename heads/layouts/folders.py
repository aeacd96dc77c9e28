"""Any tree whose folders are the labels, perhaps below folders that are the splits."""

import re
from collections.abc import Mapping

import pandas as pd

from heads.layouts.image_files import image_paths, rows_of_images
from heads.layouts.labels import check_meaning, mapped, split_of
from heads.layouts.layout import Layout, MisfitError, Reading


def read(reading: Reading) -> pd.DataFrame:
    """Return the images below each folder, which is their label; the folder above it may be their split."""
    base = reading.named_images() or reading.folder
    rows = rows_of_images(image_paths(reading, base))
    if rows.empty:
        raise MisfitError("there is no image in it")
    prefix = reading.relative(base)
    inner = rows["path"].str.slice(len(prefix) + 1 if prefix else 0)
    rows = _placed(reading, rows, inner.str.split("/"))
    check_meaning(rows["label"], reading.options.values, "the names of the folders")
    labels, unmapped = mapped(rows["label"], reading.options.values)
    rows = reading.notes.leave_out(rows, unmapped, "no --value says what the folder means", "label")
    if rows.empty:
        raise MisfitError("no --value names one of its folders")
    return identified(reading, rows.assign(label=labels[rows.index]))


def _placed(reading: Reading, rows: pd.DataFrame, parts: pd.Series) -> pd.DataFrame:
    """Take label and split from the folders' names."""
    tops = {names[0] for names in parts if len(names) > 1}
    below_splits = bool(tops) and all(split_of(top, reading.options.splits) for top in tops)
    level = 1 if below_splits else 0
    lacking = parts.str.len() < level + 2
    rows = rows.assign(label=parts.str[level])
    if below_splits:
        rows = rows.assign(split=parts.str[0].map(split_names(tops, reading.options.splits)).fillna(""))
    if lacking.all():
        raise MisfitError("its images lie in no folder that could be their label")
    return reading.notes.leave_out(rows, lacking, "in no folder that could be its label")


def split_names(parts: set[str], splits: Mapping[str, str]) -> dict[str, str]:
    """Return the split of each part of a set."""
    return {part: split_of(part, splits) for part in parts}


def identified(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Find identities in the paths where the options say how."""
    pattern = reading.options.identity_pattern
    if not pattern:
        return rows
    found = rows["path"].str.extract(re.compile(pattern), expand=False)
    reading.notes.note(rows, found.isna(), "without an identity: the identity pattern does not fit")
    return rows.assign(identity=found.fillna(""))


def looks_so(reading: Reading) -> bool:
    """Tell whether there are two folders or more with images in them, directly or one level below."""
    with_images = {path.rpartition("/")[0] for path in image_paths(Reading(reading.folder), reading.folder)}
    return len(with_images - {""}) > 1


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="<label>/... with images, or train/<label>/..., val/<label>/... and test/<label>/...",
    labels="the folder's name; a number only with --value for what it means",
    identities="with --identity-pattern, which finds them in the paths",
    groups="none",
    splits="folders named train, val or test (or as --part says) above those of the labels",
    label_source="folder",
    licence="",
    takes=("images", "values", "splits", "identity_pattern", "label_source", "licence"),
)
