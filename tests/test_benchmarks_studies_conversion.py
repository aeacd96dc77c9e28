"""The comparison of converters: its networks, its turns, its bounds, and no speed without proof."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import converters
from benchmarks.studies import conversion, conversion_check
from benchmarks.studies.conversion_networks import Network, _layers, write_vgg_face
from benchmarks.studies.conversion_rows import Row, table
from benchmarks.studies.conversion_tools import OURS, TOOLS, Sources, Tool
from benchmarks.studies.processes import Bounds, attempt, measure
from converters.from_caffe import read_caffe
from converters.ir import Graph

NOWHERE = Sources(Network("net", Path("a"), Path("b")), Path("c"), Path("d"), Path("e"))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """VGG-Face with a sixteenth of its channels."""
    return write_vgg_face(tmp_path_factory.mktemp("network"), 16)


@pytest.fixture(scope="module")
def probe(network: Network) -> Path:
    path = network.prototxt.with_name("probe.npz")
    conversion_check.reference(network.prototxt, network.weights, path)
    return path


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def fake(code: str, start: str = "Caffe files") -> Tool:
    """A converter whose process runs some Python, with the output's path as its argument."""
    return Tool(start, lambda _sources, out: [*python(code), str(out)])


def compared(tools: dict[str, Tool], scratch: Path, bounds: Bounds | None = None, rounds: int = 2) -> list[Row]:
    return conversion.compare(tools, NOWHERE, bounds or Bounds(), rounds, scratch)


def printed(capsys: pytest.CaptureFixture[str], command: Callable[..., None], *words: Path) -> float:
    command(*words)
    return float(capsys.readouterr().out)


def test_the_seeded_network_is_read_and_is_the_same_each_time(network: Network, tmp_path: Path) -> None:
    graph = read_caffe(network.prototxt, network.weights)
    assert graph.inputs == {"data": (1, 3, 224, 224)}
    assert sum(array.size for node in graph.nodes for array in node.params.values()) == 567_175
    assert [node.name for node in graph.nodes if node.name.startswith("pool")] == [f"pool{n}" for n in range(1, 6)]
    again = write_vgg_face(tmp_path, 16)
    assert again.weights.read_bytes() == network.weights.read_bytes()


def test_undivided_it_has_the_size_of_vgg_face() -> None:
    shapes = [layer.shape for layer in _layers(1) if layer.shape]
    assert sum(int(np.prod(shape)) + shape[0] for shape in shapes) == 145_002_878


def test_its_answers_are_spread_so_that_errors_show(probe: Path) -> None:
    with np.load(probe) as arrays:
        output = arrays["output"]
    assert output.dtype == np.float64
    assert output.max() < 0.9
    assert np.sort(output.ravel())[-5:].min() > 1e-3


