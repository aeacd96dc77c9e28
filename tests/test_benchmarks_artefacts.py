import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import matlab_files
from bench_networks import pinned
from benchmarks.artefacts import KINDS, conversions
from benchmarks.artefacts.__main__ import main
from benchmarks.artefacts.images import Gallery
from benchmarks.artefacts.making import answer
from benchmarks.artefacts.network import read_network, subnormals
from benchmarks.artefacts.origin import read_origin
from benchmarks.artefacts.planning import plan
from benchmarks.artefacts.probe import condition, filled, references
from benchmarks.artefacts.request import Answer, Request
from benchmarks.artefacts.store import RECORD, Store
from benchmarks.errors import BenchError, UsageError
from converters.conversion.sources import find_model, read
from converters.options import Options
from heads.backbones.fingerprint import fingerprint
from heads.synthetic.drawing import draw
from heads.synthetic.people import person, sight

TINY = ("vgg-face-tiny",)
MEAN = (93.5940, 104.7624, 129.1863)


def request(folder: Path, model: tuple[str, ...] = TINY, **fields: Any) -> Request:
    return Request(model, str(folder / "work"), **{"images": 3, **fields})


def without_changes(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.name != "lock"}


def test_the_reference_is_the_graph_itself(tmp_path: Path) -> None:
    made = answer(request(tmp_path, nodes=("pool5", "prob")))
    graph = read(find_model(list(TINY)), Options())
    with np.load(made.probe) as probe:
        assert probe["inputs"].shape == (3, 3, 64, 64)
        assert probe["inputs"].dtype == probe["reference/prob"].dtype == np.float32
        for place, image in enumerate(probe["inputs"]):
            values = graph.run({"data": image[None].astype(np.float64)})
            for node in ("pool5", "prob"):
                np.testing.assert_allclose(probe[f"reference/{node}"][place], values[node][0], rtol=2e-5, atol=1e-4)


def test_a_softmax_is_judged_by_the_size_of_its_logits(tmp_path: Path) -> None:
    for nodes in ((), ("prob",)):
        with np.load(answer(request(tmp_path, nodes=nodes)).probe) as held:
            inputs, found = held["inputs"], held["condition/prob"]
            assert [name for name in held.files if name.startswith("condition/")] == ["condition/prob"]
        logits = references(read_network(request(tmp_path, nodes=("fc8",))), inputs)["fc8"]
        assert found == condition(logits)
    assert [condition(np.array([[low, 0.5]])) for low in (-30.0, 0.1, -1000.0)] == [30, 1, 100]


def test_images_are_drawn_faces_as_the_network_takes_them(tmp_path: Path) -> None:
    made = answer(request(tmp_path, seed=5))
    drawn = draw(person(5, 1), sight(5, 1, 0), np.random.default_rng([5, 1, 1, 1]))
    pixels = np.asarray(drawn.resize((64, 64), Image.Resampling.BILINEAR), np.float32)
    with np.load(made.probe) as probe:
        np.testing.assert_array_equal(
            probe["inputs"][1], pixels.transpose(2, 0, 1)[::-1] - np.array(MEAN, np.float32)[:, None, None]
        )
        assert list(probe["names"]) == ["drawn-5-0", "drawn-5-1", "drawn-5-2"]


