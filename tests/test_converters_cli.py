"""The command line: what it takes, what it prints where, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import converters
import prototxt
import stub_target
from cases import caffe_case, matconvnet_case
from command_lines import Ended, Run, typed
from converters import cli, formats, options, support
from converters.command_line import arguments, commands
from converters.doctor import diagnosis
from converters.errors import MissingLibraryError
from converters.options import Options

CONVERSIONS = tuple(f"{source}-to-{target}" for source in ("caffe", "mat") for target in ("keras", "torch", "onnx"))
SHARED_OPTIONS = (
    "--cut", "--l2-normalize", "--input-shape", "--phase", "--stage", "--level", "--channel-order", "--mean",
    "--mean-file", "--scale", "--labels", "--bake-preprocessing", "--dtype", "--fold-batch-norm", "--dense-to-conv",
    "--dynamic", "--opset", "--input", "--tolerance", "--no-verify", "--certificate",
    "--force", "--json", "--verbose", "-v", "-o",
)  # fmt: skip
TINY = prototxt.find("vgg-face-tiny")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, with a target made of NumPy beside the others."""
    monkeypatch.setitem(formats.TARGETS, "stub", stub_target.TARGET)
    monkeypatch.setitem(commands.COMMANDS, "caffe-to-stub", commands._conversion("caffe", "stub", "To the stub."))
    monkeypatch.setenv("COLUMNS", "80")
    return typed("convert", cli.main, monkeypatch, capsys)


def convert_tiny(run: Run, folder: Path, *more: object) -> Ended:
    return run("caffe-to-stub", "vgg-face-tiny", "-o", folder / "net.stub", *more)


@pytest.mark.parametrize("command", CONVERSIONS)
def test_every_conversion_takes_every_shared_option(run: Run, command: str) -> None:
    shown = run(command, "--help")
    assert shown.status == 0
    assert [option for option in SHARED_OPTIONS if option not in shown.out] == []


def test_help_names_every_command_and_fits_a_terminal(run: Run) -> None:
    shown = run("--help")
    for command in (*CONVERSIONS, "inspect", "verify", "formats", "doctor"):
        assert f" {command} " in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_every_option_of_the_table_is_a_field_that_some_command_takes() -> None:
    taken = {name for command in commands.COMMANDS.values() for name in command.options} | set(commands.ALWAYS)
    assert taken == set(commands.OPTIONS)
    assert set(commands.OPTIONS) - set(arguments.HOW_TO_PRINT) == set(Options.__dataclass_fields__)


@pytest.mark.parametrize("words", [["--help"], ["caffe-to-keras", "--help"], ["verify", "--help"], []])
def test_help_loads_no_heavy_library_and_not_even_numpy(words: list[str]) -> None:
    code = "import sys\nfrom converters import cli\nsys.argv[0] = 'convert'\ntry:\n    cli.main()\n"
    code += "except SystemExit:\n    print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True)
    loaded = set((done.stdout + done.stderr).split("LOADED")[1].split())
    assert "typer" in loaded
    heavy = {"numpy", "scipy", "h5py", "torch", "keras", "tensorflow", "onnx", "onnxruntime", "PIL", "safetensors"}
    assert loaded & heavy == set()


def test_a_conversion_prints_its_proof_on_stdout(run: Run, tmp_path: Path) -> None:
    done = convert_tiny(run, tmp_path)
    assert done.status == 0 and done.err == ""
    for word in ("conv1_1", "prob", "Softmax", "1x3x64x64", "2x3x64x64", "all 39 values agree", "net.stub (795.2 kB)"):
        assert word in done.out
    table = done.out.split("stated size")[0]
    assert len(table.splitlines()) >= 39 and max(map(len, table.splitlines())) <= 80


def test_warnings_go_to_stderr(run: Run, tmp_path: Path) -> None:
    done = convert_tiny(run, tmp_path, "--cut", "fc7")
    assert done.err.startswith("warning: 'fc7' is the value before relu7")
    assert "before relu7" not in done.out


def test_json_is_one_document(run: Run, tmp_path: Path) -> None:
    done = convert_tiny(run, tmp_path, "--json", "--cut", "fc7")
    told = json.loads(done.out)
    assert told["verified"] is True and told["open_axes"] == ["batch"]
    assert told["files"] == {str(tmp_path / "net.stub"): (tmp_path / "net.stub").stat().st_size}
    assert told["trials"][0]["nodes"]["fc7"]["ok"] is True
    assert "before relu7" in told["warnings"][0]


