"""What is asked of the process that makes artefacts, and what it answers: plain data, read and written as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from benchmarks.artefacts import KINDS
from benchmarks.errors import UsageError
from converters.errors import did_you_mean

# The key of files that take every batch size, among the batch sizes of those that take one.
ANY = "any"


@dataclass(frozen=True)
class Request:
    """What is to be made of one model.

    `model` are its words: a shipped network's name, prototxt and caffemodel, or a .mat. `nodes` are the values wanted,
    in order; none means the network's outputs, each softmax with its input before it. `folder` keeps what is made.
    `batches` matter for a network whose batch is fixed: it gets one file for each. The probe set has `images` images,
    drawn from `seed` or taken from `image_folder`; `calibration_images` others calibrate int8. `channel_order`, `mean`
    and `scale` (one number, or three in the order R, G, B) stand in place of what the model says of its preprocessing.
    """

    model: tuple[str, ...]
    folder: str
    nodes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1,)
    images: int = 16
    seed: int = 0
    image_folder: str = ""
    calibration_images: int = 64
    channel_order: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def problems(self) -> list[str]:
        """Return what makes no sense whatever the files hold, one line each."""
        found = [
            f"there is no kind of artefact '{kind}'{did_you_mean(kind, KINDS)}; there are {', '.join(KINDS)}"
            for kind in self.kinds
            if kind not in KINDS
        ]
        if not self.model:
            found.append("no model is named; give a name such as vgg-face-tiny, or the paths of its files")
        if not self.folder:
            found.append("no folder is named to keep artefacts in")
        found += [f"a batch of {size} images is asked for, expected 1 or more" for size in self.batches if size < 1]
        if not self.batches:
            found.append("no batch size is asked for")
        found += [
            f"{name} is {value}, expected {least} or more"
            for name, value, least in (
                ("images", self.images, 1),
                ("seed", self.seed, 0),
                ("calibration_images", self.calibration_images, 1),
            )
            if value < least
        ]
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Request":
        """Return the request that `to_json` wrote; UsageError for fields that are missing or unknown."""
        known = [each.name for each in fields(cls)]
        problems = [f"a request has no field '{name}'{did_you_mean(name, known)}" for name in told if name not in known]
        problems += [f"a request needs the field '{name}'" for name in ("model", "folder") if name not in told]
        if problems:
            raise UsageError(problems)
        return cls(**_plain(told))


@dataclass(frozen=True)
class Answer:
    """What was made. `problems` (none when the model could be used at all) stand in place of everything else.

    `files` are by kind, batch size (ANY, or a number as text) and role; `failed` says why a kind, or a kind at a batch
    size ("onnx at batch 8"), could not be made. `network` are facts of the network; `probe` is the .npz of Task.probe.
    """

    model: str = ""
    model_sha256: str = ""
    nodes: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    probe: str = ""
    problems: tuple[str, ...] = ()

    def files_for(self, kind: str, batch: int) -> dict[str, str]:
        """Return the files of a kind by role for batches of this size; none where they could not be made."""
        of_kind = self.files.get(kind, {})
        return dict(of_kind.get(ANY) or of_kind.get(str(batch)) or {})

    def reason(self, kind: str, batch: int) -> str:
        """Return why there are no files of a kind at a batch size, "" if there are."""
        if self.files_for(kind, batch):
            return ""
        told = self.failed.get(kind) or self.failed.get(at_batch(kind, batch))
        return told or f"{at_batch(kind, batch)} was not asked for"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Answer":
        """Return the answer that `to_json` wrote."""
        return cls(**_plain(told))


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def at_batch(kind: str, batch: int) -> str:
    """Return how a kind at one batch size is called in `Answer.failed`."""
    return f"{kind} at batch {batch}"
