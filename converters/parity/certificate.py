"""The certificate: what was read, written, compared, and how it came out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from converters.ir import Graph
from converters.parity.comparison import Report


def certificate(
    graph: Graph,
    reports: Sequence[Report],
    *,
    tool_version: str,
    files_read: Mapping[str, Path],
    files_written: Mapping[str, Path],
    versions: Mapping[str, str],
    seed: int | None = None,
    input_files: Mapping[str, Path] | None = None,
    dtype: str = "float32",
    options: Mapping[str, Any] | None = None,
    cause: str = "",
) -> dict[str, Any]:
    """Return the certificate, ready for JSON, the same for the same conversion.

    The files are given by the name they shall have in it (a file may still lie under a temporary one).
    """
    raise NotImplementedError


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    raise NotImplementedError