def test_without_proof_the_output_says_so(run: Run, tmp_path: Path) -> None:
    done = convert_tiny(run, tmp_path, "--no-verify")
    assert done.status == 0
    assert "not verified: nothing is claimed" in done.out
    assert "agree" not in done.out and [path.name for path in tmp_path.iterdir()] == ["net.stub"]


def test_a_difference_fails_with_the_first_node_and_no_traceback(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAULT", "wrong")
    done = convert_tiny(run, tmp_path)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: stated size: 'conv1_1' (Convolution) differs") and "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["no-such-command"], 2, "No such command"),
        (["caffe-to-stub", "vgg-face-tiny"], 2, "Missing option"),
        (["caffe-to-stub", "-o", "x.stub"], 2, "Missing argument"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.onnx"], 2, "Stub is not written to a '.onnx' file"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--opset", "18"], 2, "--opset is for ONNX"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--dtype", "int8"], 2, "'int8' is no number type"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--input-shape", "1x3"], 1, "has 4 axes"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--input-shape", "axb"], 2, "'axb' is no shape"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--dynamic", "depth"], 2, "'depth' cannot be left open"),
        (["caffe-to-stub", "vgg-face-tiny", "-o", "x.stub", "--cut", "pool9"], 1, "did you mean 'pool5'?"),
        (["caffe-to-stub", "vgg-face-tinny", "-o", "x.stub"], 1, "did you mean 'vgg-face-tiny'?"),
        (["caffe-to-stub", "vgg-face", "-o", "x.stub"], 1, "'vgg-face' comes without weights"),
        (["caffe-to-stub", TINY.prototxt, "-o", "x.stub"], 1, "the weights are missing"),
        (["caffe-to-stub", TINY.weights, TINY.prototxt, "-o", "x.stub"], 1, "The prototxt comes first"),
        (
            ["caffe-to-stub", "missing.prototxt", "w", "-o", "x.stub"],
            1,
            "missing.prototxt: cannot be read: No such file",
        ),
        (["caffe-to-stub", ".", "w", "-o", "x.stub"], 1, ".: is a directory"),
        (["caffe-to-stub", "a", "b", "c", "-o", "x.stub"], 1, "a Caffe network has two files"),
        (["caffe-to-stub", "net.mat", "-o", "x.stub"], 1, "mat-to-..."),
        (["caffe-to-stub", "model.onnx", "-o", "x.stub"], 1, "model.onnx: is a converted model"),
        (["mat-to-onnx", "vgg-face-tiny", "-o", "x.onnx"], 1, "is a Caffe network"),
        (["inspect", "missing.mat"], 1, "missing.mat: cannot be read"),
        (["verify", "vgg-face-tiny"], 2, "Missing option '--against'"),
        (["verify", "vgg-face-tiny", "--against", "missing.onnx"], 1, "missing.onnx: cannot be read"),
        (["verify", "vgg-face-tiny", "--against", "notes.txt"], 1, "notes.txt"),
    ],
)
def test_a_wrong_command_is_one_clear_message(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[object], status: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.status == status
    assert done.out == "" and "Traceback" not in done.err
    assert message in " ".join(done.err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_every_problem_of_a_network_is_listed_at_once(run: Run, tmp_path: Path) -> None:
    text = TINY.prototxt.read_text().replace("type: POOLING", "type: POOLINGS").replace("pad: 1", "padd: 1", 1)
    (tmp_path / "broken.prototxt").write_text(text)
    done = run("inspect", tmp_path / "broken.prototxt")
    assert done.status == 1 and done.out == ""
    lines = done.err.splitlines()
    assert len(lines) == 6 and all(line.startswith(f"error: {tmp_path}/broken.prototxt:") for line in lines)


def test_verbose_shows_where_it_failed(run: Run, tmp_path: Path) -> None:
    done = convert_tiny(run, tmp_path, "--cut", "pool9", "-v")
    assert "Traceback" in done.err and done.err.splitlines()[-1].startswith("error: there is no value")


def test_an_unexpected_failure_is_one_line_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_arguments: object, **_options: object) -> None:
        raise ValueError("something odd")

    monkeypatch.setattr(stub_target, "save", failing)
    done = convert_tiny(run, tmp_path)
    assert done.status == 1
    assert done.err == "error: unexpected failure, please report it with the output of -v: ValueError: something odd\n"
    assert list(tmp_path.iterdir()) == []


def test_inspect_shows_a_network_without_weights(run: Run) -> None:
    done = run("inspect", "vgg-face")
    assert done.status == 0 and done.err == ""
    for word in ("39 nodes", "145,002,878", "15,476,908,032", "BGR", "129.186", "580.0 MB", "without weights", "'fc6'"):
        assert word in done.out
    told = json.loads(run("inspect", "vgg-face", "--json").out)
    assert told["parameters"] == 145_002_878 and told["axes"]["batch"] == {"open": True, "pinned by": None}
    assert "fc6" in told["axes"]["height"]["pinned by"]
    assert told["nodes"][0] == {
        "node": "conv1_1", "op": "Convolution", "shape": [1, 64, 224, 224], "parameters": 1792, "macs": 86_704_128,
    }  # fmt: skip


def test_inspect_shows_a_network_as_the_options_change_it(run: Run) -> None:
    done = run("inspect", "vgg-face-tiny", "--cut", "pool5", "--input-shape", "data=2x3x96x96", "--mean", "1,2,3")
    assert "1x32" not in done.out and "2x32x3x3" in done.out and "mean 3 2 1" in done.out


def test_inspect_reads_matconvnet(run: Run) -> None:
    case = matconvnet_case("net_vggface_caffe")
    done = run("inspect", case.files[0])
    assert done.status == 0
    for word in ("MatConvNet", "channel order RGB", "40: Person 00", "height          may stay open"):
        assert word in done.out


def test_two_sources_of_one_network_agree_but_for_the_first_convolution(run: Run) -> None:
    caffe, mat = caffe_case("net_vggface_small"), matconvnet_case("net_vggface_caffe")
    done = run("verify", caffe.prototxt, caffe.weights, "--against", mat.files[0])
    assert done.status == 0
    assert "they are the same network, but for the flipped channels of the first convolution" in done.out
    told = json.loads(
        run("verify", mat.files[0], "--against", caffe.prototxt, "--against", caffe.weights, "--json").out
    )
    assert told["ok"] and told["agreement"]["channels_swapped"]


def test_two_networks_that_differ_fail(run: Run) -> None:
    mat = matconvnet_case("net_vggface_caffe")
    done = run("verify", "vgg-face-tiny", "--against", mat.files[0])
    assert done.status == 1 and done.err.startswith("error: the networks differ:")


def test_formats_lists_every_layer_that_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stub_target, "OPS", dict.fromkeys(support.ops_of(relu_function())), raising=False)
    monkeypatch.setattr(formats, "TARGETS", {"stub": stub_target.TARGET})
    done = run("formats")
    rows = {line.split()[0]: line.split()[-1] for line in done.out.splitlines() if line.strip()}
    assert rows["ReLU"] == rows["relu"] == rows["dagnn.ReLU"] == "yes"
    assert rows["Convolution"] == rows["conv"] == "no"
    told = json.loads(run("formats", "--json").out)
    assert {"source": "caffe", "layer": "ReLU", "ops": ["ReLU"], "targets": {"stub": "yes"}} in told["layers"]
    assert "SoftmaxWithLoss" in told["without_op"]["caffe"]
    written = run("formats", "--markdown").out
    assert written.startswith("| Caffe layer | Stub |\n|---|---|\n") and "\n| `dagnn.ReLU` | yes |\n" in written


