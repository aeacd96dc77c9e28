"""OpenCV: the original files, with and without Winograd; fused layers still mean the network's values."""

from pathlib import Path

import cv2
import pytest

from bench_runners import WIDEST, Answer, Ask, asked, run, source, tiny_files
from benchmarks.cells import TOLERANCES
from benchmarks.errors import RunnerError
from benchmarks.runners import load

# A layer and what is done to its value in place, a map, and what OpenCV drops; all at once and each alone.
WATCHED = ("conv1_1", "relu1_1", "pool1", "conv5_3", "relu5_3", "pool5", "fc6", "drop6", "fc7", "relu7", "prob")
# Winograd's transforms round more coarsely: up to 1.1e-5 on this network.
TOLERANCE = {"forward": 3e-5, "no-winograd": TOLERANCES["fp32-strict"]}
ALONE = ("conv1_1", "fc7", "relu7", "prob")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    asks = {
        f"{path}, {'all' if len(nodes) > 1 else nodes[0]}": Ask(
            "opencv", source(), asked("opencv", path, threads=threads), nodes
        )
        for path, threads in (("forward", 1), ("no-winograd", 2))
        for nodes in (WATCHED, *((node,) for node in ALONE))
    }
    bound = Ask("opencv", source(), asked("opencv", "forward", instructions="avx2"), WATCHED)
    found = run(asks, tmp_path_factory.mktemp("opencv"))
    return found | run({"avx2": bound}, tmp_path_factory.mktemp("bound"))


@pytest.mark.parametrize("nodes", ["all", *ALONE])
@pytest.mark.parametrize("path", TOLERANCE)
def test_every_node_means_the_network_s_value(answers: dict[str, Answer], path: str, nodes: str) -> None:
    found = answers[f"{path}, {nodes}"]
    assert found.largest < TOLERANCE[path], found.difference


@pytest.mark.parametrize(("path", "threads"), [("forward", 1), ("no-winograd", 2)])
def test_settings_are_read_back(answers: dict[str, Answer], path: str, threads: int) -> None:
    told = answers[f"{path}, all"]
    wanted = {
        "device": "cpu", "threads": threads, "precision": "fp32-strict", "denormals": "flush", "instructions": WIDEST,
    }  # fmt: skip
    assert told.read_back == wanted
    assert told.facts["winograd"] == (path == "forward")


def test_bound_instructions_are_read_back(answers: dict[str, Answer]) -> None:
    found = answers["avx2"]
    assert found.largest < TOLERANCE["forward"]
    assert found.read_back["instructions"] == "avx2"
    assert "*AVX2" in found.facts["instructions"].split()  # that one is left


def test_winograd_is_really_switched(answers: dict[str, Answer]) -> None:
    assert answers["forward, all"].largest > 3 * answers["no-winograd, all"].largest


def test_an_output_named_as_a_blob_that_a_layer_changes_in_place_is_its_last_value(tmp_path: Path) -> None:
    text = tiny_files()[0].read_text()
    assert 'top: "prob"' in text
    network = tmp_path / "in_place.prototxt"
    network.write_text(text.replace('top: "prob"', 'top: "fc8"'))
    files = {"network": network, "weights": tiny_files()[1]}
    runner = load("opencv")(files, ("fc8",), asked("opencv", "forward"))
    runner.import_library()
    runner.read_weights()
    runner.build()
    assert runner._layers == ["prob"]
    runner.nodes = ("fc7",)
    assert runner._layers_of_nodes() == ["fc7"]


def test_an_unknown_node_is_refused_with_the_nearest_name() -> None:
    files = {role: Path(path) for role, path in source().items()}
    runner = load("opencv")(files, ("fc77",), asked("opencv", "forward"))
    runner.import_library()
    runner.read_weights()
    with pytest.raises(RunnerError, match="'fc77'; did you mean 'fc7'"):
        runner.build()


def test_files_that_opencv_cannot_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "n.prototxt").write_text("layer { type: }")
    files = {"network": tmp_path / "n.prototxt", "weights": tiny_files()[1]}
    runner = load("opencv")(files, ("prob",), asked("opencv", "forward"))
    runner.import_library()
    with pytest.raises(RunnerError, match="n.prototxt: OpenCV cannot read it"):
        runner.read_weights()


def test_other_precisions_and_devices_are_refused_at_once() -> None:
    settings = asked("opencv", "forward", device="cuda:0", precision="bf16", denormals="keep")
    with pytest.raises(RunnerError) as caught:
        load("opencv")({}, (), settings).import_library()
    assert len(caught.value.problems) == 3, caught.value.problems


def test_a_version_without_the_reader_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe")
    with pytest.raises(RunnerError, match="reads no Caffe files; install opencv-python-headless below 5"):
        load("opencv")({}, (), asked("opencv", "forward")).import_library()


def test_devices_are_the_cpu() -> None:
    (device,) = load("opencv").devices()
    assert (device.name, device.problem) == ("cpu", "")
