"""A folder of drawn faces: `faces.csv`, which the layout "synthetic" reads, the images beside it, and a notice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from converters.files.staging import Stage, check_output, commit
from heads.errors import DataError, UsageError
from heads.face_files import write_table
from heads.faces import BOX, LANDMARKS, FaceTable
from heads.synthetic.drawing import SIZE, draw, frame_of, landmarks, outline
from heads.synthetic.people import Person, Sight, person, sight

LAYOUT = "synthetic"
LABEL_SOURCE = "drawn by the program"
LICENCE = "synthetic images, free of any terms"
TABLE, NOTICE = "faces.csv", "README.txt"
MOST_FACES = 1_000_000
_NOTICE = """These faces are synthetic: a program drew them, they show nobody.

Their labels, "angular" and "round", name the outline that was drawn, and say nothing about people. Some of the faces
carry the wrong one on purpose. Results on these images tell whether a program works, not how well faces are classified.

people: {people}, images of each: {per_person}, seed: {seed}
"""


def draw_faces(folder: Path, people: int, per_person: int, seed: int) -> FaceTable:
    """Draw a data set into a folder that does not exist or is empty, and return its table.

    The same numbers and seed draw the same pixels. UsageError if there are not at least two people (one for each label)
    with one image each, or unreasonably many; DataError if the folder holds files; ConversionError if it
    cannot be written.
    """
    _check(people, per_person, seed)
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: is a folder with files in it; choose another name")
    check_output(folder, force=False, folder=True)
    with Stage(folder) as stage:
        with stage.writing():
            (stage.path / "images").mkdir(parents=True)
            rows = pd.DataFrame(list(_drawn(stage.path, people, per_person, seed)))
            table = FaceTable(LAYOUT, folder, rows, LABEL_SOURCE, LICENCE)
            write_table(table, stage.path / TABLE, place=folder / TABLE)
            notice = _NOTICE.format(people=people, per_person=per_person, seed=seed)
            (stage.path / NOTICE).write_text(notice, encoding="utf-8")
        commit([stage])
    return table


def _check(people: int, per_person: int, seed: int) -> None:
    problems = []
    if people < 2:
        problems.append(f"{people} people: draw at least 2, one for each label")
    if per_person < 1:
        problems.append(f"{per_person} images per person: draw at least 1")
    if people * per_person > MOST_FACES:
        problems.append(f"{people} x {per_person} faces: draw at most {MOST_FACES:,}")
    if seed < 0:
        problems.append(f"the seed is {seed}: it is 0 or more")
    if problems:
        raise UsageError(problems)


def _drawn(folder: Path, people: int, per_person: int, seed: int) -> Iterator[dict[str, Any]]:
    """Draw everybody, and yield the row of each image."""
    for number in range(people):
        someone = person(seed, number)
        (folder / "images" / someone.name).mkdir()
        for image in range(per_person):
            path = f"images/{someone.name}/{someone.name}-{image + 1:04}.jpg"
            seen = sight(seed, number, image)
            grain = np.random.default_rng([seed, number, image + 1, 1])
            draw(someone, seen, grain).save(folder / path, "JPEG", quality=seen.jpeg_quality)
            yield _row(path, someone, seen)


def _row(path: str, someone: Person, seen: Sight) -> dict[str, Any]:
    frame = frame_of(seen, SIZE)
    low, high = (edge(frame.place(outline(someone, seen)), axis=0) for edge in (np.min, np.max))
    points = frame.place(landmarks(someone, seen)).reshape(-1)
    return {
        "path": path,
        "label": someone.label,
        "identity": someone.name,
        "split": "",
        "group_tone": someone.tone,
        "group_light": seen.light,
        **{name: round(float(value), 2) for name, value in zip(BOX, (*low, *(high - low)), strict=True)},
        **{name: round(float(value), 2) for name, value in zip(LANDMARKS, points, strict=True)},
    }
