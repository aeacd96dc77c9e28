"""Which module reads or writes which format, and which library that takes. The modules are loaded on demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from converters.errors import MissingLibraryError, did_you_mean
from converters.options import UsageError

DISTRIBUTION = "faceport"


@dataclass(frozen=True)
class Source:
    """A format that is read: the module and its function, and what its files are called."""

    name: str
    title: str
    module: str
    function: str
    suffixes: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A format that is written; `suffixes` says what each suffix of the output's name means, "" standing for a folder.

    `libraries` are the distributions whose versions a certificate states.
    """

    name: str
    title: str
    module: str
    libraries: tuple[str, ...]
    suffixes: Mapping[str, str]

    def check_suffix(self, path: Path) -> None:
        """Refuse an output name whose suffix this target does not write."""
        if self.suffix(path) is None:
            meanings = "; ".join(f"{suffix or 'no suffix'}: {meaning}" for suffix, meaning in self.suffixes.items())
            raise UsageError(
                f"{path}: {self.title} is not written to a '{path.suffix}' file; choose one of: {meanings}"
            )

    def is_folder(self, path: Path) -> bool:
        """Return whether an output of this name is a folder."""
        return self.suffix(path) == ""

    def suffix(self, path: Path) -> str | None:
        """Return which of `suffixes` an output name has, None for another one."""
        for suffix in filter(None, self.suffixes):
            if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
                return suffix
        # A folder may have a point in its name (vgg.face), a file of another format may not pass for one.
        return "" if "" in self.suffixes and path.suffix.lower() not in OTHER_FILES else None


def load(module: str) -> ModuleType:
    """Import one of our modules that needs libraries.

    MissingLibraryError, naming the extra, when such a library is not installed. A broken one raises what it raises.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = error.name or ""
        if library not in EXTRAS:
            raise
        extra = f"[{EXTRAS[library]}]" if EXTRAS[library] else ""
        raise MissingLibraryError(
            f"{library} is not installed; install it with: pip install '{DISTRIBUTION}{extra}'"
        ) from error


def target_of(path: Path) -> Target:
    """Return the target that writes files of this name, by its suffix; a name without one is a PyTorch folder."""
    for target in (TARGETS["onnx"], TARGETS["keras"], TARGETS["torch"]):
        suffix = target.suffix(path)
        if suffix:
            return target
    if path.suffix.lower() in OTHER_FILES:
        raise UsageError(f"{path}: no target writes '{path.suffix}' files{did_you_mean(path.suffix, OUTPUT_SUFFIXES)}")
    return TARGETS["torch"]


SOURCES = {
    source.name: source
    for source in (
        Source("caffe", "Caffe", "converters.from_caffe", "read_caffe", (".prototxt", ".caffemodel", ".caffemodel.h5")),
        Source("matconvnet", "MatConvNet", "converters.from_matconvnet", "read_matconvnet", (".mat",)),
    )
}

TARGETS = {
    target.name: target
    for target in (
        Target(
            "keras",
            "Keras",
            "converters.to_keras",
            ("keras", "tensorflow"),
            {".keras": "a model", ".weights.h5": "weights alone", "": "a SavedModel folder"},
        ),
        Target(
            "torch",
            "PyTorch",
            "converters.to_torch",
            ("torch", "safetensors"),
            {"": "a folder with a module and its weights", ".pt": "a state_dict", ".pt2": "an exported program"},
        ),
        Target("onnx", "ONNX", "converters.to_onnx", ("onnx", "onnxruntime"), {".onnx": "a model"}),
    )
}

OUTPUT_SUFFIXES = tuple(suffix for target in TARGETS.values() for suffix in target.suffixes if suffix)
OTHER_FILES = (
    *OUTPUT_SUFFIXES, *(suffix for source in SOURCES.values() for suffix in source.suffixes),
    ".h5", ".hdf5", ".pb", ".pth", ".py", ".safetensors", ".tflite", ".npz", ".npy", ".json", ".txt", ".zip", ".gz",
)  # fmt: skip

# Import name of a library -> the extra that brings it; "" for those that come with the package itself.
EXTRAS = {
    "onnx": "onnx", "onnxruntime": "onnx", "torch": "torch", "keras": "keras", "tensorflow": "keras",
    "tf2onnx": "keras", "PIL": "images", "h5py": "", "safetensors": "",
}  # fmt: skip
