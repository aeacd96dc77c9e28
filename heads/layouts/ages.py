"""Ages in years become age groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

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
