"""From a model to a proved file that appears whole or not at all."""

import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import prototxt
import stub_target
from converters import formats
from converters.conversion import pipeline, proof
from converters.errors import ConversionError, ParityError, UnsupportedError
from converters.files import interrupts, staging
from converters.files.patient_file import patient_file
from converters.options import Options, UsageError

TINY = prototxt.find("vgg-face-tiny")
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats.TARGETS, "stub", stub_target.TARGET)
    stub_target.calls.clear()


def convert(out: Path, **options: object) -> pipeline.Conversion:
    return pipeline.convert(["vgg-face-tiny"], "caffe", "stub", Options(out=out, **options))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_a_proved_file_and_its_certificate(tmp_path: Path) -> None:
    done = convert(tmp_path / "net.stub")
    assert set(contents(tmp_path)) == {"net.stub", "net.stub.certificate.json"}
    assert done.files == (tmp_path / "net.stub",)
    assert [dict(trial.shapes) for trial in done.trials] == [{"data": (1, 3, 64, 64)}, {"data": (2, 3, 64, 64)}]
    assert all(trial.report.ok and len(trial.report.nodes) == 39 for trial in done.trials)
    stated = json.loads(done.certificate.read_text())
    assert stated["verdict"] == "ok"
    read = {entry["name"]: entry["sha256"] for entry in stated["files_read"]}
    assert read[TINY.weights.name] == hashlib.sha256(TINY.weights.read_bytes()).hexdigest()
    (written,) = stated["files_written"]
    assert written["sha256"] == hashlib.sha256((tmp_path / "net.stub").read_bytes()).hexdigest()


def test_the_same_conversion_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        convert(tmp_path / folder / "net.stub", l2_normalize=True)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_published_facts_travel_with_a_name(tmp_path: Path) -> None:
    graph = convert(tmp_path / "net.stub").graph
    assert graph.preprocessing.channel_order == "BGR"
    np.testing.assert_allclose(graph.preprocessing.mean, (93.5940, 104.7624, 129.1863))
    assert graph.preprocessing.size == (64, 64)
    assert "Apache-2.0" in graph.source.licence


def test_a_difference_leaves_no_file_and_names_the_first_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAULT", "wrong")
    with pytest.raises(ParityError, match="conv1_1"):
        convert(tmp_path / "net.stub")
    assert names(tmp_path) == []


@pytest.mark.parametrize("cheap", [0, proof.CHEAP_MACS], ids=["known items in a larger batch", "a second reference"])
def test_a_fault_in_larger_batches_alone_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: int) -> None:
    monkeypatch.setattr(proof, "CHEAP_MACS", cheap)
    monkeypatch.setenv("STUB_FAULT", "wrong in a batch")
    with pytest.raises(ParityError, match="another size: .*prob"):
        convert(tmp_path / "net.stub")
    assert convert(tmp_path / "net.stub", dynamic=()).open_axes.axes == ()


def test_a_costly_network_is_proved_in_a_larger_batch_without_a_second_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "CHEAP_MACS", 0)
    second = convert(tmp_path / "net.stub").trials[1]
    assert second.report.ok and second.reference_seconds == 0
    assert second.shapes["data"] == (2, 3, 64, 64)
    assert {node.node for node in second.report.nodes} >= {"conv1_1", "fc8", "prob"}


def test_without_proof_nothing_is_run_or_claimed(tmp_path: Path) -> None:
    done = convert(tmp_path / "net.stub", verify=False)
    assert names(tmp_path) == ["net.stub"]
    assert (done.trials, done.certificate, stub_target.calls) == ((), None, ["save"])


def test_the_certificate_goes_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "proofs").mkdir()
    convert(tmp_path / "net.stub", certificate=tmp_path / "proofs" / "net.json")
    assert set(contents(tmp_path)) == {"net.stub", "proofs/net.json"}