def relu_function() -> Callable[..., object]:
    function: Callable[..., object] = formats.load("converters.from_caffe").LAYERS["ReLU"]
    return function


def test_what_layer_functions_make_is_read_off_rightly() -> None:
    layers = formats.load("converters.from_caffe").LAYERS
    made = {name: {op.__name__ for op in support.ops_of(layers[name])} for name in ("TanH", "InnerProduct", "Eltwise")}
    assert made == {"TanH": {"TanH"}, "InnerProduct": {"Dense"}, "Eltwise": {"Sum", "Product", "Maximum"}}


def test_the_table_says_which_target_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "converters.to_onnx", raising=False)
    monkeypatch.setattr(formats, "TARGETS", {"onnx": formats.TARGETS["onnx"]})
    found = support.support_table()
    assert found.missing == {"onnx": "onnx is not installed; install it with: pip install 'faceport[onnx]'"}
    assert len(found.layers) > 80


def test_a_missing_library_is_one_line_with_its_extra(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "converters.to_onnx", raising=False)
    done = run("caffe-to-onnx", "vgg-face-tiny", "-o", tmp_path / "x.onnx")
    assert done.err == "error: onnx is not installed; install it with: pip install 'faceport[onnx]'\n"
    assert done.status == 1 and list(tmp_path.iterdir()) == []


