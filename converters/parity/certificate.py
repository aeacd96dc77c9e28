"""The certificate: what was read, written and compared, and how it came out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

from converters.errors import FormatError
from converters.ir import Graph, Preprocessing
from converters.ops import Shape
from converters.parity.comparison import NodeDifference, Report

# Rises when a field changes its meaning or goes away.
VERSION = 1


@dataclass(frozen=True)
class Run:
    """One comparison: its title, the shapes that were fed, the seed (None for data from files) and the likely cause."""

    title: str
    shapes: Mapping[str, Shape]
    report: Report
    seed: int | None = None
    cause: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What a certificate states besides the network and the comparisons.

    Files are given by the name they shall have in it: one may still lie under a temporary name. `hashes` holds the
    sha256 of those read, where they are known already. `versions` are those of the libraries, `options` what the user
    asked for, in types that JSON has.
    """

    tool_version: str
    files_read: Mapping[str, Path]
    files_written: Mapping[str, Path]
    versions: Mapping[str, str]
    input_files: Mapping[str, Path] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    dtype: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)


def certificate(graph: Graph, runs: Sequence[Run], circumstances: Circumstances) -> dict[str, Any]:
    """Return the certificate, ready for JSON: the same for the same conversion, whenever and wherever it runs.

    FormatError when one of the files cannot be read.
    """
    at = circumstances
    return {
        "certificate_version": VERSION,
        "tool": {"name": "faceport", "version": at.tool_version},
        "verdict": "ok" if runs and all(run.report.ok for run in runs) else "failed" if runs else "not compared",
        "network": _network(graph),
        "files_read": _files(at.files_read, at.hashes),
        "files_written": _files(at.files_written),
        "options": dict(sorted(at.options.items())),
        "dtype": at.dtype,
        "versions": dict(sorted(at.versions.items())),
        "input_files": _files(at.input_files),
        "runs": [_run(run) for run in runs],
    }


def _network(graph: Graph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "format": graph.source.format,
        "licence": graph.source.licence,
        "inputs": {name: _input(graph, name) for name in graph.inputs},
        "outputs": {name: {"value": v, "shape": list(graph.shapes[v])} for name, v in graph.outputs.items()},
        "parameters": graph.parameter_count(),
        "preprocessing": _preprocessing(graph.preprocessing),
        "labels": len(graph.labels),
        "warnings": list(graph.warnings),
    }


def _input(graph: Graph, name: str) -> dict[str, Any]:
    return {"shape": list(graph.inputs[name]), "dtype": graph.input_dtypes.get(name, "float32")}


def _preprocessing(known: Preprocessing) -> dict[str, Any]:
    mean: Any = None
    if known.mean is not None and known.mean.ndim == 1:
        mean = [float(value) for value in known.mean]
    elif known.mean is not None:
        digest = hashlib.sha256(known.mean.astype("<f4").tobytes()).hexdigest()
        mean = {"image": list(known.mean.shape), "sha256": digest}
    return {
        "channel_order": known.channel_order,
        "mean": mean,
        "scale": None if known.scale is None else list(known.scale),
        "size": None if known.size is None else list(known.size),
    }


def _files(files: Mapping[str, Path], hashes: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    return [
        {"name": name, "size_bytes": path.stat().st_size, "sha256": hashes[name] if name in hashes else sha256_of(path)}
        for name, path in sorted(files.items())
    ]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal; FormatError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def _run(run: Run) -> dict[str, Any]:
    report = run.report
    first = report.first_different
    return {
        "title": run.title,
        "input_shapes": {name: list(shape) for name, shape in run.shapes.items()},
        "seed": run.seed,
        "tolerance": report.tolerance,
        "verdict": "ok" if report.ok else "failed",
        "largest_difference": _number(report.largest),
        "first_different": first and first.node,
        "likely_cause": run.cause,
        "problems": report.problems(),
        "warnings": list(report.warnings),
        "not_compared": list(report.not_compared),
        "nodes": [_node(node) for node in report.nodes],
    }


def _node(node: NodeDifference) -> dict[str, Any]:
    return {
        "node": node.node,
        "op": node.op,
        "shape": list(node.shape),
        "difference": _number(node.difference),
        "ok": node.ok,
        **({"note": node.note} if node.note else {}),
    }


def _number(value: float) -> float | None:
    """Return a number that JSON has; None for infinity, where the note says why."""
    return value if isfinite(value) else None
