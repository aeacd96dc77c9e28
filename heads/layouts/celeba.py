"""CelebA: aligned faces of celebrities with 40 attributes, identities, an official split and five landmarks.

Each annotation file is there in two forms: as published, a text with its number of rows in the first line, and as CSV.
"""

from pathlib import Path

import pandas as pd

from heads.errors import UsageError
from heads.faces import BOX, LANDMARKS
from heads.layouts.image_files import holds_images, keep_existing
from heads.layouts.labels import FEMALE, MALE
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE
from heads.layouts.text_tables import BLANKS, read_text_table

ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
IDENTITIES = ("identity_CelebA.txt", "identity_CelebA.csv")
PARTITION = ("list_eval_partition.txt", "list_eval_partition.csv")
ALIGNED_LANDMARKS = ("list_landmarks_align_celeba.txt", "list_landmarks_align_celeba.csv")
WILD_LANDMARKS = ("list_landmarks_celeba.txt", "list_landmarks_celeba.csv")
WILD_BOXES = ("list_bbox_celeba.txt", "list_bbox_celeba.csv")
ALIGNED, WILD = ("img_align_celeba", "img_align_celeba_png", "images"), "img_celeba"
IMAGE = "image_id"
SPLITS = {"0": "train", "1": "val", "2": "test"}
GROUPS = ("Young", "Eyeglasses", "Pale_Skin")
LABELS = {"1": MALE, "-1": FEMALE}
# Of the files' columns; "left" is the left of the image there as well as here.
POINTS = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
)
BOX_COLUMNS = ("x_1", "y_1", "width", "height")


def read(reading: Reading) -> pd.DataFrame:
    """Return a row for each image whose attributes are listed."""
    attributes = _find(reading, ATTRIBUTES)
    if attributes is None:
        raise MisfitError(f"there is no {' or '.join(ATTRIBUTES)}")
    groups = reading.options.groups or GROUPS
    rows = _read(reading, attributes, ("Male", *groups))
    _check_attributes(rows, groups, reading.relative(attributes))
    images = _images(reading)
    prefix = reading.relative(images)
    rows = rows.assign(file=_stems(rows[IMAGE]), path=_paths(images, prefix, rows[IMAGE]))
    rows = keep_existing(reading, rows, reading.relative(attributes))
    rows = reading.notes.leave_out(rows, ~rows["Male"].isin(LABELS), "Male is neither 1 nor -1", "Male")
    for name in groups:
        rows[f"group_{name.lower()}"] = rows[name].map({"1": "yes", "-1": "no"}).fillna("")
    rows = _joined(reading, rows.assign(label=rows["Male"].map(LABELS)))
    return _located(reading, rows, wild=images.name == WILD)


def _find(reading: Reading, names: tuple[str, ...]) -> Path | None:
    """Return the file of the first of these names that is there: where both forms are, the text."""
    found = [path for name in names if (path := reading.find(name))]
    return found[0] if found else None


def _read(reading: Reading, path: Path, wanted: tuple[str, ...]) -> pd.DataFrame:
    separator = BLANKS if path.suffix == ".txt" else ","
    return read_text_table(reading, path, separator=separator, wanted=(IMAGE, *wanted), first_name=IMAGE)


def _check_attributes(rows: pd.DataFrame, groups: tuple[str, ...], told: str) -> None:
    if "Male" not in rows.columns:
        raise MisfitError(f"{told} has no column Male")
    unknown = [name for name in groups if name not in rows.columns]
    if unknown:
        raise UsageError(f"{told} has no attribute {', '.join(unknown)} to group by")


def _images(reading: Reading) -> Path:
    """Return the folder of the images, which some copies hold twice over (img_align_celeba/img_align_celeba)."""
    named = reading.named_images()
    found = named or reading.find_folder(*ALIGNED, WILD)
    if found is None and holds_images(reading.folder):
        return reading.folder
    if found is None:
        raise MisfitError(f"there is no folder {ALIGNED[0]} with the images")
    inner = found / found.name
    return inner if not named and inner.is_dir() and not holds_images(found) else found


