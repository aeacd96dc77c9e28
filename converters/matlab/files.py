"""MAT-files of any version since 5 -> plain dicts, lists, strings and arrays, the same ones for every version.

`values.py` says what becomes of each MATLAB class.
"""

from collections.abc import Container
from pathlib import Path

from converters.errors import FormatError
from converters.files.model_files import is_hdf5, map_file
from converters.matlab.v5 import HEADER_SIZE, is_v5, read_v5
from converters.matlab.v73 import read_v73
from converters.matlab.values import Opaque, StructArray, Value

__all__ = ["Opaque", "StructArray", "Value", "read_mat"]


def read_mat(path: str | Path, wanted: Container[str] | None = None) -> dict[str, Value]:
    """Read the variables of a MAT-file by name; with `wanted`, all others are only named, as `Opaque`.

    Arrays are read-only views where they can be. Raises FormatError for a file that is no MAT-file, truncated, corrupt,
    or lies about its sizes.
    """
    path = Path(path)
    mapped = map_file(path)
    if is_hdf5(mapped):
        return read_v73(path, len(mapped), wanted)
    if not is_v5(mapped[:HEADER_SIZE]):
        raise FormatError(f"{path}: is not a MAT-file of version 5 to 7.3 (it begins with {mapped[:16]!r})")
    return read_v5(str(path), memoryview(mapped), wanted)