def test_our_model_agrees_and_a_spoilt_one_does_not(
    network: Network, probe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = read_caffe(network.prototxt, network.weights)
    converters.save(graph, tmp_path / "right.onnx", verify=False)
    converters.save(spoilt(graph), tmp_path / "wrong.onnx", verify=False)
    capsys.readouterr()
    assert printed(capsys, conversion_check.difference, probe, tmp_path / "right.onnx") < 5e-6
    assert printed(capsys, conversion_check.difference, probe, tmp_path / "wrong.onnx") > 1e-3


def spoilt(graph: Graph) -> Graph:
    """The network with one kernel of its last convolution turned."""
    place = next(place for place, node in enumerate(graph.nodes) if node.name == "conv5_3")
    node = graph.nodes[place]
    weight = next(name for name, array in node.params.items() if array.ndim == 4)
    turned = node.params[weight].copy()
    turned[0] = turned[0, :, ::-1, ::-1]
    changed = replace(node, params={**node.params, weight: turned})
    return replace(graph, nodes=(*graph.nodes[:place], changed, *graph.nodes[place + 1 :]))


def linear(path: Path, shape: list[int], outputs: int = 2) -> Path:
    """An ONNX model that flattens its input and takes the first numbers."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "end", "one"], ["y"]),
    ]
    ends = {"zero": 0, "end": outputs, "one": 1}
    values = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in ends.items()]
    told = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    said = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, outputs])]
    model = helper.make_model(
        helper.make_graph(nodes, "linear", told, said, values), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    onnx.save(model, path)
    return path


def small_probe(path: Path, output: object, *, softmax: bool = False) -> Path:
    given = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    np.savez(path, input=given, output=np.asarray(output, np.float64), softmax=softmax)
    return path


def test_a_difference_is_a_fraction_of_the_largest_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = linear(tmp_path / "m.onnx", [1, 3, 2, 2])  # gives 0 and 1
    assert printed(capsys, conversion_check.difference, small_probe(tmp_path / "p.npz", [[0.0, 4.0]]), model) == 0.75


def test_channels_come_last_where_a_model_wants_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = linear(tmp_path / "m.onnx", [1, 2, 2, 3])  # channels 0 and 1 of the first pixel: 0 and 4
    assert printed(capsys, conversion_check.difference, small_probe(tmp_path / "p.npz", [[0.0, 4.0]]), model) == 0.0


def test_of_a_softmax_the_logits_are_compared() -> None:
    values = np.array([[3.0, -50.0, 4.5]])
    powers = np.exp(values)
    assert conversion_check.logits(powers / powers.sum()) == pytest.approx(values - values.mean())
    assert np.isnan(conversion_check.logits(np.array([[1.0, 0.0]]))).any()  # no tolerance allows NaN


def test_a_model_that_cannot_be_run_says_why(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(SystemExit, match="Protobuf parsing failed"):
        conversion_check.difference(small_probe(tmp_path / "p.npz", [[0.0]]), tmp_path / "m.onnx")
    with pytest.raises(SystemExit, match=r"the output has the shape \(1, 2\), expected \(1, 3\)"):
        conversion_check.difference(
            small_probe(tmp_path / "p.npz", [[0.0] * 3]), linear(tmp_path / "m.onnx", [1, 3, 2, 2])
        )


def test_checking_runs_in_a_process_of_its_own(probe: Path, tmp_path: Path) -> None:
    found, problem = conversion.checked(probe, linear(tmp_path / "m.onnx", [1, 3, 224, 224], 163))
    assert np.isnan(found)
    assert problem == "its model computes something else than 1e-05 allows"
    found, problem = conversion.checked(probe, tmp_path / "missing.onnx")
    assert found is None
    assert problem.startswith("its model cannot be run: ")
    assert "missing.onnx" in problem


def test_a_process_that_takes_too_much_memory_is_killed() -> None:
    tried = attempt(python("held = []\nwhile True: held.append(bytearray(10**7))"), Bounds(60, 2e8))
    assert tried.problem == "killed at 0.2 GB"
    assert 2e8 < tried.measured.anonymous_bytes < 6e8


def test_a_process_that_takes_too_long_is_killed() -> None:
    start = time.perf_counter()
    tried = attempt(python("import time; time.sleep(60)"), Bounds(seconds=0.5))
    assert tried.problem == "killed after 0.5 s"
    assert time.perf_counter() - start < 20


def test_a_process_that_fails_tells_its_last_line() -> None:
    assert attempt(python("raise ValueError('no such layer')")).problem == "failed: ValueError: no such layer"
    assert attempt(python("import sys; sys.exit(3)")).problem == "failed: exit status 3"
    assert attempt(python("import os; os.abort()")).problem == "ended by SIGABRT"
    with pytest.raises(SystemExit, match="no such layer"):
        measure(python("raise ValueError('no such layer')"))


def test_a_process_may_talk_as_much_as_it_likes_and_is_measured() -> None:
    code = "import sys, time; sys.stderr.write('x' * 10**6); held = b'1' * 10**8; time.sleep(0.3)"
    tried = attempt(python(code), Bounds(60), {"A_VARIABLE": "1"})
    assert tried.problem == ""
    assert tried.measured.seconds >= 0.3
    assert 1e8 < tried.measured.anonymous_bytes < 3e8
    assert attempt(python("import os; os.environ['A_VARIABLE']"), environment={"A_VARIABLE": "1"}).problem == ""


def test_rounds_take_turns_and_what_fails_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "checked", lambda _probe, out: (1e-7, "" if out.exists() else "nothing written"))
    note = f"open({str(tmp_path / 'order')!r}, 'a').write({{!r}}); import sys; open(sys.argv[1], 'w')"
    tools = {
        "a": fake(note.format("a")),
        "b": fake(note.format("b") + "; sys.exit('cannot')"),
        "c": fake(note.format("c")),
        "d": fake(note.format("d") + "; import os; os.remove(sys.argv[1])"),
    }
    first, failing, last, empty = compared(tools, tmp_path, rounds=3)
    assert (tmp_path / "order").read_text() == "abcdacac"
    assert len(first.seconds) == len(last.seconds) == 3
    assert failing.problem.startswith("failed: cannot (after ")
    assert empty.problem == "nothing written"
    assert [path.name for path in tmp_path.iterdir()] == ["order"]  # models are removed


def test_a_model_that_computes_something_else_shows_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(1e-7, ""), (0.4, "its model computes something else")])
    monkeypatch.setattr(conversion, "checked", lambda _probe, _out: next(answers))
    rows = compared({"ours": fake("1"), "wrong": fake("1", "Keras file")}, tmp_path, rounds=2)
    assert [len(row.seconds) for row in rows] == [2, 0]
    line = table(rows).splitlines()[-1]
    assert line.startswith("| wrong | Keras file | its model computes something else | | ")
    assert line.endswith("| 4.0e-01 |")


def test_where_we_fail_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="net: ours: failed: broken"):
        compared({"ours": fake("import sys; sys.exit('broken')")}, tmp_path)


def test_ratios_are_of_the_same_round() -> None:
    rows = [
        Row("ours", "Caffe files", seconds=[1.0, 2.0, 4.0], anonymous_bytes=5_000_000, difference=1e-7),
        Row("twice", "Caffe files", seconds=[2.0, 4.0, 8.0], anonymous_bytes=1_234_000_000, difference=2e-7),
        Row("same", "Keras file", seconds=[0.9, 2.2, 4.0], difference=0.0),
        Row("slow", "Keras file", seconds=[50.0, 80.0, 160.0], difference=0.0),
        Row("dead", "Keras file", "killed at 12.0 GB (after 90 s)", [3.0], 12_000_000_000),
    ]
    assert table(rows).splitlines()[2:] == [
        "| ours | Caffe files | 2.00 (1.00 to 4.00) | 1 | 5 MB | 1.0e-07 |",
        "| twice | Caffe files | 4.00 (2.00 to 8.00) | 2.00 (2.00 to 2.00) | 1,234 MB | 2.0e-07 |",
        "| same | Keras file | 2.20 (0.90 to 4.00) | ~ |  | 0.0e+00 |",
        "| slow | Keras file | 80.00 (50.00 to 160.00) | 40.0 (40.0 to 50.0) |  | 0.0e+00 |",
        "| dead | Keras file | killed at 12.0 GB (after 90 s) | | 12,000 MB |  |",
    ]


def test_what_is_not_installed_is_a_row_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "checked", lambda _probe, _out: (0.0, ""))
    monkeypatch.setattr("benchmarks.studies.conversion_tools.find_spec", lambda name: None if name == "tf2onnx" else 1)
    rows = compared({"ours": fake("1"), "tf2onnx": TOOLS["tf2onnx"], "caffe2onnx": TOOLS["caffe2onnx"]}, tmp_path)
    assert rows[1].problem == "not measured: tf2onnx not installed here"
    assert rows[2].problem == (
        "not measured: `tox -e caffe2onnx` makes an environment with it, --caffe2onnx-python names its interpreter"
    )


def test_a_python_without_caffe2onnx_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["conversion", "--caffe2onnx-python", "/nowhere/python"])
    with pytest.raises(SystemExit, match="no interpreter that has caffe2onnx; `tox -e caffe2onnx` makes one"):
        conversion.main()
    monkeypatch.setattr(sys, "argv", ["conversion", "--rounds", "0"])
    with pytest.raises(SystemExit):
        conversion.main()
    assert "--rounds is 0, expected 1 at least" in capsys.readouterr().err


def test_it_prints_a_table_of_what_really_ran(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "`convert caffe-to-onnx --no-verify`"
    words = ["--divisors", "--model", str(network.prototxt), str(network.weights), "--tool", other, "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["conversion", *words, "--folder", str(tmp_path)])
    monkeypatch.setattr(conversion, "CAFFE2ONNX_PYTHON", tmp_path / "missing")
    conversion.main()
    told = capsys.readouterr()
    assert told.out.startswith("**weights**, caffemodel of 2.3 MB\n\n| converter |")
    rows = [line for line in told.out.splitlines() if "e-07 |" in line]
    assert [row.split(" | ")[0] for row in rows] == [f"| {OURS}", f"| {other}"]
    assert "1 round in turns; a process may take 10 min and 12 GB" in told.out
    assert "onnxruntime " in told.out
    assert "python -m benchmarks.studies.conversion --divisors --model " in told.out
    assert "round 1 of 1" in told.err
    assert list(tmp_path.iterdir()) == []