def _paths(images: Path, prefix: str, names: pd.Series) -> pd.Series:
    """Return where the images lie; one published copy holds them as PNG under the names of the JPEG files."""
    if names.size and not (images / names.iloc[0]).exists() and (images / names.iloc[0]).with_suffix(".png").exists():
        names = _stems(names) + ".png"
    return prefix + "/" + names if prefix else names


def _stems(names: pd.Series) -> pd.Series:
    return names.str.replace(r"\.\w+$", "", regex=True)


def _joined(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Add identities and the official split, where their files are."""
    identities = _column(reading, rows, IDENTITIES, "identity")
    if identities is None:
        reading.notes.tell(f"there is no {IDENTITIES[0]}: identities are unknown, and no split can keep people apart")
    partition = _column(reading, rows, PARTITION, "partition")
    if partition is None:
        reading.notes.tell(f"there is no {PARTITION[0]}: the official split is unknown")
    else:
        strange = ~partition.isin(["", *SPLITS])
        reading.notes.note(rows.assign(partition=partition), strange, "in no official split", "partition")
        rows = rows.assign(split=partition.map(SPLITS).fillna(""))
    return rows if identities is None else rows.assign(identity=identities)


def _column(reading: Reading, rows: pd.DataFrame, names: tuple[str, ...], told: str) -> pd.Series | None:
    """Return the second column of a file for the rows' images, "" where it has no line; None without such a file.

    As published these files have no header, as CSV they may have one.
    """
    path = _find(reading, names)
    if path is None:
        return None
    separator = BLANKS if path.suffix == ".txt" else ","
    table = read_text_table(reading, path, separator=separator, names=(IMAGE, told))
    known = dict(zip(_stems(table[IMAGE]), table[told], strict=True))
    found = rows["file"].map(known)
    reading.notes.note(rows, found.isna(), f"without a line in {reading.relative(path)}")
    return found.fillna("")


def _located(reading: Reading, rows: pd.DataFrame, *, wild: bool) -> pd.DataFrame:
    """Add landmarks, and boxes to images that are not aligned: the boxes belong to these alone."""
    rows = _measured(reading, rows, WILD_LANDMARKS if wild else ALIGNED_LANDMARKS, POINTS, LANDMARKS)
    return _measured(reading, rows, WILD_BOXES, BOX_COLUMNS, BOX) if wild else rows


def _measured(
    reading: Reading, rows: pd.DataFrame, names: tuple[str, ...], theirs: tuple[str, ...], ours: tuple[str, ...]
) -> pd.DataFrame:
    path = _find(reading, names)
    if path is None:
        return rows
    table = _read(reading, path, theirs)
    lacking = [name for name in theirs if name not in table.columns]
    if lacking:
        raise MisfitError(f"{reading.relative(path)} has no column {', '.join(lacking)}")
    table = table.assign(file=_stems(table[IMAGE])).drop(columns=[IMAGE, SOURCE, LINE]).drop_duplicates("file")
    numbers = table.set_index("file").apply(pd.to_numeric, errors="coerce").reindex(rows["file"])
    rows = rows.assign(**{name: numbers[source].to_numpy() for name, source in zip(ours, theirs, strict=True)})
    unknown = rows[list(ours)].isna().any(axis=1)
    return reading.notes.leave_out(rows, unknown, f"without numbers in {reading.relative(path)}")


def looks_so(reading: Reading) -> bool:
    """Tell whether the attributes of CelebA are there."""
    return _find(reading, ATTRIBUTES) is not None


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects=(
        "img_align_celeba/000001.jpg ..., list_attr_celeba.txt or .csv, and if there are such, identity_CelebA.txt, "
        "list_eval_partition.txt and list_landmarks_align_celeba.txt (or .csv), in Anno/ and Eval/ too"
    ),
    labels="Male: 1 male, -1 female",
    identities="with identity_CelebA.txt",
    groups="young, eyeglasses, pale_skin; other attributes with --group-columns",
    splits="0 train, 1 val, 2 test in list_eval_partition.txt",
    label_source="annotator-perceived",
    licence="non-commercial research only (CelebA dataset release agreement)",
    takes=("images", "groups"),
)
