"""Keras: files that say where they come from, load in plain Keras, and are the same each time."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from converters import ops, to_keras
from converters.ir import Graph, Node
from converters.keras_model.library import keras
from converters.ops import Array
from keras_cases import SUPPORTED, described, feeds_of, many_ops, several_outputs, stored
from small_graphs import face


def record(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = json.loads(archive.read("metadata.json"))["faceport"]
    return found


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    to_keras.save(described(), tmp_path / "m.keras")
    told = record(tmp_path / "m.keras")
    assert told["labels"] == ["Ann", "Bob", "Çelik"]
    assert told["licence"] == "CC BY-NC 4.0"
    assert told["source_format"] == "Caffe"
    assert told["source_sha256"] == {"deploy.prototxt": "ab12", "weights.caffemodel": "cd34"}
    assert told["preprocessing"]["channel_order"] == "BGR"
    assert told["preprocessing"]["scale"] == [1.0, 1.0, 0.5]
    assert told["preprocessing"]["size_height_width"] == [13, 11]
    assert told["preprocessing"]["mean"]["shape"] == [3, 13, 11]
    assert told["outputs"] == {"prob": "prob"}
    assert told["values"]["relu1"] == "relu1"
    assert told["producer"].startswith("faceport")


def test_weights_and_saved_models_say_the_same(tmp_path: Path) -> None:
    model = described()
    to_keras.save(model, tmp_path / "m.keras")
    to_keras.save(model, tmp_path / "m.weights.h5")
    to_keras.save(model, tmp_path / "folder")
    told = record(tmp_path / "m.keras")
    for path in (tmp_path / "m.json", tmp_path / "folder" / "assets.extra" / "faceport.json"):
        assert json.loads(path.read_text("utf-8"))["faceport"] == told


WRITE_ALL = """
import sys
from converters import to_keras
from keras_cases import described
from pathlib import Path
for name in ("m.keras", "m.weights.h5", "folder"):
    to_keras.save(described(), Path(sys.argv[1]) / name)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would: without the settings that our modules make, wherever they are imported from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**kept, **environment})


def test_the_same_network_is_the_same_file_in_another_process(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for name in ("m.keras", "m.weights.h5", "folder"):
        to_keras.save(several_outputs(), here / "else.keras")  # what was converted before must not matter
        to_keras.save(described(), here / name)
    (here / "else.keras").unlink()
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    done = run_python(WRITE_ALL, str(there), PYTHONPATH=path, PYTHONHASHSEED="77")
    assert done.returncode == 0, done.stderr
    assert contents(here) == contents(there)
    assert len(contents(here)) == 7


def test_nothing_is_printed(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from converters import ops, to_keras
from converters.ir import Graph, Node
import numpy as np
weight = np.ones((4, 2, 3, 3), np.float32)
op = ops.Convolution(4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2, False)
graph = Graph("n", {{"x": (1, 4, 5, 5)}}, (Node("y", op, ("x",), {{"weight": weight}}),), {{"y": "y"}})
for name in ("m.keras", "m.weights.h5", "folder"):
    path = Path({str(tmp_path)!r}) / name
    to_keras.save(graph, path)
    to_keras.run(graph, path, {{"x": np.ones((1, 4, 5, 5), np.float32)}})
"""
    done = run_python(code, PYTHONPATH=str(Path(__file__).parent.parent))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


LOAD_ALONE = """
import sys, numpy, keras
for path, inputs, wanted in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    model = keras.models.load_model(path, safe_mode=True)
    feeds = list(numpy.load(inputs).values())
    given = feeds if len(feeds) > 1 else feeds[0]
    expected = list(numpy.load(wanted).values())
    for found in (model(given), model.predict(given, verbose=0) if "--" not in path else model(given)):
        for y, e in zip(keras.tree.flatten(found), expected, strict=True):
            assert numpy.abs(numpy.asarray(y) - e).max() <= 3e-5 * numpy.abs(e).max(), path
assert not any(name.split(".")[0] in ("converters", "faceport") for name in sys.modules)
print("loaded")
"""


def test_plain_keras_loads_and_runs_it_in_a_process_without_us(tmp_path: Path) -> None:
    lstm = next(e for e in SUPPORTED if isinstance(e.op, ops.LSTM) and "both" in e.what)
    regions = next(e for e in SUPPORTED if isinstance(e.op, ops.RegionPooling))
    arguments = []
    for name, model, feeds in (
        ("many", many_ops(), feeds_of(many_ops())),
        ("lstm--", lstm.graph(), lstm.feeds()),  # predict wants one batch for all inputs
        ("regions--", regions.graph(), regions.feeds()),
        ("half", face(), feeds_of(face())),
    ):
        to_keras.save(model, tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}_in.npz", *map(stored, feeds.values()))
        found = model.output_values(model.run(feeds))
        np.savez(tmp_path / f"{name}_out.npz", *map(stored, found.values()))
        arguments += [str(tmp_path / f"{name}{end}") for end in (".keras", "_in.npz", "_out.npz")]
    done = run_python(LOAD_ALONE, *arguments)
    assert done.stdout.strip() == "loaded", done.stderr[-2000:]


def datasets(file: Any) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}

    def visit(name: str, item: Any) -> None:
        attributes = tuple(sorted(item.attrs.items()))
        is_array = isinstance(item, h5py.Dataset)
        found[name] = (attributes, item.shape, item.dtype, item[...].tobytes()) if is_array else (attributes,)

    file.visititems(visit)
    return found


@pytest.mark.parametrize("make", [many_ops, face, SUPPORTED[-3].graph])
def test_weights_lie_where_keras_itself_would_put_them(make: Callable[[], Graph], tmp_path: Path) -> None:
    to_keras.save(make(), tmp_path / "ours.keras")
    to_keras.save(make(), tmp_path / "ours.weights.h5")
    keras.models.load_model(tmp_path / "ours.keras").save_weights(tmp_path / "theirs.weights.h5")
    with h5py.File(tmp_path / "ours.weights.h5") as ours, h5py.File(tmp_path / "theirs.weights.h5") as theirs:
        assert datasets(ours) == datasets(theirs)
        with zipfile.ZipFile(tmp_path / "ours.keras") as archive:
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as packed:
                assert datasets(packed) == datasets(theirs)


@pytest.mark.parametrize("dense", [ops.Dense(2048), ops.Dense(2048, bias=False)])
def test_large_weights_are_streamed(dense: ops.Dense, tmp_path: Path) -> None:
    row = np.arange(2048, dtype=np.float32)[:, None]
    weight = np.broadcast_to(row, (2048, 1024 * 4 * 4))  # 134 MB, of which none is in memory
    params: dict[str, Array] = (
        {"weight": weight, "bias": np.ones(2048, np.float32)} if dense.bias else {"weight": weight}
    )
    model = Graph("large", {"data": (1, 1024, 4, 4)}, (Node("y", dense, ("data",), params),), {"y": "y"})
    tracemalloc.start()
    to_keras.save(model, tmp_path / "m.weights.h5")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < weight.nbytes
    with h5py.File(tmp_path / "m.weights.h5") as file:
        kernel = file["layers/dense/vars/0"]
        assert kernel.shape == (1024 * 16, 2048)
        np.testing.assert_array_equal(kernel[::4097], np.broadcast_to(row[:, 0], (4, 2048)))
