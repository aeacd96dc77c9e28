"""What of one part of a split is also in another: people, files, pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from heads.checks.duplicates import Duplicates
from heads.checks.plain import PlainTable
from heads.checks.similarity import Similar
from heads.faces import SPLITS

Array = np.ndarray[Any, Any]

EXAMPLES = 20


@dataclass(frozen=True)
class Leak:
    """What of the `faces` in `part` is also in `source`; a count is None where it could not be found out.

    `identities` are people in both parts. The others count faces of `part`: whose person, whose very file, whose
    picture or whose embedding `source` has as well; a face counts in each of them, and once in `affected`.
    `examples` are (path in part, path in source, why).
    """

    source: str
    part: str
    faces: int
    identities: int | None
    same_identity: int | None
    identical: int | None
    near: int | None
    similar: int | None
    affected: int
    examples: tuple[tuple[str, str, str], ...] = ()

    @property
    def affected_fraction(self) -> float:
        """Return which fraction of the faces in `part` is affected in any way."""
        return self.affected / self.faces


@dataclass(frozen=True)
class Leaks:
    """The leaks from train into val and test, and from val into test; parts without a face are left out.

    `without_identity` faces could not be compared by person, `looked_at` says whether the images were opened,
    `distance` up to which distance of perceptual hashes pictures count as the same, `cosine` likewise for embeddings.
    """

    leaks: tuple[Leak, ...]
    faces: int
    without_identity: int
    looked_at: bool
    distance: int | None
    cosine: float | None

    @property
    def clean(self) -> bool:
        """Return whether nothing was found; see `warnings` for what was not looked for."""
        return not any(leak.affected for leak in self.leaks)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        leaks = [{**asdict(leak), "affected_fraction": leak.affected_fraction} for leak in self.leaks]
        for leak in leaks:
            leak["examples"] = [list(example) for example in leak["examples"]]
        settings = {
            "faces": self.faces,
            "faces_without_identity": self.without_identity,
            "images_looked_at": self.looked_at,
            "near_distance": self.distance,
            "cosine": self.cosine,
        }
        return {**settings, "between": leaks}

    def table(self) -> PlainTable:
        """Return one row for each pair of parts."""
        columns = (
            "part", "also in", "faces", "shared identities", "same identity", "identical file", "near-duplicate",
            "similar embedding", "affected", "affected %",
        )  # fmt: skip
        rows = tuple(
            (
                leak.part, leak.source, leak.faces, leak.identities, leak.same_identity, leak.identical, leak.near,
                leak.similar, leak.affected, round(100 * leak.affected_fraction, 1),
            )
            for leak in self.leaks
        )  # fmt: skip
        return PlainTable("what leaks between the parts", columns, rows)

    def warnings(self) -> list[str]:
        """Return in words what leaks, and what could not be looked for."""
        said = [_sentence(leak) for leak in self.leaks if leak.affected]
        if self.without_identity:
            known = "no face has" if self.without_identity == self.faces else f"{self.without_identity} faces lack"
            said.append(f"{known} an identity: the same person may be in several parts without being noticed")
        if not self.looked_at:
            said.append("the images were not opened: duplicates were not looked for")
        return said


def find_leaks(rows: pd.DataFrame, duplicates: Duplicates | None = None, similar: Similar | None = None) -> Leaks:
    """Compare the parts of a table's rows, given what is known of duplicates (in the order of the rows)."""
    codes = _codes(rows, duplicates, similar)
    parts = {name: np.flatnonzero(rows["split"] == name) for name in SPLITS}
    present = [name for name in SPLITS if len(parts[name])]
    paths = rows["path"].to_numpy()
    leaks = [_leak(source, part, parts[source], parts[part], codes, paths) for source, part in combinations(present, 2)]
    if duplicates is None:  # equal paths were seen without opening anything, but their absence says little
        leaks = [replace(leak, identical=leak.identical or None) for leak in leaks]
    return Leaks(
        tuple(leaks),
        len(rows),
        int((rows["identity"] == "").sum()),
        duplicates is not None,
        duplicates.distance if duplicates else None,
        similar.cosine if similar else None,
    )


def _codes(rows: pd.DataFrame, duplicates: Duplicates | None, similar: Similar | None) -> dict[str, Array]:
    """Return for each kind of leak a number for each row: equal in both parts means a leak, below 0 is unknown."""
    codes: dict[str, Array] = {}
    identities = rows["identity"].where(rows["identity"] != "")
    if identities.notna().any():
        codes["same identity"] = pd.factorize(identities)[0]
    # The same path is the same file, opened or not.
    codes["identical file"] = duplicates.identical if duplicates else pd.factorize(rows["path"])[0]
    if duplicates and duplicates.distance is not None:
        codes["near-duplicate"] = duplicates.near
    if similar:
        codes["similar embedding"] = similar.sets
    return codes


def _leak(source: str, part: str, theirs: Array, ours: Array, codes: dict[str, Array], paths: Array) -> Leak:
    counts: dict[str, int] = {}
    affected = np.zeros(len(ours), bool)
    examples: list[tuple[str, str, str]] = []
    for why, numbers in codes.items():
        shared = np.isin(numbers[ours], numbers[theirs]) & (numbers[ours] >= 0)
        counts[why] = int(shared.sum())
        examples += _examples(why, ours[shared & ~affected], theirs, numbers, paths)
        affected |= shared
    identities = codes.get("same identity")
    return Leak(
        source,
        part,
        len(ours),
        None if identities is None else len(np.setdiff1d(np.intersect1d(identities[ours], identities[theirs]), [-1])),
        counts.get("same identity"),
        counts.get("identical file"),
        counts.get("near-duplicate"),
        counts.get("similar embedding"),
        int(affected.sum()),
        tuple(examples),
    )


def _examples(why: str, affected: Array, theirs: Array, numbers: Array, paths: Array) -> list[tuple[str, str, str]]:
    values, firsts = np.unique(numbers[theirs], return_index=True)
    some = affected[:EXAMPLES]
    partners = theirs[firsts[np.searchsorted(values, numbers[some])]]
    return [(str(paths[one]), str(paths[other]), why) for one, other in zip(some, partners, strict=True)]


def _sentence(leak: Leak) -> str:
    kinds: Sequence[tuple[int | None, str]] = (
        (leak.same_identity, f"show one of {leak.identities} people who are"),
        (leak.identical, "are files that are"),
        (leak.near, "are pictures that are"),
        (leak.similar, "have an embedding that is"),
    )
    told = ", ".join(f"{count} {words} in {leak.source} too" for count, words in kinds if count)
    share = f"{leak.affected} of {leak.faces} faces ({100 * leak.affected_fraction:.1f} %)"
    return f"{share} of {leak.part} leak from {leak.source}: {told}"
