"""What an embedding is made from and how: everything that decides its values, as one value that can be compared."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Crop:
    """Which part of an image is the face; `kind` is "none", "centre", "box", "landmarks", "fixed" or "detected".

    `settings` are the kind's own (margins, fractions, rows and columns, the detector's sha256), plain JSON values.
    """

    kind: str = "none"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EmbeddingSpec:
    """Everything that decides what an image's embedding is, beside the image itself.

    `model` is the file name or name of the backbone, for people; `model_sha256` is over all of its files. `nodes` are
    the values that are joined, in order, and `dimensions` their lengths (maps are averaged over height and width).
    `preprocessing` has the keys of a converted file's own description (channel_order, mean, scale, size_height_width)
    besides "interpolation". `dtype` is the number type that the backbone computes in.
    """

    model: str
    model_sha256: str
    nodes: tuple[str, ...]
    dimensions: tuple[int, ...]
    preprocessing: Mapping[str, Any]
    crop: Crop = field(default_factory=Crop)
    normalized: bool = False
    dtype: str = "float32"
    licence: str = ""

    @property
    def dimension(self) -> int:
        """Return the length of the whole embedding."""
        return sum(self.dimensions)

    @property
    def key(self) -> str:
        """Return a sha256 over all that decides the values; the model's name and licence do not."""
        told = {name: value for name, value in self.to_json().items() if name not in ("model", "licence")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_json` makes an equal one."""
        return {**asdict(self), "nodes": list(self.nodes), "dimensions": list(self.dimensions)}

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> "EmbeddingSpec":
        """Return what `to_json` wrote."""
        return EmbeddingSpec(
            **{
                **told,
                "nodes": tuple(told["nodes"]),
                "dimensions": tuple(told["dimensions"]),
                "crop": Crop(told["crop"]["kind"], dict(told["crop"]["settings"])),
            }
        )

    def differences(self, other: "EmbeddingSpec") -> list[str]:
        """Return what keeps embeddings of both from being used together, one line each; empty when nothing does."""
        ours, theirs = _flat(self.to_json()), _flat(other.to_json())
        return [
            f"{name} {_said(theirs.get(name))}, expected {_said(ours.get(name))}"
            for name in dict.fromkeys((*ours, *theirs))
            if name not in ("model", "licence") and ours.get(name) != theirs.get(name)
        ]


def _flat(told: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of a spec under names as a message says them: "crop margin", "preprocessing mean"."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        title = f"{before}{WORDS.get(name, name.replace('_', ' '))}"
        found |= _flat(value, f"{title} ".replace("settings ", "")) if isinstance(value, Mapping) else {title: value}
    return found


def _said(value: Any) -> str:
    """Return a value of a spec as a message says it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.7g}" if isinstance(value, float) else str(value)


WORDS = {"model_sha256": "model with sha256"}