def test_a_folder_holds_its_certificate(tmp_path: Path) -> None:
    convert(tmp_path / "net")
    assert set(contents(tmp_path)) == {"net/weights.stub", "net/certificate.json"}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("there.stub", "exists already.*--force"),
        ("missing/net.stub", "the folder .*missing does not exist"),
        ("there.stub/net.stub", "there.stub is not a folder"),
        ("folder.stub", "is a folder"),
        ("full", "is a folder with files in it.*--force"),
        ("net.tflite", "Stub is not written to a '.tflite' file.*.stub: weights"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "there.stub").write_text("old")
    (tmp_path / "folder.stub").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("old")
    before = contents(tmp_path)
    with pytest.raises(ConversionError, match=message):
        pipeline.convert(["no such model"], "caffe", "stub", Options(out=tmp_path / place))
    assert contents(tmp_path) == before
    assert stub_target.calls == []


def test_an_old_certificate_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "net.stub.certificate.json").write_text("old")
    with pytest.raises(ConversionError, match="certificate.json: exists already"):
        convert(tmp_path / "net.stub")


def test_a_second_file_is_not_overwritten_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAULT", "two files")
    (tmp_path / "net.more").write_text("old")
    with pytest.raises(ConversionError, match="net.more: exists already"):
        convert(tmp_path / "net.stub")
    assert contents(tmp_path) == {"net.more": b"old"}
    convert(tmp_path / "net.stub", force=True)
    assert contents(tmp_path)["net.more"] == b"more"


def test_force_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "net.stub").write_text("old")
    convert(tmp_path / "net.stub", force=True)
    assert (tmp_path / "net.stub").stat().st_size == 4 * 198_792
    assert len(names(tmp_path)) == 2


def test_force_keeps_what_is_not_replaced_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "notes.txt").write_text("mine")
    (tmp_path / "net" / "weights.stub").write_text("old")
    convert(tmp_path / "net", force=True)
    assert set(contents(tmp_path)) == {"net/notes.txt", "net/weights.stub", "net/certificate.json"}
    assert (tmp_path / "net" / "notes.txt").read_text() == "mine"


def test_the_old_file_stays_when_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAULT", "wrong")
    (tmp_path / "net.stub").write_text("old")
    with pytest.raises(ParityError):
        convert(tmp_path / "net.stub", force=True)
    assert contents(tmp_path) == {"net.stub": b"old"}


def test_a_failure_between_two_files_undoes_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.stub").write_text("old")
    rename, done = Path.rename, []

    def failing(path: Path, target: Path) -> Path:
        done.append(target)
        if Path(target).name == "net.stub.certificate.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ConversionError, match="net.stub: cannot be written: Input/output error"):
        convert(tmp_path / "net.stub", force=True)
    assert tmp_path / "net.stub" in done
    assert contents(tmp_path) == {"net.stub": b"old"}


def test_everything_the_target_lacks_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAULT", "unsupported")
    with pytest.raises(UnsupportedError) as refusal:
        convert(tmp_path / "net.stub")
    assert len(refusal.value.problems) == 39
    assert names(tmp_path) == []


def test_a_batch_that_the_target_pins_is_fixed_unless_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAULT", "pinned")
    done = convert(tmp_path / "net.stub")
    assert done.open_axes.axes == () and "only where the batch is fixed" in done.open_axes.reasons["batch"]
    assert len(done.trials) == 1
    with pytest.raises(UnsupportedError, match="only where the batch is fixed"):
        convert(tmp_path / "asked.stub", dynamic=("batch",))


def test_an_axis_that_the_network_pins_is_refused_with_the_node(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="--dynamic height: .*'fc6'"):
        convert(tmp_path / "net.stub", dynamic=("batch", "height"))


def test_dense_layers_as_convolutions_let_height_and_width_stay_open(tmp_path: Path) -> None:
    done = convert(tmp_path / "net.stub", dense_to_conv=True, dynamic=("batch", "height", "width"))
    assert set(done.open_axes.axes) == {"batch", "height", "width"}
    other = done.trials[1].shapes["data"]
    assert other[0] != 1 and other[2:] != (64, 64)


def test_another_input_shape_works_with_and_without_a_name(tmp_path: Path) -> None:
    for number, name in enumerate(("", "data")):
        shapes = ((name, (1, 3, 96, 128)),)
        done = convert(tmp_path / f"{number}.stub", input_shapes=shapes, dense_to_conv=True)
        assert dict(done.graph.inputs) == {"data": (1, 3, 96, 128)}
    with pytest.raises(ConversionError, match="fc6"):
        convert(tmp_path / "net.stub", input_shapes=shapes)


