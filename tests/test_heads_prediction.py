"""Predictions: labels, abstention, images that cannot be used, and how it is all worded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # noqa: F401 - backbones run in it
import pytest
from PIL import Image

import trained_heads
from heads.backbones import Backbone, open_backbone
from heads.errors import MismatchError, UsageError
from heads.models.head import Array, Calibration, Head
from heads.prediction import Prediction, describe, predict
from heads.prediction.deciding import decided
from heads.prediction.wording import as_json, shown_probability
from heads.provenance import Crop
from trained_heads import NODES, embedded, facts, head_on, images, plain_spec, said, spec_of, written

HERE = Path("a.png")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return open_backbone([str(written(tmp_path_factory.mktemp("backbone"), "b.onnx"))], NODES)


@pytest.fixture
def head(backbone: Backbone) -> Head:
    return head_on(spec_of(backbone))


def drawn(folder: Path, count: int, **size: Any) -> tuple[list[Path], Array]:
    pixels = images(count, **size)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, one in zip(paths, pixels, strict=True):
        Image.fromarray(one.transpose(1, 2, 0)).save(path)
    return paths, pixels


def test_predictions_are_those_by_hand(tmp_path: Path, backbone: Backbone, head: Head) -> None:
    paths, pixels = drawn(tmp_path, 40)  # more than a batch
    steps: list[tuple[int, int]] = []
    found = predict(paths, head, backbone, progress=lambda *step: steps.append(step))
    expected = said(head, embedded(pixels))
    np.testing.assert_allclose([one.probability for one in found], expected, atol=1e-6)
    assert [one.path for one in found] == paths
    assert steps[-1] == (40, 40)
    labels = ["" if 0.4 < p < 0.6 else "male" if p >= 0.45 else "female" for p in expected]
    assert [one.label for one in found] == labels
    assert len(set(labels)) > 1


def test_images_that_cannot_be_used_hold_nobody_up(tmp_path: Path, backbone: Backbone, head: Head) -> None:
    paths, pixels = drawn(tmp_path, 2)
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.png").write_bytes(paths[0].read_bytes()[:200])
    asked = [tmp_path / "missing.jpg", paths[0], tmp_path / "text.jpg", tmp_path / "empty.jpg", tmp_path / "cut.png"]
    found = predict([*asked, paths[1]], head, backbone)
    assert [one.usable for one in found] == [False, True, False, False, False, True]
    np.testing.assert_allclose(
        [one.probability for one in found if one.usable], said(head, embedded(pixels)), atol=1e-6
    )
    reasons = [one.reason for one in found if not one.usable]
    assert reasons[0].startswith("cannot be read: No such file")
    assert "is empty" in reasons[2] and all(not reason.startswith("/") for reason in reasons)
    assert all(one.label == "" and not one.abstained for one in found if not one.usable)


def test_no_image_at_all(backbone: Backbone, head: Head) -> None:
    assert predict([], head, backbone) == []


def test_a_crop_that_a_table_says_needs_the_table(tmp_path: Path, backbone: Backbone) -> None:
    paths, pixels = drawn(tmp_path, 2, size=(40, 40))
    head = head_on(spec_of(backbone, kind="box", settings={"margin": 0.0, "outside": "edge", "square": False}))
    with pytest.raises(UsageError, match="'box'.*table"):
        predict(paths, head, backbone)
    with pytest.raises(UsageError, match="1 rows are given for 2 images"):
        predict(paths, head, backbone, rows=[{}])
    with pytest.raises(UsageError, match="detector"):
        predict(paths, head, backbone, how=Crop("detected"))
    fixed = Crop("fixed", {"rows": [5, 18], "columns": [3, 14]})
    found = predict(paths, head, backbone, how=fixed)
    expected = said(head, embedded(pixels[:, :, 5:18, 3:14]))
    np.testing.assert_allclose([one.probability for one in found], expected, atol=1e-6)


def test_an_image_that_the_crop_does_not_fit_is_listed(tmp_path: Path, backbone: Backbone) -> None:
    paths, _ = drawn(tmp_path, 1)
    head = head_on(spec_of(backbone, kind="fixed", settings={"rows": [0, 100], "columns": [0, 100]}))
    (found,) = predict(paths, head, backbone)
    assert not found.usable and "too few for rows 0:100" in found.reason


def test_another_backbone_is_refused_before_any_image_is_read(backbone: Backbone, head: Head) -> None:
    other = replace(head, embedding=replace(head.embedding, model_sha256="00" * 32, normalized=True))
    with pytest.raises(MismatchError) as refused:
        predict([Path("missing.jpg")], other, backbone)
    assert len(refused.value.problems) == 2


def test_a_stretched_face_is_told(tmp_path: Path, backbone: Backbone, head: Head) -> None:
    Image.new("RGB", (60, 20), "gray").save(tmp_path / "wide.png")
    Image.new("RGB", (22, 26), "gray").save(tmp_path / "fine.png")
    wide, fine = predict([tmp_path / "wide.png", tmp_path / "fine.png"], head, backbone)
    assert "60x20 pixels were stretched to 11x13" in wide.reason
    assert "stretched" not in fine.reason


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, backbone: Backbone, head: Head) -> None:
    compute = backbone.engine.compute
    sizes: list[int] = []

    def tight(batch: Array) -> Any:
        sizes.append(len(batch))
        if len(batch) > 3:
            raise MemoryError
        return compute(batch)

    small = replace(backbone, engine=replace(backbone.engine, compute=tight))
    paths, pixels = drawn(tmp_path, 10)
    found = predict(paths, head, small)
    np.testing.assert_allclose([one.probability for one in found], said(head, embedded(pixels)), atol=1e-6)
    assert max(sizes) == 10 and sizes.count(10) == 1


@pytest.mark.parametrize(
    ("probability", "label", "abstained"),
    [(0.1, "female", False), (0.4, "female", False), (0.41, "", True), (0.59, "", True), (0.6, "male", False)],
)
def test_the_band_and_its_ends(probability: float, label: str, abstained: bool) -> None:
    found = decided(HERE, probability, head_on(plain_spec()))
    assert (found.label, found.abstained) == (label, abstained)
    assert found.reason == ("the probability is inside the band from 0.4 to 0.6" if abstained else "")


@pytest.mark.parametrize(("probability", "label"), [(0.2999, "female"), (0.3, "male"), (0.5, "male")])
def test_without_a_band_the_threshold_decides(probability: float, label: str) -> None:
    head = head_on(plain_spec(), calibration=Calibration(1.0, 0.3, 0.3, 0.3))
    assert decided(HERE, probability, head).label == label


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "annotator-perceived",
            "a.png: perceived gender: the training annotators would label it 'male', probability 0.9",
        ),
        ("self-report", "a.png: perceived gender: resembles people who called themselves 'male', probability 0.9"),
        ("", "a.png: perceived gender: whoever labelled the training data would label it 'male', probability 0.9"),
    ],
)
def test_gender_is_said_as_what_labellers_perceived(source: str, sentence: str) -> None:
    told = facts()
    told["data"]["label_source"] = source
    found = describe(decided(HERE, 0.9, head_on(plain_spec(), facts=told)), head_on(plain_spec(), facts=told))
    assert found.startswith(sentence)


def test_other_labels_are_worded_without_gender() -> None:
    head = head_on(plain_spec(), labels=("plain", "smiling"))
    for probability, expected in ((0.9, "'smiling', probability 0.900"), (0.2, "'plain', probability 0.800")):
        line = describe(decided(HERE, probability, head), head)
        assert line == f"a.png: the training annotators would label it {expected}"
    assert "gender" not in describe(decided(HERE, 0.5, head), head)


def test_abstaining_and_unusable_are_said_with_their_reasons() -> None:
    head = head_on(plain_spec())
    assert describe(decided(HERE, 0.512, head), head) == (
        "a.png: no label: probability of 'male' 0.512; the probability is inside the band from 0.4 to 0.6"
    )
    assert describe(Prediction(HERE, "", None, reason="is empty"), head) == "a.png: no prediction: is empty"
    told = as_json(decided(HERE, 0.512, head), head)
    assert told["label"] is None and told["abstained"] is True and told["positive_class"] == "male"


@pytest.mark.parametrize(
    ("probability", "shown"), [(1.0, "above 0.999"), (0.9994, "0.999"), (0.0004, "below 0.001"), (0.5, "0.500")]
)
def test_no_probability_is_shown_as_certain(probability: float, shown: str) -> None:
    assert shown_probability(probability) == shown


def test_heads_of_every_kind_predict(tmp_path: Path, backbone: Backbone) -> None:
    paths, _ = drawn(tmp_path, 3)
    for kind in trained_heads.ARRAYS:
        found = predict(paths, head_on(spec_of(backbone), kind), backbone)
        assert all(one.probability is not None and 0 < one.probability < 1 for one in found)