def test_a_broken_library_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfbroken.py").write_text("import no_such_part_of_onnx\n")
    (tmp_path / "refusing.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_part_of_onnx"):
        formats.load("halfbroken")
    with pytest.raises(ImportError, match="libcudart"):
        formats.load("refusing")
    (tmp_path / "lacking.py").write_text("import torch\n")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'faceport\[torch\]'"):
        formats.load("lacking")


def test_doctor_says_what_is_there_and_what_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = {"cpu": "", "cuda:0": "fell back to cpu"}
    monkeypatch.setattr(diagnosis, "DEVICE_CHECKS", {"Stub": "stub_target"})
    monkeypatch.setattr(stub_target, "devices", lambda: list(devices), raising=False)
    monkeypatch.setattr(stub_target, "trial", said_by_native_code(devices), raising=False)
    monkeypatch.setattr(diagnosis, "_version", versions_of("numpy", "onnx", "onnxruntime"))
    done = run("doctor")
    assert done.status == 0
    assert done.err == ""
    assert "fell back to cpu (libcublas.so.13: cannot open" in " ".join(done.out.split())
    assert "Falling back" not in done.out and "pip install 'faceport[torch]'" in done.out
    told = json.loads(run("doctor", "--json").out)
    problem = "fell back to cpu (libcublas.so.13: cannot open shared object file)"
    assert told["devices"][1] == {"runtime": "Stub", "device": "cuda:0", "runs": False, "problem": problem}
    assert told["extras"]["onnx"] == {"onnx": "1.0", "onnxruntime": "1.0"} and told["problems"] == []


def test_doctor_fails_where_two_onnxruntimes_are_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "DEVICE_CHECKS", {})
    monkeypatch.setattr(diagnosis, "_version", versions_of("onnxruntime", "onnxruntime-gpu"))
    done = run("doctor")
    assert done.status == 1
    assert "onnxruntime and onnxruntime-gpu are installed side by side" in done.err
    assert "pip uninstall onnxruntime onnxruntime-gpu; pip install onnxruntime-gpu" in done.err


def test_doctor_survives_a_broken_library(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_devices.py").write_text("raise OSError('libfoo.so.3: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(diagnosis, "DEVICE_CHECKS", {"Broken": "broken_devices", "Absent": "converters.files.images"})
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "converters.files.images", raising=False)
    monkeypatch.setattr(diagnosis, "_version", versions_of("onnxruntime"))
    done = run("doctor")
    assert done.status == 1
    assert (
        done.err
        == "error: Broken is installed but does not work: OSError: libfoo.so.3: cannot open shared object file\n"
    )


def said_by_native_code(problems: dict[str, str]) -> Callable[[str], str]:
    def trial(name: str) -> str:
        if problems[name]:
            print("Falling back")
            os.write(
                2, b"E: failed to load /x/libcuda.so with error: libcublas.so.13: cannot open shared object file\n"
            )
        return problems[name]

    return trial


def versions_of(*installed: str) -> Callable[[str], str]:
    return lambda name: "1.0" if name in installed else ""


def test_a_reader_that_goes_away_is_no_failure_of_ours() -> None:
    command = f"{sys.executable} -m converters inspect vgg-face | head -1"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("VGG_FACE_16_layers") and done.stderr == ""


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (options.named_shape, "data=1x3x224x224", ("data", (1, 3, 224, 224))),
        (options.named_shape, "1,3,8,8", ("", (1, 3, 8, 8))),
        (options.named_shape, "a=b=1x2", ("a=b", (1, 2))),
        (options.numbers, "129.2,104.8,93.6", (129.2, 104.8, 93.6)),
        (options.numbers, "-1e-3", (-0.001,)),
        (options.channel_order, "bgr", "BGR"),
        (options.dynamic, "width,batch", ("batch", "width")),
        (options.dynamic, "none", ()),
        (options.phase, "train", "TRAIN"),
        (options.named_path, "data=sample.npy", ("data", Path("sample.npy"))),
        (options.named_path, "sample.npy", ("", Path("sample.npy"))),
    ],
)
def test_option_values(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (options.named_shape, "=1x2"), (options.named_shape, "data=1x0"), (options.named_shape, "1x99999999999"),
        (options.numbers, "1,two"), (options.numbers, "nan"), (options.numbers, "inf"), (options.positive, "0"),
        (options.positive, "1,2"), (options.whole, "-1"), (options.whole, "1.5"), (options.channel_order, "RBG"),
    ],
)  # fmt: skip
def test_option_values_that_mean_nothing_are_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=text.rpartition("=")[2][:5].lstrip("-")):
        parse(text)


