"""The synthetic set that this program draws: `faces.csv` with the images beside it."""

import pandas as pd

from heads.errors import DataError
from heads.face_files import FACTS, read_table
from heads.layouts.image_files import keep_existing
from heads.layouts.layout import Layout, MisfitError, Reading
from heads.layouts.notes import LINE, SOURCE
from heads.layouts.text_tables import peek

NAME, TABLE = "synthetic", "faces.csv"


def read(reading: Reading) -> pd.DataFrame:
    """Return the rows of the table that was written with the faces."""
    path = reading.folder / TABLE
    if not path.is_file():
        raise MisfitError(f"there is no {TABLE}")
    try:
        table = read_table(path)
    except DataError as error:
        raise MisfitError(error.problems) from error
    if table.layout != NAME:
        raise MisfitError(f"{TABLE} is a table of the layout '{table.layout}', not of drawn faces")
    rows = table.rows.assign(**{SOURCE: TABLE, LINE: range(2, len(table) + 2)})
    return keep_existing(reading, rows, TABLE)


def looks_so(reading: Reading) -> bool:
    """Tell whether the table of drawn faces lies there."""
    path = reading.folder / TABLE
    return path.is_file() and set(FACTS) <= set(peek(path))


LAYOUT = Layout(
    read=read,
    looks_so=looks_so,
    expects=f"{TABLE} and images/, as `heads data draw` writes them",
    labels="round, angular: outlines of drawn faces, which say nothing about people",
    identities="yes",
    groups="tone (ochre, teal), light (bright, dim)",
    splits="none",
    label_source="drawn by the program",
    licence="synthetic images, free of any terms",
)
