"""Batch normalization under audit: of two layers, of one, folded into a convolution; and biases that are not there."""

from pathlib import Path

import h5py
import numpy as np

from audit_cases import against_tiny, kinds, npz, verdicts
from audited_files import Layers, blob, caffe_form, tiny
from caffe_files import net, v2_layer
from converters import ops, read_caffe
from converters.audit.auditing import audit, audited
from converters.audit.reading.opening import read_tensors
from converters.ir import Graph, Preprocessing
from converters.options import Options
from small_graphs import convolution, graph, with_params


def normalized() -> Graph:
    """Convolution without a bias, batch normalization and scale as Caffe has them, twice; then a dense layer."""
    return graph(
        {"data": (1, 3, 8, 8)},
        [
            ("conv1", convolution(4, bias=False), "data"),
            ("bn1", ops.BatchNormalization(1e-5), "conv1"),
            ("scale1", ops.Scale(bias=True), "bn1"),
            ("relu1", ops.ReLU(), "scale1"),
            ("conv2", convolution(6, bias=False), "relu1"),
            ("bn2", ops.BatchNormalization(1e-5), "conv2"),
            ("scale2", ops.Scale(bias=True), "bn2"),
            ("fc", ops.Dense(5), "scale2"),
        ],
        preprocessing=Preprocessing("BGR", np.float32([1, 2, 300]), (0.5, 0.5, 0.5)),
    )


def as_torch(model: Graph) -> Layers:
    params = {node.name: dict(node.params) for node in model if node.params}
    return {
        "conv1": params["conv1"],
        "bn1": {
            "weight": params["scale1"]["scale"], "bias": params["scale1"]["bias"],
            "running_mean": params["bn1"]["mean"], "running_var": params["bn1"]["variance"],
            "num_batches_tracked": np.int64(7),
        },
        "conv2": params["conv2"],
        "bn2": {
            "weight": params["scale2"]["scale"], "bias": params["scale2"]["bias"],
            "running_mean": params["bn2"]["mean"], "running_var": params["bn2"]["variance"],
            "num_batches_tracked": np.int64(7),
        },
        "fc": params["fc"],
    }  # fmt: skip


def test_a_normalization_of_four_arrays_is_that_of_caffes_two_layers(tmp_path: Path) -> None:
    path = npz(tmp_path / "net.npz", as_torch(normalized()))
    found = audited(read_tensors(path), normalized(), "net")
    assert found.same and set(verdicts(found)) == {"identical"}
    assert found.left_out == (
        "2 counters or single numbers are left out: bn1.num_batches_tracked, bn2.num_batches_tracked",
    )


def test_normalization_folded_into_the_convolutions(tmp_path: Path) -> None:
    layers: Layers = {"fc": dict(normalized().node("fc").params)}
    for number in (1, 2):
        params = {kind: normalized().node(f"{kind}{number}").params for kind in ("conv", "bn", "scale")}
        factor = params["scale"]["scale"] / np.sqrt(params["bn"]["variance"].astype(np.float64) + 1e-5)
        layers[f"conv{number}"] = {
            "weight": (params["conv"]["weight"] * factor[:, None, None, None]).astype(np.float32),
            "bias": (params["scale"]["bias"] - params["bn"]["mean"] * factor).astype(np.float32),
        }
    found = audited(read_tensors(npz(tmp_path / "net.npz", layers)), normalized(), "net")
    assert found.same and verdicts(found) == {"rearranged": ["conv1", "conv2"], "identical": ["fc"]}
    assert kinds(found, "conv1") == {"folded"}


def test_a_bias_that_the_network_has_not_is_no_small_matter(tmp_path: Path) -> None:
    layers = as_torch(normalized())
    layers["conv1"]["bias"] = np.zeros(4, np.float32)
    found = audited(read_tensors(npz(tmp_path / "zeros.npz", layers)), normalized(), "net")
    assert found.same and any("1 biases of zeros" in line for line in found.left_out)
    layers["conv1"]["bias"] = np.float32([1, 2, 3, 4])
    found = audited(read_tensors(npz(tmp_path / "net.npz", layers)), normalized(), "net")
    assert not found.same and [extra.name for extra in found.extras] == ["conv1.bias"]


def test_a_missing_bias_counts_unless_the_networks_is_zero(tmp_path: Path) -> None:
    layers = caffe_form()
    del layers["fc7"]["bias"]
    found = against_tiny(npz(tmp_path / "net.npz", layers))
    assert not found.same and verdicts(found)["different"] == ["fc7"]
    assert "1 of 16 layers differs, first fc7 (without its bias)" in found.conclusion
    model = with_params(tiny(), next(n.name for n in tiny() if n.layer == "fc7"), bias=np.zeros(256, np.float32))
    assert audited(read_tensors(tmp_path / "net.npz"), model, "net").same


def test_normalization_of_a_caffemodel_and_of_keras(tmp_path: Path) -> None:
    """From files to the verdict: Caffe's BatchNorm with its factor and a Scale, against Keras' one layer."""
    shapes = "input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }"
    (tmp_path / "net.prototxt").write_text(
        f'name: "n" input: "data" {shapes}\n'
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        "convolution_param { num_output: 2 kernel_size: 3 bias_term: false } }\n"
        'layer { name: "bn" type: "BatchNorm" bottom: "c" top: "bn" }\n'
        'layer { name: "s" type: "Scale" bottom: "bn" top: "s" scale_param { bias_term: true } }\n'
    )
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 1, (2, 3, 3, 3)).astype(np.float32)
    mean, variance, scale, bias = (rng.uniform(1, 2, 2).astype(np.float32) for _ in range(4))
    two = np.float32([2.0])
    weights = [
        v2_layer("c", "Convolution", blob(kernel)),
        v2_layer("bn", "BatchNorm", blob(mean * 2), blob(variance * 2), blob(two)),
        v2_layer("s", "Scale", blob(scale), blob(bias)),
    ]
    (tmp_path / "net.caffemodel").write_bytes(net(*weights))
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = kernel.transpose(2, 3, 1, 0)
        for place, array in enumerate((scale, bias, mean, variance)):
            file[f"layers/batch_normalization/vars/{place}"] = array
    reference = [str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")]
    assert read_caffe(*reference).parameter_count() == 62
    found = audit(str(tmp_path / "net.weights.h5"), reference, Options())
    assert found.same and verdicts(found) == {"rearranged": ["c"], "identical": ["bn", "s"]}