def test_the_python_interface_is_what_is_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats.TARGETS, "stub", stub_target.TARGET)
    graph = converters.read_caffe(TINY.prototxt, TINY.weights)
    assert isinstance(graph, converters.Graph)
    done = converters.save(graph, tmp_path / "net.stub", target="stub", cut=("fc7",))
    assert done.trials[0].report.ok and list(done.graph.outputs) == ["fc7"]
    assert [entry["name"] for entry in json.loads(done.certificate.read_text())["files_read"]] == [
        TINY.weights.name, TINY.prototxt.name,
    ]  # fmt: skip
    assert converters.verify(graph, graph).ok
    with pytest.raises(converters.ConversionError, match="exists already"):
        converters.save(graph, tmp_path / "net.stub", target="stub")
    with pytest.raises(converters.ConversionError, match="no such option.*cutt"):
        converters.save(graph, tmp_path / "other.stub", target="stub", cutt="fc7")
    assert all(getattr(converters, name).__doc__ for name in converters.__all__)
    with pytest.raises(AttributeError, match="no attribute 'read_tensorflow'"):
        converters.read_tensorflow  # noqa: B018 - the access is the test


def test_a_sample_picture_is_preprocessed_as_the_network_wants_it(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    samples = formats.load("converters.conversion.samples")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    image.fromarray(pixels).save(tmp_path / "face.png")
    graph = converters.read_caffe(TINY.prototxt, TINY.weights)
    stated = formats.load("converters.passes").override_preprocessing(
        graph, channel_order="BGR", mean=(30.0, 20.0, 10.0)
    )
    ((title, feeds),) = samples.read_samples(stated, (("data", tmp_path / "face.png"),))
    assert title == "face.png"
    np.testing.assert_array_equal(
        feeds["data"][0], pixels[..., ::-1].transpose(2, 0, 1) - np.float32([[[10]], [[20]], [[30]]])
    )


@pytest.mark.parametrize("stored", ["npy", "mat", "binaryproto"])
def test_mean_files_of_every_kind_are_read(tmp_path: Path, stored: str) -> None:
    side_files = formats.load("converters.conversion.side_files")
    mean = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    path = tmp_path / f"mean.{stored}"
    if stored == "npy":
        np.save(path, mean)
    elif stored == "mat":
        formats.load("scipy.io").savemat(
            path, {"meta": {"normalization": {"averageImage": mean.transpose(1, 2, 0)}}, "x": 1.0}
        )
    else:
        head = b"\x08\x01\x10\x03\x18\x04\x20\x05"  # num, channels, height, width
        data = mean.tobytes()
        path.write_bytes(head + b"\x2a" + bytes([len(data) & 127 | 128, len(data) >> 7]) + data)
    np.testing.assert_array_equal(side_files.read_mean(path), mean)


def test_mean_files_that_hold_none_are_refused(tmp_path: Path) -> None:
    side_files = formats.load("converters.conversion.side_files")
    np.save(tmp_path / "four.npy", np.zeros((4, 5)))
    (tmp_path / "text.npy").write_text("text")
    (tmp_path / "mean.txt").write_text("1,2,3")
    for name, message in {
        "four.npy": r"shape \[4, 5\]",
        "text.npy": "not a NumPy array",
        "mean.txt": "one of .bin",
    }.items():
        with pytest.raises(converters.ConversionError, match=message):
            side_files.read_mean(tmp_path / name)


def test_labels_are_lines_of_text(tmp_path: Path) -> None:
    side_files = formats.load("converters.conversion.side_files")
    (tmp_path / "names.txt").write_text("Ann\nBo\n\n", "utf-8-sig")
    assert side_files.read_labels(tmp_path / "names.txt") == ("Ann", "Bo")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00\x01" + os.urandom(8))
    for name in ("empty.txt", "bytes.txt"):
        with pytest.raises(converters.ConversionError, match="class name"):
            side_files.read_labels(tmp_path / name)
