"""Which module reads which file of trained arrays."""

from dataclasses import replace
from pathlib import Path

from converters import formats
from converters.audit.tensors import Contents, numbered
from converters.errors import ConversionError, FormatError, did_you_mean
from converters.files.model_files import check_regular


def read_tensors(path: Path) -> Contents:
    """Read the arrays of a file that somebody converted, or of a folder of ours; ConversionError with all problems.

    Values stay where they are until they are asked for.
    """
    file = _only_weights(path) if path.is_dir() else path
    check_regular(file)
    reader = formats.load(f"{READING}.{_module(file)}")
    contents: Contents = reader.read(file)
    if all(tensor.counts for tensor in contents.tensors):
        raise FormatError(f"{file}: holds no trained arrays ({contents.format})")
    return replace(contents, tensors=numbered(contents.tensors))


def _only_weights(folder: Path) -> Path:
    """Return the weights beside a written PyTorch module."""
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise ConversionError(f"{folder}: holds {len(found)} .safetensors files; name the file that is meant")
    return found[0]


def _module(path: Path) -> str:
    name = path.name.lower()
    for suffix, module in READERS.items():
        if name.endswith(suffix):
            return module
    if name.endswith(PICKLES):
        raise FormatError(
            f"{path}: is a Python pickle by its name, which is never loaded: it may run anything; save the arrays as "
            ".npz or .safetensors"
        )
    known = ", ".join(READERS)
    raise ConversionError(
        f"{path}: '{path.suffix}' files are not audited{did_you_mean(path.suffix, READERS)} (these are: {known})"
    )


READING = "converters.audit.reading"
PICKLES = (".pkl", ".pickle", ".joblib")
# Suffix -> module of this folder; longer ones first.
READERS = {
    ".caffemodel.h5": "caffe_files",
    ".caffemodel": "caffe_files",
    ".h5": "keras_h5",
    ".hdf5": "keras_h5",
    ".keras": "keras_archive",
    ".mat": "mat_files",
    ".npz": "npz_files",
    ".onnx": "onnx_files",
    ".pt": "torch_files",
    ".pth": "torch_files",
    ".safetensors": "safetensors_files",
}