def test_another_seed_draws_other_faces(tmp_path: Path) -> None:
    one, other = (np.load(answer(request(tmp_path, seed=seed)).probe)["inputs"] for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_facts_are_those_of_the_part_that_is_run(tmp_path: Path) -> None:
    whole, cut = (answer(request(tmp_path, nodes=nodes)) for nodes in ((), ("pool1",)))
    assert whole.nodes == ("fc8", "prob")  # logits show differences that a softmax hides
    assert whole.network["parameters"] == 198_792
    # 3x3 kernels of 3 channels to 4, and of 4 to 4, with biases; 64x64 places
    assert cut.network["parameters"] == 4 * 28 + 4 * 37
    assert cut.network["multiply_adds"] == 64 * 64 * (4 * 27 + 4 * 36)
    assert cut.network["node_shapes"] == {"pool1": [4, 32, 32]}
    assert cut.model_sha256 == whole.model_sha256 == fingerprint(find_model(list(TINY)).files)
    assert Path(cut.probe).parent.parent != Path(whole.probe).parent.parent


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    first = answer(request(tmp_path, kinds=("source",)))
    before = without_changes(tmp_path)
    assert answer(request(tmp_path, kinds=("source",))) == first
    assert without_changes(tmp_path) == before


def test_what_is_not_whole_is_made_again(tmp_path: Path) -> None:
    made = answer(request(tmp_path))
    whole = Path(made.probe).read_bytes()
    Path(made.probe).write_bytes(whole[:-1])
    answer(request(tmp_path))
    assert Path(made.probe).read_bytes() == whole
    (Path(made.probe).parent / RECORD).unlink()
    answer(request(tmp_path))
    assert (Path(made.probe).parent / RECORD).is_file()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    entry = Store(tmp_path).entry("thing", {})

    def broken(folder: Path) -> Mapping[str, Any]:
        (folder / "half").write_text("written", encoding="utf-8")
        raise BenchError("stopped")

    with pytest.raises(BenchError, match="stopped"):
        entry.made(broken)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_make_the_same_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.locked():
        with pytest.raises(BenchError, match="another process may be making artefacts there"), store.locked():
            pass
        with pytest.raises(KeyError), Store(tmp_path / "other").locked():
            raise KeyError("of the work itself")
    with store.locked():
        assert (tmp_path / "lock").exists()


def test_the_reference_in_batches_is_that_of_single_images() -> None:
    network = read_network(Request(TINY, "unused"))
    inputs = Gallery(0).pictures(network, 0, 3).inputs
    together = references(network, inputs)["prob"]
    alone = np.concatenate([references(network, inputs[place : place + 1])["prob"] for place in range(3)])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_batches_are_filled_up_with_the_last_image() -> None:
    parts = list(filled(np.arange(5), 3))
    assert [(part.tolist(), count) for part, count in parts] == [([0, 1, 2], 3), ([3, 4, 4], 2)]


def test_a_fixed_batch_is_computed_as_it_is(tmp_path: Path) -> None:
    made = answer(request(tmp_path, (str(pinned(tmp_path)),)))
    assert not made.network["batch_open"]
    assert "flat" in made.network["batch_pinned_by"]
    with np.load(made.probe) as probe:
        pooled = probe["inputs"].reshape(3, 3, 2, 2, 2, 2).max(axis=(3, 5)).reshape(3, 12)
        grown = np.exp(pooled - pooled.max(1, keepdims=True))
        np.testing.assert_allclose(probe["reference/prob"], grown / grown.sum(1, keepdims=True), rtol=1e-5)


def test_what_a_model_does_not_state_is_assumed_and_said(tmp_path: Path) -> None:
    words = (str(pinned(tmp_path)),)
    silent = answer(request(tmp_path, words))
    assert [line.partition(":")[0] for line in silent.network["assumed"]] == [
        "the model does not state its channel order",
        "the model states no mean",
        "the model states no image size",
    ]
    told = answer(request(tmp_path, words, channel_order="RGB", mean=(1.0, 2.0, 3.0), scale=(0.5,)))
    assert told.network["preprocessing"]["mean"] == [1.0, 2.0, 3.0]
    with np.load(silent.probe) as before, np.load(told.probe) as after:
        expected = (before["inputs"][:, ::-1] - np.array([1, 2, 3], np.float32)[:, None, None]) * np.float32(0.5)
        np.testing.assert_array_equal(after["inputs"], expected)
    assert dict(read_origin(Path(told.probe)).assumed).keys() == {"size_height_width"}


def test_a_folder_gives_its_images(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(tmp_path / "faces" / f"{number}.png")
    made = answer(request(tmp_path, image_folder=str(tmp_path / "faces"), seed=1))
    with np.load(made.probe) as probe:
        red = probe["inputs"][:, 2, 0, 0] + np.float32(MEAN[2])
        np.testing.assert_allclose(red, [int(name[0]) for name in probe["names"]], atol=1e-4)
        assert len(set(probe["names"])) == 3


def test_images_that_cannot_be_decoded_are_named(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a.png").write_bytes(b"nothing")
    with pytest.raises(BenchError, match="a.png: is no image of a kind that is read"):
        answer(request(tmp_path, image_folder=str(tmp_path / "faces")))
    with pytest.raises(BenchError, match="is no folder; name one with images"):
        answer(request(tmp_path, image_folder=str(tmp_path / "none")))


def test_original_files_are_named_by_role(tmp_path: Path) -> None:
    made = answer(request(tmp_path, kinds=("caffe", "source")))
    network, weights = find_model(list(TINY)).files
    assert made.files_for("caffe", 8) == {"network": str(network), "weights": str(weights)}
    assert made.files_for("source", 1) == made.files_for("caffe", 1)


def test_a_network_of_matconvnet_is_one_file_and_not_caffe(tmp_path: Path) -> None:
    filters = np.random.default_rng(0).normal(size=(2, 2, 3, 5)).astype(np.float32)
    meta = {"inputs": {"name": "data", "size": np.array([[6.0, 6.0, 3.0, 1.0]])}}
    path = matlab_files.simplenn(tmp_path / "net.mat", [matlab_files.conv("conv", filters)], meta=meta)
    made = answer(request(tmp_path, (str(path),), kinds=("source", "caffe")))
    assert made.files_for("source", 1) == {"network": str(path)}
    assert made.reason("caffe", 1) == f"{path}: is a network of matconvnet, not of Caffe"


def test_one_kind_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: Any) -> Mapping[str, Any]:
        raise ValueError("a library's own words")

    monkeypatch.setitem(conversions.CONVERSIONS, "keras", broken)
    made = answer(request(tmp_path, kinds=("keras", "source")))
    assert made.failed == {"keras": "keras cannot be made: ValueError: a library's own words"}
    assert made.files_for("source", 1)
    assert not made.files_for("keras", 1)


def test_all_problems_of_a_request_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        answer(Request((), "", kinds=("onx",), batches=(0,), images=0, seed=-1))
    assert caught.value.problems == [
        f"there is no kind of artefact 'onx'; did you mean 'onnx'?; there are {', '.join(KINDS)}",
        "no model is named; give a name such as vgg-face-tiny, or the paths of its files",
        "no folder is named to keep artefacts in",
        "a batch of 0 images is asked for, expected 1 or more",
        "images is 0, expected 1 or more",
        "seed is -1, expected 0 or more",
    ]
    with pytest.raises(BenchError, match="there is no value or layer 'fc77'; did you mean 'fc7'"):
        answer(request(tmp_path, nodes=("fc77",)))


def test_a_request_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Request.from_json({"model": ["x"], "kind": ["onnx"]})
    assert caught.value.problems == [
        "a request has no field 'kind'; did you mean 'kinds'?",
        "a request needs the field 'folder'",
    ]


def test_a_process_answers_in_json(tmp_path: Path) -> None:
    asked, place = tmp_path / "asked.json", tmp_path / "answer.json"
    asked.write_text(json.dumps(request(tmp_path, kinds=("source",)).to_json()), encoding="utf-8")
    assert main([str(asked), str(place)]) == 0
    told = Answer.from_json(json.loads(place.read_text("utf-8")))
    assert told == answer(request(tmp_path, kinds=("source",)))
    assert told.input_shape == (3, 64, 64)


def test_a_process_says_in_its_answer_what_is_refused(tmp_path: Path) -> None:
    asked, place = tmp_path / "asked.json", tmp_path / "answer.json"
    asked.write_text(json.dumps(request(tmp_path, ("vgg-face",)).to_json()), encoding="utf-8")
    assert main([str(asked), str(place)]) == 0
    assert "'vgg-face' comes without weights" in json.loads(place.read_text("utf-8"))["problems"][0]


def test_wrong_usage_of_the_process_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "none.json"), str(tmp_path / "answer.json")]) == 2
    assert "usage: python -m benchmarks.artefacts" in capsys.readouterr().err
    assert not (tmp_path / "answer.json").exists()


