"""The ground truth of `tests/data`: networks as real Caffe and MatConvNet's own code computed them.

    @pytest.mark.parametrize("name", caffe_cases())
    def test_something(name):
        case = caffe_case(name)
        graph = read(case.prototxt, case.weights)
        for step in case.steps: ...

Archives are unpacked case by case, on first use, into a folder that belongs to this process alone and goes away with
it: readers need real paths to map, and parallel test processes never meet. `tests/data/ORIGIN.md` says what is what.
"""

import atexit
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DATA = Path(__file__).parent / "data"
CAFFE = "caffe_cases.zip"
CAFFE_REJECTS = "caffe_rejects.zip"
MATCONVNET = "matconvnet_cases.zip"
MATCONVNET_REJECTS = "matconvnet_rejects.zip"
VGGFACE_FULL = "vggface_full.zip"


class Step(NamedTuple):
    """One top of one layer, in the order Caffe ran them, with its value right after that layer."""

    layer: str
    kind: str
    top: str
    value: Array


@dataclass(frozen=True, eq=False)
class CaffeCase:
    """A network that real Caffe ran, with every blob; arrays are read on first use."""

    name: str
    path: Path
    info: dict[str, Any]

    @property
    def note(self) -> str:
        """What the case pins down, maybe empty."""
        return str(self.info["note"])

    @property
    def prototxt(self) -> Path:
        """The network."""
        return self.path / "deploy.prototxt"

    @property
    def weights(self) -> Path:
        """The weights: `.caffemodel`, or `.caffemodel.h5` for the HDF5 case."""
        return self.path / str(self.info["weights"])

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages Caffe was started with (`--stage`)."""
        return tuple(self.info["stages"] or ())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the blobs that Caffe calls outputs: those nobody reads."""
        return tuple(self.info["outputs"])

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """What was fed, by blob. For a net with data layers: what those layers delivered (`data`, `label`)."""
        fed = {blob: np.load(self.path / f"input_{blob}.npy") for blob in self.info["inputs"]}
        tops = [top for _, kind, _, layer_tops, _ in self.info["layers"] if kind == "Data" for top in layer_tops]
        return fed | {top: self.blobs[top] for top in tops}

    @cached_property
    def _stored(self) -> dict[str, Array]:
        with np.load(self.path / "blobs.npz") as stored:
            return {key: stored[key] for key in stored.files}

    @cached_property
    def blobs(self) -> dict[str, Array]:
        """Every blob after the whole pass. In-place layers have overwritten theirs: `steps` has the values between."""
        return {key: value for key, value in self._stored.items() if not key.startswith("layer:")}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every top of every layer (inputs and data layers too, Caffe's own Split layers not), in Caffe's order."""
        found = []
        for layer, kind, _, tops, _ in self.info["layers"]:
            for top in tops:
                value = self._stored.get(f"layer:{layer}:{top}", self._stored.get(top))
                if value is not None:
                    found.append(Step(layer, kind, top, value))
                elif kind != "Split":  # the automatic ones are not stored
                    raise KeyError(f"{self.name}: no value for top {top!r} of layer {layer!r}")
        return tuple(found)


@dataclass(frozen=True, eq=False)
class MatCase:
    """A network that MatConvNet's own CPU code ran; arrays are turned to `(batch, channels, height, width)`."""

    name: str
    path: Path
    info: dict[str, Any]

    @property
    def note(self) -> str:
        """What the case pins down."""
        return str(self.info["note"])

    @property
    def kind(self) -> str:
        """`simplenn` or `dagnn`."""
        return str(self.info["kind"])

    @property
    def files(self) -> tuple[Path, ...]:
        """The network as MAT v5, and for some cases once more as v7.3; same content."""
        return tuple(self.path / file for file in self.info["files"])

    @property
    def final(self) -> tuple[str, ...]:
        """Keys of `outputs` that are the network's outputs."""
        return tuple(self.info["final"])

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """What was fed, by variable; a SimpleNN's only input (MatConvNet's x0) is called `data`."""
        variables = list(self.info["inputs"])
        single = self.path / "input.npy"
        files = {name: single if single.exists() else self.path / f"input_{name}.npy" for name in variables}
        return {"data" if name == "x0" else name: channels_first(np.load(file)) for name, file in files.items()}

    @cached_property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of `inputs`, for networks that do not state their own."""
        return {name: value.shape for name, value in self.inputs.items()}

    @cached_property
    def _stored(self) -> dict[str, Array]:
        with np.load(self.path / "outputs.npz") as stored:
            return {key: channels_first(stored[key]) for key in stored.files}

    @cached_property
    def kernel_outputs(self) -> dict[str, Array]:
        """What the CPU kernels gave, approximate where `info["rtol"]` is above 1e-5 (LRN)."""
        return {key: value for key, value in self._stored.items() if not key.startswith("exact:")}

    @cached_property
    def outputs(self) -> dict[str, Array]:
        """The values to hold to 1e-5 of an array's max: the exact formula where the CPU kernel only approximates.

        Keys: SimpleNN `x1`.. = output of layer 1.., DagNN = variables; `softmax` where a trailing loss was dropped.
        """
        exact = {key.removeprefix("exact:"): self._stored[key] for key in self._stored if key.startswith("exact:")}
        return self.kernel_outputs | exact


@dataclass(frozen=True)
class Reject:
    """A network that the real code refuses, and what it said (empty for files that it never gets to see)."""

    name: str
    path: Path
    files: tuple[Path, ...]
    message: str
    info: dict[str, Any]


@dataclass(frozen=True)
class FullSize:
    """Full-size VGG-Face: the network and what real Caffe computed for seeded weights (580 MB, not included)."""

    prototxt: Path
    blobs: dict[str, Array]


def channels_first(array: Array) -> Array:
    """Turn MatConvNet's `(height, width, channels, batch)` into a contiguous `(batch, channels, height, width)`."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1))


def caffe_cases() -> list[str]:
    """Names of all Caffe cases, sorted; cheap enough for `parametrize`."""
    return _folders(CAFFE)


def matconvnet_cases() -> list[str]:
    """Names of all MatConvNet cases, sorted."""
    return _folders(MATCONVNET)


def caffe_rejects() -> list[str]:
    """Names of the networks that real Caffe refuses, sorted."""
    return _folders(CAFFE_REJECTS)


def matconvnet_rejects() -> list[str]:
    """Names of the files and networks that MatConvNet refuses, sorted."""
    return _folders(MATCONVNET_REJECTS)


@cache
def caffe_case(name: str) -> CaffeCase:
    """Unpack one Caffe case; KeyError for an unknown name."""
    path = _unpack(CAFFE, name)
    return CaffeCase(name, path, json.loads((path / "case.json").read_text()))


@cache
def matconvnet_case(name: str) -> MatCase:
    """Unpack one MatConvNet case; KeyError for an unknown name."""
    path = _unpack(MATCONVNET, name)
    return MatCase(name, path, json.loads((path / "case.json").read_text()))


@cache
def caffe_reject(name: str) -> Reject:
    """Unpack one network that Caffe refuses; `files` is its prototxt, `message` Caffe's."""
    path = _unpack(CAFFE_REJECTS, name)
    info = _read_json(CAFFE_REJECTS, "rejects.json")[name]
    return Reject(name, path, (path / "deploy.prototxt",), info["message"], info)


@cache
def matconvnet_reject(name: str) -> Reject:
    """Unpack one network that MatConvNet refuses; `files` is its .mat, `info["note"]` says what is wrong with it."""
    path = _unpack(MATCONVNET_REJECTS, name)
    info = _read_json(MATCONVNET_REJECTS, "rejects.json")[name]
    return Reject(name, path, tuple(sorted(path.glob("*.mat"))), info.get("real_error") or "", info)


@cache
def vggface_full() -> FullSize:
    """Unpack full-size VGG-Face's prototxt and reference blobs (pool5, fc6, fc7, fc8, prob)."""
    path = _unpack(VGGFACE_FULL, "")
    with np.load(path / "reference.npz") as stored:
        return FullSize(path / "deploy.prototxt", {key: stored[key] for key in stored.files})


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faceport-cases-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


@cache
def _archive(archive: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(DATA / archive)


@cache
def _folders(archive: str) -> list[str]:
    return sorted({name.split("/")[0] for name in _archive(archive).namelist() if "/" in name})


def _unpack(archive: str, folder: str) -> Path:
    members = [name for name in _archive(archive).namelist() if not folder or name.startswith(folder + "/")]
    if not members:
        raise KeyError(f"no {folder!r} in tests/data/{archive}")
    target = _root() / Path(archive).stem
    _archive(archive).extractall(target, members)
    return target / folder


def _read_json(archive: str, member: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_archive(archive).read(member))
    return content
