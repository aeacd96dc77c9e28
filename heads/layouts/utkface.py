"""UTKFace: everything that is known of a face stands in the name of its file.

Source: susanqq.github.io/UTKFace, `[age]_[gender]_[race]_[date&time].jpg`. Four published names lack a field
(aicip/UTKFace#1), and nothing says which one.
"""

import re

import pandas as pd

from heads.faces import GROUP
from heads.layouts.ages import OLDEST, with_age_groups
from heads.layouts.image_files import image_paths, rows_of_images
from heads.layouts.labels import FEMALE, MALE
from heads.layouts.layout import Layout, MisfitError, Reading

FOLDER = "UTKFace"
GENDERS = {"0": MALE, "1": FEMALE}
RACES = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "Other"}
# Age, gender, race, time; what follows the first dot is that of the original or of the aligned picture.
_NAME = re.compile(
    r"(\d{1,3})_([01])_([0-4])_\d+(?: ?\(\d+\))?(?:\.jpe?g|\.png)(?:\.chip)?(?:\.jpe?g|\.png)?", re.IGNORECASE
)


def read(reading: Reading) -> pd.DataFrame:
    """Return the images whose names say what they are."""
    base = reading.named_images() or reading.find_folder(FOLDER) or reading.folder
    rows = rows_of_images(image_paths(reading, base))
    if rows.empty:
        raise MisfitError("there is no image in it")
    names = rows["path"].str.rpartition("/")[2]
    found = pd.DataFrame([_fields(name) for name in names], index=rows.index, columns=["age", "label", "race"])
    strange = found["label"] == ""
    if strange.all():
        raise MisfitError(f"none of its {len(rows)} images is named <age>_<gender>_<race>_<time>.jpg")
    rows = rows.assign(label=found["label"], age=found["age"], face=names.str.partition(".")[0])
    rows[GROUP + "race"] = found["race"]
    rows = reading.notes.leave_out(rows, strange, "the name does not say age, gender 0 or 1, race 0 to 4 and time")
    # The aligned and the original pictures, and the parts of archives that hold both, show the same faces.
    rows = reading.notes.leave_out(rows, rows.duplicated("face"), "the same face lies in another folder, too")
    return with_age_groups(reading, rows.drop(columns="face"))


def _fields(name: str) -> tuple[str, str, str]:
    """Return age, label and race, all empty where a name does not fit."""
    found = _NAME.fullmatch(name)
    if not found or int(found[1]) > OLDEST:
        return "", "", ""
    return found[1], GENDERS[found[2]], RACES[found[3]]


def looks_so(reading: Reading) -> bool:
    """Tell whether a folder holds an image with such a name."""
    for folder in (*reading.folders_named(FOLDER, "part1"), reading.folder):
        if any(_NAME.fullmatch(path.name) for path in folder.iterdir()):
            return True
    return False


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects="UTKFace/ or part1/ ... with images that are named <age>_<gender>_<race>_<time>.jpg (or .jpg.chip.jpg)",
    labels="from the file's name, 0 male, 1 female",
    identities="none",
    groups="age_group (bounds by age_bounds), race, both from the file's name",
    splits="none",
    label_source="annotator-perceived",
    licence="non-commercial research (UTKFace)",
    takes=("images", "age_bounds"),
)
