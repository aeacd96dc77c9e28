"""MTCNN finds what its networks are made for, here wide red bars: where it is, which way round, in which colours."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import real_files
from caffe_files import floats, net, shape, v2_layer
from heads.detection import Mtcnn
from heads.detection.boxes import moved, overlaps, squares, without_overlaps
from heads.detection.mtcnn import Settings
from heads.errors import HeadsError, UsageError
from heads.images.cropping import completed, crop
from heads.provenance import Crop

Array = np.ndarray[Any, Any]

# Fractions of the window that the bar fills, as (from, to) along the width and along the height.
ACROSS, DOWN = (1 / 6, 5 / 6), (1 / 3, 2 / 3)
STEP = 0.709


def template(side: int) -> Array:
    """(3, width, height) weights that give 1 for a bright red bar in the dark, 0 for one colour all over."""
    inside = np.zeros((side, side), bool)
    x0, x1, y0, y1 = (round(edge * side) for edge in (*ACROSS, *DOWN))
    inside[x0:x1, y0:y1] = True
    red = np.where(inside, 0.5 / inside.sum(), -0.5 / (~inside).sum())
    return np.stack([red, np.zeros_like(red), np.zeros_like(red)])


def judging(side: int, share: float) -> tuple[Array, Array]:
    """Weights and bias of two logits: the second is above the first where the template gives more than `share`."""
    second = template(side) * 10
    return np.stack([np.zeros_like(second), second]), np.array([0, -10 * share])


def blobs(*arrays: Array) -> list[bytes]:
    return [shape(*array.shape) + floats(array.ravel().tolist()) for array in arrays]


def write_stage(folder: Path, name: str, side: int, share: float, outputs: dict[str, list[float]]) -> None:
    """A network with one layer for each output; all but the judgement give constants."""
    kind, settings = ("Convolution", f"kernel_size: {side} stride: 2") if side == 12 else ("InnerProduct", "")
    field = "convolution_param" if side == 12 else "inner_product_param"
    text, layers = f'input: "data" input_dim: 1 input_dim: 3 input_dim: {side} input_dim: {side}\n', []
    arrays = {"judge": judging(side, share)}
    for layer, values in outputs.items():
        arrays[layer] = np.zeros((len(values), 3, side, side)), np.array(values)
    for layer, (weight, bias) in arrays.items():
        text += (
            f'layer {{ name: "{layer}" type: "{kind}" bottom: "data" top: "{layer}" '
            f"{field} {{ num_output: {len(bias)} {settings} }} }}\n"
        )
        layers.append(v2_layer(layer, kind, *blobs(weight if side == 12 else weight.reshape(len(bias), -1), bias)))
    text += 'layer { name: "prob1" type: "Softmax" bottom: "judge" top: "prob1" }\n'
    (folder / f"{name}.prototxt").write_text(text)
    (folder / f"{name}.caffemodel").write_bytes(net(*layers))


LANDMARKS = [0.3, 0.7, 0.5, 0.35, 0.65, 0.4, 0.42, 0.6, 0.8, 0.82]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mtcnn")
    write_stage(path, "det1", 12, 0.6, {"conv4-2": [0, 0, 0, 0]})
    write_stage(path, "det2", 24, 0.6, {"conv5-2": [0.1, 0, 0, 0]})
    write_stage(path, "det3", 48, 0.5, {"conv6-2": [0, 0.2, -0.1, 0.3], "conv6-3": LANDMARKS})
    return path


@pytest.fixture(scope="module")
def detector(folder: Path) -> Mtcnn:
    return Mtcnn(folder)


def window(level: int, across: int, down: int) -> tuple[float, float, float]:
    """Left, top and side of a place that P-Net looks at: which size of the image, how many steps along each axis."""
    scale = 12 / 20 * STEP**level
    return 2 * across / scale, 2 * down / scale, 12 / scale


def barred(*windows: tuple[float, float, float], colour: int = 0, size: tuple[int, int] = (160, 120)) -> Image.Image:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, side in windows:
        x0, x1 = (round(left + edge * side) for edge in ACROSS)
        y0, y1 = (round(top + edge * side) for edge in DOWN)
        pixels[y0:y1, x0:x1, colour] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("place", [(2, 6, 4), (2, 3, 7), (1, 10, 3), (3, 4, 2)])
def test_a_face_is_found_where_it_is(detector: Mtcnn, place: tuple[int, int, int]) -> None:
    left, top, side = window(*place)
    (face,) = detector.detect(barred((left, top, side)))
    # R-Net moves the left edge by a tenth; around what is left O-Net sees a square.
    x, y = left + 0.05 * side, top
    assert np.allclose(face.box, (x, y + 0.2 * side, x + 0.9 * side, y + 1.3 * side), atol=1.5)
    wanted = [(x + a * side, y + b * side) for a, b in zip(LANDMARKS[:5], LANDMARKS[5:], strict=True)]
    assert np.allclose(face.landmarks, wanted, atol=1.5)
    assert 0.7 < face.score <= 1


def test_several_faces_are_found_surest_first(detector: Mtcnn) -> None:
    faces = detector.detect(barred(window(2, 2, 2), window(2, 14, 9)))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert sorted(face.box[0] > 80 for face in faces) == [False, True]


def test_width_is_not_height(detector: Mtcnn) -> None:
    upright = barred(window(2, 6, 4), size=(160, 160))
    assert detector.detect(upright)
    assert not detector.detect(upright.transpose(Image.Transpose.ROTATE_90))


def test_the_networks_get_red_first(detector: Mtcnn) -> None:
    assert detector.detect(barred(window(2, 6, 4), colour=0))
    assert not detector.detect(barred(window(2, 6, 4), colour=2))


@pytest.mark.parametrize("size", [(160, 120), (19, 300), (1, 1)])
def test_no_face_is_no_error(detector: Mtcnn, size: tuple[int, int]) -> None:
    assert detector.detect(Image.new("RGB", size)) == []


def test_faces_smaller_than_asked_for_are_not_looked_for(folder: Path) -> None:
    image = barred(window(1, 6, 4))
    assert Mtcnn(folder).detect(image)
    assert not Mtcnn(folder, Settings(min_size=40)).detect(image)


def test_faces_at_the_edge_are_cut_with_black_around(detector: Mtcnn) -> None:
    left, top, side = window(2, 0, 0)
    image = barred((left - 4, top, side))
    (face,) = detector.detect(image)
    cut = crop(image, Crop("detected", {"margin": 0.5}), None, detector)
    assert cut.width == cut.height
    assert abs(cut.width - 2 * (face.box[3] - face.box[1])) <= 1


def test_what_decides_is_recorded(folder: Path, detector: Mtcnn) -> None:
    settings = completed(Crop("detected"), detector).settings
    assert settings["thresholds"] == [0.6, 0.7, 0.7]
    assert settings["detector_sha256"] == Mtcnn(folder, Settings(min_size=30)).facts["detector_sha256"]


def test_a_detector_can_be_sent_to_another_process(detector: Mtcnn) -> None:
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own, just written
    image = barred(window(2, 6, 4))
    assert again.detect(image) == detector.detect(image)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(HeadsError) as caught:
        Mtcnn(tmp_path)
    assert len(caught.value.problems) == 6
    assert f"{tmp_path / 'det1.prototxt'}: there is no such file" in caught.value.problems[0]


def test_other_networks_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for suffix in ("prototxt", "caffemodel"):
        (tmp_path / f"det2.{suffix}").write_bytes((folder / f"det3.{suffix}").read_bytes())
    with pytest.raises(
        HeadsError, match="det2.prototxt: is not this stage of MTCNN: its outputs are .* expected prob1, c"
    ):
        Mtcnn(tmp_path)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Settings((0.6, 0.7, 1.7), 5, 1.0)
    assert len(caught.value.problems) == 3


def test_overlaps_by_hand() -> None:
    box, others = np.array([0.0, 0, 4, 4]), np.array([[2.0, 0, 6, 4], [1, 1, 3, 3], [4, 4, 8, 8]])
    assert overlaps(box, others).tolist() == [8 / 24, 4 / 16, 0]
    assert overlaps(box, others, smaller=True).tolist() == [8 / 16, 1, 0]


def test_the_best_of_those_that_overlap_stays() -> None:
    boxes = np.array([[0.0, 0, 4, 4], [0, 1, 4, 5], [10, 10, 14, 14], [0, 2, 4, 6]])
    scores = np.array([0.7, 0.9, 0.8, 0.6])
    assert without_overlaps(boxes, scores, 0.5).tolist() == [1, 2]
    assert without_overlaps(boxes, scores, 0.65).tolist() == [1, 2, 0, 3]
    assert without_overlaps(np.empty((0, 4)), np.empty(0), 0.5).tolist() == []


def test_boxes_are_moved_and_squared_by_hand() -> None:
    boxes = np.array([[10.0, 20, 20, 40]])
    assert moved(boxes, np.array([[0.1, 0.1, -0.1, 0.2]])).tolist() == [[11, 22, 19, 44]]
    assert squares(boxes).tolist() == [[5, 20, 25, 40]]


def test_the_real_networks_are_read_and_run() -> None:
    folder = real_files.mtcnn(1)[0].parent
    assert Mtcnn(folder).detect(Image.new("RGB", (90, 60), (120, 90, 80))) == []
