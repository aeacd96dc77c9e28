import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import caffe_case, matconvnet_case
from converters import ops, parity
from converters.errors import FormatError
from converters.from_caffe import read_caffe
from converters.from_matconvnet import read_matconvnet
from converters.ir import Graph, Preprocessing, Source
from small_graphs import NO_PADS, ONES, convolution, face, graph, images, with_params


def made(folder: Path, model: Graph, got: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A certificate of one run over two files."""
    for name in ("net.prototxt", "out.onnx"):
        (folder / name).write_text(f"content of {name}")
    feeds = images(model)
    report = parity.compare(model, feeds, got or model.run(feeds))
    run = parity.Run("stated size", model.inputs, report, 0, "because" if got else "")
    circumstances = parity.Circumstances(
        "0.1.0", {"net.prototxt": folder / "net.prototxt"}, {"out.onnx": folder / "out.onnx"}, {"numpy": "2.1"}
    )
    return parity.certificate(model, [run], replace(circumstances, **changes))


def test_the_certificate_says_what_was_proved(tmp_path: Path) -> None:
    model = face(source=Source("Caffe", {}, "research only"), labels=("a",) * 5)
    found = made(tmp_path, model, dtype="float16", options={"fold_batch_norm": True, "cut": ["prob"]})
    assert found["verdict"] == "ok"
    assert found["tool"] == {"name": "faceport", "version": "0.1.0"}
    assert found["dtype"] == "float16"
    assert list(found["options"]) == ["cut", "fold_batch_norm"]
    assert found["network"]["inputs"] == {"data": {"shape": [2, 3, 13, 11], "dtype": "float32"}}
    assert found["network"]["outputs"] == {"prob": {"value": "prob", "shape": [2, 5]}}
    assert found["network"]["licence"] == "research only"
    (run,) = found["runs"]
    assert (run["verdict"], run["seed"], run["tolerance"]) == ("ok", 0, 1e-5)
    assert [node["node"] for node in run["nodes"]] == [node.name for node in model]
    assert run["nodes"][0] == {
        "node": "conv1",
        "op": "Convolution",
        "shape": [2, 4, 13, 11],
        "difference": 0,
        "ok": True,
    }


def test_files_are_known_by_their_content(tmp_path: Path) -> None:
    found = made(tmp_path, face())
    content = b"content of out.onnx"
    assert found["files_written"] == [
        {"name": "out.onnx", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert parity.sha256_of(tmp_path / "out.onnx") == hashlib.sha256(content).hexdigest()


def test_the_same_conversion_gives_the_same_certificate(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    texts = [json.dumps(made(tmp_path / name, face()), allow_nan=False) for name in "ab"]
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_a_failure_is_certified_as_one(tmp_path: Path) -> None:
    model = face()
    got = dict(model.run(images(model)))
    got["fc8"] = got["fc8"][:1]
    del got["prob"]
    found = made(tmp_path, model, got)
    assert found["verdict"] == "failed"
    (run,) = found["runs"]
    assert run["first_different"] == "fc8"
    assert run["likely_cause"] == "because"
    assert run["not_compared"] == ["prob"]
    assert len(run["problems"]) == 2
    assert run["nodes"][-1]["difference"] is None
    assert run["nodes"][-1]["note"] == "shape [1, 5] instead of [2, 5]"
    json.dumps(found, allow_nan=False)


def test_without_a_run_nothing_is_certified(tmp_path: Path) -> None:
    circumstances = parity.Circumstances("0.1.0", {}, {}, {})
    assert parity.certificate(face(), [], circumstances)["verdict"] == "not compared"
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"gone\.onnx: cannot be read: No such file"):
        parity.sha256_of(tmp_path / "gone.onnx")


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (None, None),
        (np.array([1, 2, 3], np.float32), [1.0, 2.0, 3.0]),
        (
            np.zeros((3, 13, 11), np.float32),
            {"image": [3, 13, 11], "sha256": hashlib.sha256(bytes(4 * 3 * 13 * 11)).hexdigest()},
        ),
    ],
)
def test_the_preprocessing_is_certified(tmp_path: Path, mean: Any, expected: Any) -> None:
    model = face(preprocessing=Preprocessing("BGR", mean, (1.0, 1.0, 1.0), (13, 11)))
    assert made(tmp_path, model)["network"]["preprocessing"] == {
        "channel_order": "BGR",
        "mean": expected,
        "scale": [1.0, 1.0, 1.0],
        "size": [13, 11],
    }


# Whether two networks are one.


def test_a_network_agrees_with_itself() -> None:
    found = parity.same_network(face(), face())
    assert found == parity.Agreement(
        True,
        False,
        0.0,
        ("5 of 5 layers with weights are equal", "all 12 values agree within 0.0e+00, computed from the same images"),
    )


def rgb(model: Graph) -> Graph:
    return with_params(model, "conv1", weight=model.node("conv1").params["weight"][:, ::-1])


def test_flipped_channels_are_told() -> None:
    means = [np.array(mean, np.float32) for mean in ([93, 104, 129], [129, 104, 93])]
    bgr = face(preprocessing=Preprocessing("BGR", means[0]))
    found = parity.same_network(bgr, rgb(face(preprocessing=Preprocessing("RGB", means[1]))))
    assert found.same
    assert found.channels_swapped
    assert found.difference < 1e-12
    assert found.lines[:3] == (
        "4 of 5 layers with weights are equal",
        "'conv1' is equal with its input channels flipped (BGR for RGB)",
        "their means agree with the channels flipped",
    )
    assert found.lines[3].endswith("computed from images with flipped channels on one side")
    wrong = parity.same_network(bgr, rgb(face(preprocessing=Preprocessing("RGB", means[0]))))
    assert "their means differ even with the channels flipped" in wrong.lines


def test_dense_layers_are_the_convolutions_they_are() -> None:
    dense = graph({"data": (1, 3, 4, 4)}, [("fc", ops.Dense(5), "data"), ("prob", ops.Softmax(), "fc")])
    as_convolution = ops.Convolution(5, (4, 4), ONES, NO_PADS, ONES)
    convolved = graph({"x": (1, 3, 4, 4)}, [("layer1", as_convolution, "x"), ("layer2", ops.Softmax(), "layer1")])
    convolved = with_params(
        convolved,
        "layer1",
        weight=dense.node("fc").params["weight"].reshape(5, 3, 4, 4),
        bias=dense.node("fc").params["bias"],
    )
    found = parity.same_network(dense, convolved)
    assert found.same
    assert "dense on one side, the same as a convolution on the other: 'fc' and 'layer1'" in found.lines


def test_other_weights_are_named() -> None:
    other = with_params(face(), "fc7", weight=face().node("fc7").params["weight"] * 1.01)
    found = parity.same_network(face(), other)
    assert not found.same
    assert "'fc7': weight differs by 0.01 of its largest value" in found.lines
    assert found.lines[-1].startswith("'fc7' and 'fc7' differ by 0.0")


def test_other_settings_show_in_the_values() -> None:
    pool = ops.Pooling((2, 2), (2, 2), NO_PADS, ceil_mode=True, method="average")
    other = replace(face(), nodes=tuple(replace(n, op=pool) if n.name == "pool1" else n for n in face().nodes))
    found = parity.same_network(face(), other)
    assert not found.same
    assert found.lines[0] == "5 of 5 layers with weights are equal"
    assert found.lines[1].startswith("'pool1' and 'pool1' differ")


def test_other_layers_are_told_apart() -> None:
    fewer = graph({"data": (1, 3, 4, 4)}, [("conv", convolution(4), "data"), ("bn", ops.BatchNormalization(), "conv")])
    found = parity.same_network(face(), fewer)
    assert not found.same
    assert found.lines == (
        "the networks have 5 and 2 layers with weights",
        "'conv2' is Convolution, 'bn' is BatchNormalization: from here on they differ",
        "folding batch normalization on both sides (--fold-batch-norm) may make them comparable",
    )


def test_a_size_that_does_not_fit_is_told() -> None:
    smaller = graph({"data": (1, 3, 4, 4)}, [("fc", ops.Dense(5), "data")])
    larger = graph({"data": (1, 3, 8, 2)}, [("fc", ops.Dense(5), "data")])
    assert parity.same_network(smaller, larger).same
    odd = graph({"data": (1, 3, 4, 8)}, [("fc", ops.Dense(5), "data")])
    found = parity.same_network(smaller, odd)
    assert not found.same
    assert "weight has shapes [5, 48] and [5, 96]" in found.lines[1]


def test_vgg_face_of_caffe_and_matconvnet_is_one_network() -> None:
    caffe, matlab = caffe_case("net_vggface_small"), matconvnet_case("net_vggface_caffe")
    first = read_caffe(caffe.prototxt, caffe.weights)
    second = read_matconvnet(matlab.files[0], input_shapes=matlab.input_shapes)
    found = parity.same_network(first, second)
    assert found.same
    assert found.channels_swapped
    assert found.lines[:3] == (
        "15 of 16 layers with weights are equal",
        "'conv1_1' is equal with its input channels flipped (BGR for RGB)",
        "dense on one side, the same as a convolution on the other: 'fc6', 'fc7', 'fc8'",
    )
