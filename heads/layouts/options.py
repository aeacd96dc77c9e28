"""What a person may say about a data set that its files do not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise

from heads.errors import UsageError
from heads.faces import SPLITS

AGE_BOUNDS = (18, 30, 45, 60)


@dataclass(frozen=True)
class LayoutOptions:
    """How to read a data set, beside its layout; each layout takes some of these and refuses the others.

    `images` is the sub folder that holds the images, `files` are annotation files, both relative to the data set's
    folder. `columns` maps our columns to those of the files ({"path": "file", "label": "male"}), `values` the labels
    found to labels that say what they mean ({"1": "male", "0": "female"}), `splits` the parts of a set (a file's stem,
    a folder, a fold) to train, val or test. `groups` are further columns of the files to group by. Faces are grouped by
    age at `age_bounds`, the first age of each group but the youngest. `identity_pattern` is a regular expression with
    one group, which finds the identity in an image's path. `separator` stands between the columns of a file.
    `several_faces` keeps images on which a second face was found. `label_source` and `licence` state what the layout
    itself does not know.
    """

    images: str = ""
    files: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    age_bounds: tuple[int, ...] = AGE_BOUNDS
    identity_pattern: str = ""
    separator: str = ""
    several_faces: bool = False
    label_source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        problems = [
            f"splits: '{part}' cannot be '{split}', but {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
            for part, split in self.splits.items()
            if split not in SPLITS
        ]
        problems += [f"values: '{value}' has an empty label" for value, label in self.values.items() if not label]
        bounds = self.age_bounds
        if not bounds or bounds[0] < 1 or any(low >= high for low, high in pairwise(bounds)):
            problems.append(f"age bounds are {bounds}; they are ages of one year and more, rising")
        problems += _pattern_problems(self.identity_pattern)
        if problems:
            raise UsageError(problems)

    @property
    def given(self) -> list[str]:
        """Return the names of the settings that differ from their defaults."""
        unset = LayoutOptions()
        return [setting.name for setting in fields(self) if getattr(self, setting.name) != getattr(unset, setting.name)]


def _pattern_problems(pattern: str) -> list[str]:
    if not pattern:
        return []
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        return [f"identity pattern '{pattern}': is no regular expression: {error}"]
    if groups != 1:
        return [
            f"identity pattern '{pattern}': has {groups} groups in brackets; one marks the identity, as in '([^/_]+)_'"
        ]
    return []
