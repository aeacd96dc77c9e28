"""A folder and the name of its layout -> the table of its faces; LAYOUTS at the foot has all layouts."""

from pathlib import Path

import pandas as pd

from converters.errors import did_you_mean
from heads.errors import DataError, UsageError
from heads.faces import BOX, COLUMNS, GROUP, LANDMARKS, FaceTable
from heads.layouts import (
    adience,
    agegender,
    celeba,
    csv_files,
    fairface,
    folders,
    imdb_wiki,
    kaggle_gender,
    lfw,
    morph,
    synthetic,
    utkface,
)
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE, Notes, first
from heads.layouts.options import LayoutOptions

ANY = ("folders", "csv")  # these fit almost anything: suggested where nothing else fits


def read_faces(folder: Path, layout: str, options: LayoutOptions | None = None) -> FaceTable:
    """Read the faces of a data set; `layout` is a key of LAYOUTS.

    UsageError for an unknown layout or an option that it does not take; DataError for a folder that is not laid out so.
    """
    options = options or LayoutOptions()
    found = _known(layout, options)
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder; name the one that holds the data set")
    reading = Reading(folder, options)
    try:
        rows = found.read(reading)
    except MisfitError as error:
        raise DataError(_misfit(folder, layout, found, error.problems)) from error
    return _table(reading, layout, found, rows)


def _known(layout: str, options: LayoutOptions) -> Layout:
    if layout not in LAYOUTS:
        raise UsageError(f"there is no layout '{layout}' among {', '.join(LAYOUTS)}{did_you_mean(layout, LAYOUTS)}")
    found = LAYOUTS[layout]
    strange = [name for name in options.given if name not in found.takes]
    if strange:
        takes = ", ".join(found.takes) or "no option"
        raise UsageError(f"the layout {layout} has no use for {', '.join(strange)}; it takes {takes}")
    return found


def _misfit(folder: Path, layout: str, found: Layout, reasons: list[str]) -> list[str]:
    """Say why a folder does not fit, what was expected and found, and which layout would fit."""
    there = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir() if path.name[0] != ".")
    told = first(there, len(there)) if there else "nothing"
    fitting = [name for name in recognise(folder) if name != layout]
    hint = f"; it looks like the layout {' or '.join(fitting)}" if fitting else ""
    return [
        *(f"{folder}: is not laid out as {layout}: {reason}" for reason in reasons),
        f"expected: {found.expects}; found: {told}{hint}",
    ]


def recognise(folder: Path) -> list[str]:
    """Return the layouts that a folder seems to have; the general ones only if none of the others fits."""
    fitting = [name for name, layout in LAYOUTS.items() if _looks(layout, folder)]
    special = [name for name in fitting if name not in ANY]
    return special or fitting


def _looks(layout: Layout, folder: Path) -> bool:
    try:
        return layout.looks_so(Reading(folder))
    except MisfitError:
        return False


def _table(reading: Reading, layout: str, found: Layout, rows: pd.DataFrame) -> FaceTable:
    for name in COLUMNS:
        if name not in rows.columns:
            rows = rows.assign(**{name: ""})
    rows = _without_repeats(reading.notes, rows)
    if rows.empty:
        raise DataError([f"{reading.folder}: no face is left of the layout {layout}", *reading.notes.lines])
    groups = [name for name in rows.columns if name.startswith(GROUP)]
    extra = [name for name in ("fold", "part", *BOX, *LANDMARKS) if name in rows.columns]
    rows = rows[[*COLUMNS, *groups, *extra]].reset_index(drop=True)
    return FaceTable(
        layout,
        reading.folder,
        rows,
        reading.options.label_source or found.label_source,
        reading.options.licence or found.licence,
        tuple(reading.notes.lines),
    )


def _without_repeats(notes: Notes, rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is listed twice, and all of what is listed with different labels."""
    if SOURCE not in rows.columns:
        rows = rows.assign(**{SOURCE: "", LINE: 0})
    face = ["path", *(name for name in BOX if name in rows.columns)]
    labels = rows.groupby(face, sort=False)["label"].transform("nunique")
    rows = notes.leave_out(rows, labels > 1, "the same face is listed with different labels", "path")
    return notes.leave_out(rows, rows.duplicated(face), "the same face is listed before", "path")


def describe() -> list[dict[str, str]]:
    """Return what is known of each layout, one dict of words for each."""
    return [
        {
            "layout": name,
            "expects": layout.expects,
            "labels": layout.labels,
            "identities": layout.identities,
            "groups": layout.groups,
            "splits": layout.splits,
            "label source": layout.label_source,
            "licence": layout.licence or "as stated with the option licence",
            "options": ", ".join(layout.takes) or "none",
        }
        for name, layout in LAYOUTS.items()
    ]


LAYOUTS: dict[str, Layout] = {
    "agegender_cleaned": agegender.LAYOUT,
    "celeba": celeba.LAYOUT,
    "utkface": utkface.LAYOUT,
    "adience": adience.LAYOUT,
    "fairface": fairface.LAYOUT,
    "lfw": lfw.LAYOUT,
    "morph": morph.LAYOUT,
    "imdb-wiki": imdb_wiki.LAYOUT,
    "kaggle-gender": kaggle_gender.LAYOUT,
    "folders": folders.LAYOUT,
    "csv": csv_files.LAYOUT,
    "synthetic": synthetic.LAYOUT,
}
