from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from bench_networks import pinned
from benchmarks.artefacts import KINDS
from benchmarks.artefacts.conversions import CONVERSIONS, FORMS, INT8, ORIGINAL
from benchmarks.artefacts.making import answer
from benchmarks.artefacts.request import Answer, Request

NODES = ("fc7", "prob")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    work = str(tmp_path_factory.mktemp("work"))
    return answer(
        Request(("vgg-face-tiny",), work, NODES, ("onnx", "onnx-fp16", INT8), images=6, calibration_images=32)
    )


def ran(made: Answer, kind: str, batch: int = 6) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(made.files_for(kind, batch)["model"], providers=["CPUExecutionProvider"])
    with np.load(made.probe) as probe:
        values = session.run(list(made.nodes), {"data": probe["inputs"][:batch]})
    return dict(zip(made.nodes, values, strict=True))


def reference(made: Answer, node: str) -> np.ndarray:
    with np.load(made.probe) as probe:
        return np.array(probe[f"reference/{node}"])


def cosines(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", got, expected) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)


def test_every_kind_has_a_way_to_be_made() -> None:
    assert {*CONVERSIONS, INT8, *ORIGINAL} == set(KINDS)
    assert {kind: tuple(form.files) for kind, form in FORMS.items()} == {kind: KINDS[kind] for kind in FORMS}


@pytest.mark.parametrize(("kind", "tolerance"), [("onnx", 1e-5), ("onnx-fp16", 1e-2)])
@pytest.mark.parametrize("batch", [1, 6])
def test_one_file_takes_every_batch_and_gives_the_reference(
    made: Answer, kind: str, tolerance: float, batch: int
) -> None:
    for node, value in ran(made, kind, batch).items():
        expected = reference(made, node)[:batch]
        assert np.abs(value - expected).max() <= tolerance * np.abs(expected).max()


def test_conversions_keep_their_proof(made: Answer) -> None:
    folder = Path(made.files_for("onnx", 1)["model"]).parent
    assert (folder / made.facts["onnx"]["any"]["certificate"]).is_file()
    assert made.facts["onnx"]["any"]["difference"] < 1e-5


def test_int8_loses_little_and_computes_in_int8(made: Answer) -> None:
    values = ran(made, INT8)
    assert cosines(values["fc7"], reference(made, "fc7")).min() > 0.98
    assert cosines(values["prob"], reference(made, "prob")).min() > 0.999
    facts = made.facts[INT8]["any"]
    assert facts["quantised_types"] == {"Conv": 13, "MaxPool": 5, "Flatten": 1, "Gemm": 3}
    assert facts["float_types"] == {"Relu": 1, "Softmax": 1}
    types = [node.op_type for node in onnx.load(made.files_for(INT8, 1)["model"]).graph.node]
    assert types.count("QuantizeLinear") > 13


def test_an_output_before_its_activation_keeps_its_negative_values(made: Answer) -> None:
    # The quantiser drops a Relu and clips what it reads: the output would be the value after it.
    assert made.facts[INT8]["any"]["float_nodes"] == ["relu7", "prob"]
    assert (reference(made, "fc7") < -0.1).any()
    assert (ran(made, INT8)["fc7"] < -0.1).any()


def test_a_fixed_batch_has_one_file_for_each_size_that_it_takes(tmp_path: Path) -> None:
    asked = Request((str(pinned(tmp_path)),), str(tmp_path / "work"), kinds=("onnx",), batches=(2, 4), images=2)
    made = answer(asked)
    assert set(made.files["onnx"]) == {"2"}
    np.testing.assert_allclose(ran(made, "onnx", 2)["prob"], reference(made, "prob"), rtol=1e-5)
    assert not made.files_for("onnx", 4)
    assert "flat" in made.reason("onnx", 4)
    assert made.reason("onnx", 8) == "onnx at batch 8 was not asked for"


def test_int8_needs_other_images_than_the_probe_set(tmp_path: Path) -> None:

    (tmp_path / "faces").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "faces" / "one.png")
    asked = Request(
        ("vgg-face-tiny",), str(tmp_path / "work"), ("pool1",), (INT8,), images=1, image_folder=str(tmp_path / "faces")
    )
    assert "holds no image beside the 1 of the probe set" in answer(asked).failed[INT8]
