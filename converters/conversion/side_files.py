"""Files beside a model: class names, and mean images as .binaryproto, .npy and .mat."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from converters import formats
from converters.caffe.weights import read_blob
from converters.errors import FormatError
from converters.files.model_files import check_regular
from converters.ops import Array

MEAN_NAMES = ("averageImage", "image_mean", "mean_image", "mean")


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the class names of a text file, one a line; FormatError when it is no text or holds none."""
    check_regular(path)
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: is not a text file with one class name a line: {error}") from error
    names = tuple(line.strip() for line in lines)
    while names and not names[-1]:
        names = names[:-1]
    if not names or any("\x00" in name for name in names):
        raise FormatError(f"{path}: holds no class names, one a line")
    return names


def read_mean(path: Path) -> Array:
    """Return the mean of a .binaryproto, .npy or .mat file, float32 (channels,) or (channels, height, width).

    Its channels are in the network's order.
    """
    check_regular(path)
    if path.suffix.lower() not in MEAN_READERS:
        raise FormatError(f"{path}: a mean file is one of {', '.join(MEAN_READERS)}")
    array = np.asarray(MEAN_READERS[path.suffix.lower()](path), np.float32)
    while array.ndim in (2, 4) and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] not in (1, 3) and array.shape[2] in (1, 3):
        array = array.transpose(2, 0, 1)
    if array.ndim not in (1, 3) or array.shape[0] not in (1, 3):
        raise FormatError(
            f"{path}: holds an array of shape {list(array.shape)}; a mean is (channels,) or (channels, height, width), "
            "with 1 or 3 channels"
        )
    return np.ascontiguousarray(array)


def read_array(path: Path) -> Array:
    """Return the array of a .npy file, mapped; FormatError for anything but an array of numbers."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise FormatError(f"{path}: is not a NumPy array that can be read: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise FormatError(f"{path}: does not hold an array of numbers")
    return array


def _mean_of_blob(path: Path) -> Array:
    return read_blob(path).array


def _mean_of_mat(path: Path) -> Array:
    """Return the mean in a MAT-file: the array of a telling name at any depth, or else the only array."""
    variables = formats.load("converters.matlab.files").read_mat(path)
    arrays = list(_arrays(variables))
    named = [array for name in MEAN_NAMES for found, array in arrays if found == name]
    if not named and len(arrays) != 1:
        raise FormatError(f"{path}: holds {len(arrays)} arrays and none of them is called {', '.join(MEAN_NAMES)}")
    array = (named or [arrays[0][1]])[0]
    return array.reshape(-1) if array.size in (1, 3) else np.moveaxis(array, 2, 0) if array.ndim == 3 else array


def _arrays(value: Any, name: str = "") -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _arrays(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _arrays(inner, name)


MEAN_READERS = {".binaryproto": _mean_of_blob, ".npy": read_array, ".mat": _mean_of_mat}
