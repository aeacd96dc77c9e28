"""Ages in years become age groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from heads.faces import GROUP
from heads.layouts.layout import Reading

AGE_GROUP = GROUP + "age_group"
OLDEST = 120


def age_group_names(bounds: Sequence[int]) -> list[str]:
    """Return the groups that these bounds make: (18, 30) gives "0-17", "18-29" and "30+"."""
    starts = (0, *bounds)
    inner = [f"{low}-{high - 1}" for low, high in zip(starts, bounds, strict=False)]
    return [*inner, f"{bounds[-1]}+"]


def age_groups(ages: pd.Series, bounds: Sequence[int]) -> pd.Series:
    """Return the group of each age, "" for what is no age from 0 to 120 years."""
    years = pd.to_numeric(ages, errors="coerce").to_numpy(float)
    known = (years >= 0) & (years <= OLDEST)
    names = np.array(age_group_names(bounds), object)
    places = np.digitize(np.where(known, years, 0), bounds)
    return pd.Series(np.where(known, names[places], ""), index=ages.index, dtype=str)


def with_age_groups(reading: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the group of their `age` in its place; what is no age is kept without a group."""
    groups = age_groups(rows["age"], reading.options.age_bounds)
    reading.notes.note(rows, (groups == "") & (rows["age"] != ""), "kept without an age group", "age")
    return rows.drop(columns="age").assign(**{AGE_GROUP: groups})


def with_published_groups(reading: Reading, rows: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return the rows with age groups that the set itself states in the place of `age`."""
    unknown = rows["age"].str.lower().isin(["", "none"])
    reading.notes.note(rows, (groups == "") & ~unknown, "kept without an age group", "age")
    return rows.drop(columns="age").assign(**{AGE_GROUP: groups})