def test_a_plan_makes_nothing_and_names_what_is_missing(tmp_path: Path) -> None:
    wanted = request(tmp_path, kinds=("source", "torch"))
    before = plan(wanted)
    assert before.missing == ("torch", "probe set")
    assert before.there == ("source",)
    assert before.bytes_to_write == 4 * 198_792
    assert not (tmp_path / "work").exists()
    answer(request(tmp_path, kinds=("source",)))
    assert plan(wanted).missing == ("torch",)


def test_a_plan_lists_problems_of_everything(tmp_path: Path) -> None:
    found = plan(request(tmp_path, ("vgg-face",), kinds=("torhc",), image_folder=str(tmp_path / "none")))
    assert [problem.partition(";")[0] for problem in found.problems] == [
        "there is no kind of artefact 'torhc'",
        f"{tmp_path / 'none'}: is no folder",
        "'vgg-face' comes without weights",
    ]
    fixed = plan(request(tmp_path, (str(pinned(tmp_path)),), kinds=("caffe",), batches=(2, 3)))
    assert [problem.partition(":")[0] for problem in fixed.problems] == ["caffe", "batch 3"]


def test_subnormal_weights_are_counted() -> None:
    smallest = np.finfo(np.float32).smallest_normal
    assert subnormals(np.array([[0, 1e-40, -1e-40], [smallest, 1, -smallest]], np.float32)) == 2
