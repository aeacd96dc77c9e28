"""A target made of NumPy alone, for tests of the pipeline: it writes weights, and runs the graph itself.

Environment variables make it misbehave: STUB_FAULT (which fault), STUB_GATE (a file; while it exists, `save` waits).
"""

import errno
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from converters.errors import UnsupportedError
from converters.formats import TARGETS, Target
from converters.ir import Feeds, Graph, Runner

TARGET = Target("stub", "Stub", "stub_target", ("numpy",), {".stub": "weights", "": "a folder"})
calls: list[str] = []


def install() -> None:
    """Make the stub a target like the others."""
    TARGETS["stub"] = TARGET


def save(graph: Graph, path: Path, *, dynamic: Sequence[str], **_settings: Any) -> list[Path]:
    calls.append("save")
    if fault() == "unsupported":
        raise UnsupportedError([f"layer '{node.layer}': no form in Stub" for node in graph])
    if fault() == "pinned" and dynamic:
        raise UnsupportedError("layer 'x': has a form in Stub only where the batch is fixed")
    file = path
    if TARGET.is_folder(path):
        path.mkdir()
        file = path / "weights.stub"
    arrays = [array for node in graph for array in node.params.values()]
    with file.open("wb") as stream:
        for array in arrays:
            stream.write(np.ascontiguousarray(array).tobytes())
        _wait()
        if fault() == "disk full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fault() == "disk full in C++":
            raise RuntimeError("write failed: No space left on device")
    if fault() == "two files":
        file.with_suffix(".more").write_text("more")
    return [file]


def _wait() -> None:
    gate = os.environ.get("STUB_GATE")
    if gate:
        Path(gate).with_suffix(".reached").touch()
    while gate and Path(gate).exists():
        time.sleep(0.01)


def opened(graph: Graph, path: Path) -> Runner:
    calls.append("open")
    assert path.exists()
    return partial(_run, graph)


def _run(graph: Graph, feeds: Feeds) -> dict[str, np.ndarray]:
    calls.append("run")
    sized = graph.with_inputs({name: array.shape for name, array in feeds.items()})
    values = sized.run(feeds)
    if fault() == "wrong":
        values[next(iter(graph)).name] += 1
    if fault() == "wrong in a batch" and next(iter(feeds.values())).shape[0] > 1:
        values[graph.nodes[-1].name] = values[graph.nodes[-1].name][::-1]
    return {node.name: values[node.name] for node in graph}


def fault() -> str:
    return os.environ.get("STUB_FAULT", "")