def test_cut_and_normalize(tmp_path: Path) -> None:
    done = convert(tmp_path / "net.stub", cut=("fc7",), l2_normalize=True)
    assert list(done.graph.outputs) == ["fc7_normalized"]
    stated = json.loads(done.certificate.read_text())
    assert stated["options"] == {"cut": ["fc7"], "l2_normalize": True}


@pytest.mark.parametrize("fault", ["disk full", "disk full in C++"])
def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setenv("STUB_FAULT", fault)
    with pytest.raises(ConversionError, match="net.stub: cannot be written: No space left on device"):
        convert(tmp_path / "net.stub")
    assert names(tmp_path) == []


def test_a_file_size_limit_is_one_message(tmp_path: Path) -> None:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, old[1]))
    try:
        with pytest.raises(ConversionError, match="net.stub: cannot be written: File too large"):
            convert(tmp_path / "net.stub")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert names(tmp_path) == []


def test_a_failure_of_a_patient_file_is_told_at_the_end() -> None:
    taken = []

    def write() -> None:
        with patient_file(Path("/dev/full")) as file:
            taken.extend(file.write(b"x" * 100_000) for _ in range(3))
            raise RuntimeError("stumbled later")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert taken == [100_000] * 3


def test_a_device_is_never_replaced() -> None:
    with pytest.raises(ConversionError, match="not a plain file"):
        staging.check_output(Path(os.devnull), force=True)


def test_real_data_is_proved_too(tmp_path: Path) -> None:
    np.save(tmp_path / "sample.npy", np.linspace(-100, 100, 2 * 3 * 64 * 64, dtype=np.float64).reshape(2, 3, 64, 64))
    (tmp_path / "out").mkdir()
    done = convert(tmp_path / "out" / "net.stub", samples=(("", tmp_path / "sample.npy"),))
    assert [trial.title for trial in done.trials] == ["stated size", "another size", "sample.npy"]
    assert done.trials[2].shapes == {"data": (2, 3, 64, 64)} and done.trials[2].seed is None
    stated = json.loads(done.certificate.read_text())
    assert [entry["name"] for entry in stated["input_files"]] == ["sample.npy"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 64, 64, 3), np.float32), "channels come first"),
        (np.zeros((1, 3, 32, 32), np.float32), "fc6"),
        (np.zeros(7, np.float32), r"has shape \[7\], input 'data' takes \[1, 3, 64, 64\]"),
        (np.array(["text"]), "does not hold an array of numbers"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "sample.npy", array)
    with pytest.raises(ConversionError, match=message):
        convert(tmp_path / "net.stub", samples=(("", tmp_path / "sample.npy"),))
    assert names(tmp_path) == ["sample.npy"]


def test_a_certificate_without_a_proof_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        convert(tmp_path / "net.stub", certificate=tmp_path / "c.json", verify=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_writing_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    (tmp_path / "out").mkdir()
    script = "import stub_target; stub_target.install(); from converters import cli; "
    script += "from converters.command_line import commands; "
    script += "commands.COMMANDS['caffe-to-stub'] = commands._conversion('caffe', 'stub', 'Stub'); cli.main()"
    command = [sys.executable, "-c", script, "caffe-to-stub", "vgg-face-tiny", "-o", str(tmp_path / "out" / "net.stub")]
    environment = {**os.environ, "STUB_GATE": str(gate), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(tmp_path / "gate.reached", process)
            assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".partial"]
            process.send_signal(number)
            said = process.communicate(timeout=60)
        finally:
            gate.unlink()
    assert process.returncode == 1, said
    assert said == ("", "error: interrupted; nothing was left half-written\n")
    assert names(tmp_path / "out") == []


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.01)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_signal_is_held_back_while_files_are_moved(depth: int) -> None:
    seen = []

    def moving() -> None:
        with ExitStack() as stack:
            for _ in range(depth):
                stack.enter_context(interrupts.uninterrupted())
            signal.raise_signal(signal.SIGINT)
            seen.append("still here")

    with pytest.raises(KeyboardInterrupt):
        moving()
    assert seen == ["still here"]


def test_a_signal_that_a_library_swallowed_still_stops_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "_received", [signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / "net.stub")
    assert names(tmp_path) == []
