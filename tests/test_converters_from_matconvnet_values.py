"""What no vector shows, compared with NumPy in MATLAB's order of axes, H x W x C x N."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases import channels_first
from converters.errors import ConversionError
from converters.from_matconvnet import read_matconvnet
from matconvnet_cases import difference, normal
from matlab_files import Array, block, cell, dagnn, simplenn

RNG = np.random.default_rng(20150401)
maps = partial(normal, RNG)


def run_blocks(
    tmp_path: Path, layers: list[Any], inputs: dict[str, Array], params: dict[str, Array] | None = None
) -> dict[str, Array]:
    """Feed H x W x C x N arrays and return every variable as such."""
    fed = {name: channels_first(array) for name, array in inputs.items()}
    path = dagnn(tmp_path / "m.mat", layers, params)
    graph = read_matconvnet(path, input_shapes={name: array.shape for name, array in fed.items()})
    return {name: value.transpose(2, 3, 1, 0) for name, value in graph.run(fed).items() if value.ndim == 4}


def test_a_negative_or_missing_sigma(tmp_path: Path) -> None:
    x = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
    gain, bias, mean = (RNG.standard_normal(3).astype(np.float32) for _ in range(3))
    sigma = np.array([0.5, -2, 3], np.float32)

    def write(moments: Array) -> Path:
        return simplenn(tmp_path / "m.mat", [{"name": "b", "type": "bnorm", "weights": cell([gain, bias, moments])}])

    columns = write(np.stack([mean, sigma], 1))
    got = read_matconvnet(columns, input_shapes={"data": x.shape}).run({"data": x})["b"]
    wanted = gain[:, None, None] * (x - mean[:, None, None]) / sigma[:, None, None] + bias[:, None, None]
    assert difference(got, wanted) < 1e-6
    flat = read_matconvnet(write(np.concatenate([mean, sigma])[:, None]), input_shapes={"data": x.shape})
    assert np.array_equal(flat.run({"data": x})["b"], got)
    with pytest.raises(ConversionError, match="sigma of channel 2 is -0, which leaves Inf, NaN or 0 in the output"):
        read_matconvnet(write(np.stack([mean, sigma * [1, 0, 1]], 1)), input_shapes={"data": x.shape})


def test_a_weights_cell_of_one_array_has_no_bias(tmp_path: Path) -> None:
    filters = maps(1, 1, 2, 3)
    layers = [
        {"name": "new", "type": "conv", "weights": cell([filters])},
        {"name": "old", "type": "conv", "filters": maps(1, 1, 3, 2)},
    ]
    graph = read_matconvnet(simplenn(tmp_path / "m.mat", layers), input_shapes={"data": (1, 2, 4, 4)})
    assert [list(node.params) for node in graph] == [["weight"], ["weight"]]
    assert np.array_equal(graph.node("new").params["weight"], filters.transpose(3, 2, 0, 1))


def test_leak_below_zero_counts_in_a_dagnn_only(tmp_path: Path) -> None:
    x = RNG.standard_normal((1, 2, 3, 4)).astype(np.float32)
    simple = simplenn(tmp_path / "s.mat", [{"name": "y", "type": "relu", "leak": -0.5}])
    graph = dagnn(tmp_path / "d.mat", [block("r", "ReLU", ["data"], ["y"], leak=-0.5)])
    got = [read_matconvnet(path, input_shapes={"data": x.shape}).run({"data": x})["y"] for path in (simple, graph)]
    assert np.array_equal(got[0], np.maximum(x, 0))
    assert np.allclose(got[1], np.where(x > 0, x, -0.5 * x))


def test_options_of_the_first_dagnns(tmp_path: Path) -> None:
    x = maps(3, 4, 2, 1)
    harmless = cell(["cuDNN", "CudnnWorkspaceLimit", 2.0**31, "NoDerData"])
    layers = [
        block("a", "ReLU", ["x"], ["y"], opts=cell(["Leak", 0.25]), leak=0.5),
        block("b", "Conv", ["x"], ["z"], ["f"], hasBias=False, opts=harmless),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": maps(1, 1, 2, 2)})
    assert np.array_equal(got["y"], np.where(x > 0, x, 0.25 * x))
    layers[1]["block"]["opts"] = cell(["cuDNN", "Dilate", 2.0])
    with pytest.raises(ConversionError, match="opts holds the option 'dilate', which is not read from there"):
        run_blocks(tmp_path, layers, {"x": x}, {"f": maps(1, 1, 2, 2)})


def test_roi_pooling_by_mean_with_a_scale_and_flattened(tmp_path: Path) -> None:
    x = maps(9, 8, 3, 2)
    rois = np.array([[1, 1, 1, 32, 20], [2, 5, 9, 60, 70], [1, 17, 33, 18, 34], [2, 100, 100, 140, 140]], np.float32).T
    layers = [
        block("m", "ROIPooling", ["x", "r"], ["mean"], method="avg", subdivisions=[2.0, 3], transform=0.25),
        block("f", "ROIPooling", ["x", "r"], ["flat"], subdivisions=[2.0, 3], transform=[0.25, 0.125], flatten=True),
        block(
            "s", "ROIPooling", ["x", "r"], ["same"], subdivisions=2.0, transform=[[0.25, 0, 0.75], [0, 0.125, 0.875]]
        ),
        block("a", "ROIPooling", ["x", "r"], ["axes"], subdivisions=[2.0, 2], transform=[0.25, 0.125]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x, "r": rois.reshape(1, 1, 5, 4, order="F")})
    flat = roi_reference(x, rois, (2, 3), (0.25, 0.125), np.max).reshape(1, 1, -1, 4, order="F")
    assert difference(got["mean"], roi_reference(x, rois, (2, 3), (0.25, 0.25), np.mean)) < 1e-6
    assert difference(got["flat"], flat) < 1e-6
    assert np.array_equal(got["same"], got["axes"])
    matrix = run_blocks(tmp_path, layers[:1], {"x": x, "r": rois.reshape(5, 4, 1, 1)})
    assert np.array_equal(matrix["mean"], got["mean"])


def roi_reference(x: Array, rois: Array, size: tuple[int, int], scales: tuple[float, float], summary: Any) -> Array:
    """vl_nnroipool on a matrix of 5 x count, loop by loop."""
    y = np.zeros((*size, x.shape[2], rois.shape[1]))
    for number, (image, *corners) in enumerate(rois.T):
        u1, v1, u2, v2 = (
            int(np.floor(s * (c - 1) + 1 + 0.5)) - 1 for c, s in zip(corners, (*scales, *scales), strict=True)
        )
        spans = []
        for first, last, bins, limit in ((v1, v2, size[0], x.shape[0]), (u1, u2, size[1], x.shape[1])):
            width = max(last - first + 1, 1) / bins
            edges = [(int(np.floor(b * width)) + first, int(np.ceil((b + 1) * width)) + first) for b in range(bins)]
            spans.append([(min(max(low, 0), limit), min(max(high, 0), limit)) for low, high in edges])
        for row, (top, bottom) in enumerate(spans[0]):
            for column, (left, right) in enumerate(spans[1]):
                window = x[top:bottom, left:right, :, int(image) - 1]
                if window.size:
                    y[row, column, :, number] = summary(window, axis=(0, 1))
    return y


def test_two_paddings_of_a_block_are_rows_and_columns(tmp_path: Path) -> None:
    x, filters = maps(5, 6, 2, 1), maps(3, 3, 2, 4)
    layers = [
        block("c", "Conv", ["x"], ["two"], ["f"], pad=[1.0, 2], hasBias=False),
        block("d", "Conv", ["x"], ["four"], ["f"], pad=[1.0, 1, 2, 2], hasBias=0.0, dilate=np.zeros((0, 0))),
        block("t", "ConvTranspose", ["four"], ["back"], ["t"], crop=[1.0, 2], hasBias=False, upsample=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": filters, "t": maps(3, 3, 2, 4)})
    assert got["two"].shape == (5, 8, 4, 1)
    assert np.array_equal(got["two"], got["four"])
    assert got["back"].shape == (5, 6, 2, 1)


def test_uniform_scaling_grid_and_grids_of_one_row(tmp_path: Path) -> None:
    theta, affine = maps(1, 1, 3, 2), maps(1, 1, 6, 2)
    layers = [
        block("u", "UniformScalingGridGenerator", ["t"], ["grid"], Ho=4.0, Wo=5.0),
        block("o", "AffineGridGenerator", ["a"], ["row"], Ho=1.0, Wo=5.0),
        block("p", "AffineGridGenerator", ["a"], ["column"], Ho=3.0, Wo=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"t": theta, "a": affine})
    y, x = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 5), indexing="ij")
    scale, down, right = theta[0, 0]
    wanted = np.stack([scale * y[..., None] + down, scale * x[..., None] + right])
    assert difference(got["grid"], wanted) < 1e-6
    c = affine[0, 0]
    along = np.linspace(-1, 1, 5)[:, None]
    row = np.stack([c[0] + c[1] * along + c[4], c[2] + c[3] * along + c[5]])[:, None]
    assert difference(got["row"], row) < 1e-6
    along = np.linspace(-1, 1, 3)[:, None]
    column = np.stack([c[0] * along + c[1] + c[4], c[2] * along + c[3] + c[5]])[:, :, None]
    assert difference(got["column"], column) < 1e-6


def test_slice_and_concat_count_axes_from_one(tmp_path: Path) -> None:
    x = maps(2, 3, 7, 4)
    layers = [
        block("s", "Slice", ["x"], ["a", "b", "c"], slicePoint=[2.0, 3]),
        block("n", "Slice", ["x"], ["d", "e"], dim=4.0, slicePoint=1.0),
        block("w", "Concat", ["a", "a"], ["wide"], dim=2.0),
        block("m", "Concat", ["d", "e"], ["many"], dim=4.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    for name, part in (("a", x[:, :, :2]), ("b", x[:, :, 2:3]), ("c", x[:, :, 3:]), ("d", x[..., :1]), ("many", x)):
        assert np.array_equal(got[name], part), name
    assert np.array_equal(got["wide"], np.concatenate([x[:, :, :2]] * 2, 1))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_flatten_goes_column_by_column_to_any_axis(tmp_path: Path, axis: int) -> None:
    x = maps(2, 3, 4, 5)
    got = run_blocks(tmp_path, [block("f", "Flatten", ["x"], ["y"], axis=float(axis), firstAxis=1.0)], {"x": x})
    size = [1, 1, 1, 5]
    size[axis - 1] = 24
    assert np.array_equal(got["y"], x.reshape(size, order="F"))


def test_permute_and_reshape_as_matlab_does(tmp_path: Path) -> None:
    x = maps(2, 3, 4, 5)
    layers = [
        block("a", "Permute", ["x"], ["p"], order=[3.0, 1, 2, 4]),
        block("b", "Permute", ["x"], ["q"], order=[4.0, 3, 2, 1]),
        block("c", "Reshape", ["x"], ["r"], shape=[0.0, -1, 2]),
        block("d", "Reshape", ["x"], ["s"], shape=cell([[], 2.0, 1.0])),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    assert np.array_equal(got["p"], x.transpose(2, 0, 1, 3))
    assert np.array_equal(got["q"], x.transpose(3, 2, 1, 0))
    assert np.array_equal(got["r"], x.reshape(2, 6, 2, 5, order="F"))
    assert np.array_equal(got["s"], x.reshape(12, 2, 1, 5, order="F"))


@pytest.mark.parametrize(
    "size", [(1, 1, 4), (5, 6), (5, 6, 4), (1, 6), (5, 1), (5, 1, 4), (1, 6, 4), (1, 1), (1, 1, 4, 2), (5, 6, 4, 2)]
)
def test_scale_repeats_singleton_axes(tmp_path: Path, size: tuple[int, ...]) -> None:
    x, factor, shift = maps(5, 6, 4, 2), maps(*size), maps(1, 1, 4)
    layers = [
        block("p", "Scale", ["x"], ["scaled"], ["f"], hasBias=False),
        block("b", "Scale", ["x"], ["shifted"], ["f", "s"]),
        block("r", "Scale", ["x"], ["other"], ["s", "f"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"f": factor, "s": shift})
    full = factor.reshape(size + (1,) * (4 - len(size)))
    assert np.array_equal(got["scaled"], x * full)
    assert difference(got["shifted"], x * full + shift[..., None]) < 1e-6
    assert difference(got["other"], x * shift[..., None] + full) < 1e-6


def test_values_of_different_sizes_meet(tmp_path: Path) -> None:
    x, weight, y = maps(5, 6, 4, 2), maps(1, 1, 4, 2), maps(5, 6, 4, 2)
    layers = [
        block("s", "Sum", ["w", "x", "y"], ["sum"]),
        block("f", "Scale", ["w", "x"], ["product"], hasBias=False),
        block("a", "Axpy", ["w", "x", "y"], ["axpy"], pad=[0.0, 0, 0, 0], stride=[1.0, 1]),
        block("b", "Scale", ["x", "w", "y"], ["same"]),
        block("m", "Max", ["x", "y"], ["max"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x, "w": weight, "y": y})
    assert difference(got["sum"], weight + x + y) < 1e-6
    assert np.array_equal(got["product"], weight * x)
    assert difference(got["axpy"], weight * x + y) < 1e-6
    assert np.array_equal(got["same"], got["axpy"])
    assert np.array_equal(got["max"], np.maximum(x, y))


def test_normalizations_of_blocks(tmp_path: Path) -> None:
    x, scales = maps(5, 6, 4, 2), maps(1, 1, 4)
    layers = [
        block("s", "SpatialNorm", ["x"], ["spatial"]),
        block("o", "NormOffset", ["x"], ["offset"]),
        block("n", "Normalize", ["x"], ["each"], ["w"], channelShared=False, acrossSpatial=[]),
        block("m", "Normalize", ["x"], ["one"], ["v"], channelShared=True),
        block("u", "L2Norm", ["x"], ["unit"], param=0.5),
        block("l", "LRN", ["x"], ["lrn"], param=[2.0, 0.5, 2, 0.75]),
        block("t", "SoftMaxTranspose", ["x"], ["rows"], dim=1.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x}, {"w": scales, "v": maps(1, 1)})
    squares, lengths = x**2, np.sqrt((x**2).sum(2, keepdims=True))
    means = np.stack([[squares[r : r + 2, c : c + 2].mean((0, 1)) for c in range(6)] for r in range(5)])
    assert difference(got["spatial"], x * (1 + 10 * means) ** -2.0) < 1e-5
    assert difference(got["offset"], x - np.maximum(lengths, 1e-4)) < 1e-6
    assert difference(got["each"], scales[..., None] * x / lengths) < 1e-6
    assert difference(got["unit"], x / np.sqrt(lengths**2 + 0.5)) < 1e-6
    windows = np.concatenate([squares[:, :, :-1] + squares[:, :, 1:], squares[:, :, -1:]], 2)
    assert difference(got["lrn"], x * (0.5 + 2 * windows) ** -0.75) < 1e-6
    assert difference(got["rows"], np.exp(x) / np.exp(x).sum(0)) < 1e-6


def test_caffe_pooling_counts_the_padding_even_a_large_one(tmp_path: Path) -> None:
    x = maps(4, 5, 2, 1)
    layers = [
        block(
            "a", "CaffePooling", ["x"], ["mean"], method="avg", poolSize=[2.0, 2], pad=[2.0, 2, 2, 2], stride=[1.0, 1]
        ),
        block("m", "CaffePooling", ["x"], ["max"], poolSize=[2.0, 2], pad=[1.0, 0, 1, 0], stride=[2.0, 2]),
        block("g", "GlobalPooling", ["x"], ["global"]),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    padded = np.pad(x, ((2, 2), (2, 2), (0, 0), (0, 0)))
    means = sum(padded[r : r + 7, c : c + 8] for r in range(2) for c in range(2)) / 4
    assert difference(got["mean"], means) < 1e-6
    shifted = np.pad(x, ((1, 0), (1, 0), (0, 0), (0, 0)))
    tops = np.max([shifted[r : r + 3 : 2, c : c + 5 : 2] for r in range(2) for c in range(2)], 0)
    assert np.array_equal(got["max"], tops)
    assert difference(got["global"], x.mean((0, 1), keepdims=True)) < 1e-6


def test_interp_resizes_with_corners_on_corners(tmp_path: Path) -> None:
    x = maps(4, 5, 2, 1)
    layers = [
        block("z", "Interp", ["x"], ["zoomed"], zoomFactor=2.0),
        block("s", "Interp", ["x"], ["shrunk"], shrinkFactor=2.0, zoomFactor=1.0, padBeg=0.0, padEnd=0.0),
    ]
    got = run_blocks(tmp_path, layers, {"x": x})
    assert (got["zoomed"].shape, got["shrunk"].shape) == ((7, 9, 2, 1), (3, 3, 2, 1))
    assert np.allclose(got["zoomed"][::2, ::2], x)
    assert np.allclose(got["zoomed"][1::2, ::2], (x[:-1] + x[1:]) / 2, atol=1e-6)
    assert np.allclose(got["shrunk"][:, :, 0, 0][::2, ::2], x[::3, ::4, 0, 0])


def test_crop_never_takes_more_than_there_is(tmp_path: Path) -> None:
    large, small = maps(8, 8, 2, 1), maps(6, 5, 1, 1)
    path = dagnn(tmp_path / "m.mat", [block("c", "Crop", ["l", "s"], ["y"], crop=[1.0, 5])])
    fed = {"l": channels_first(large), "s": channels_first(small)}
    graph = read_matconvnet(path, input_shapes={name: array.shape for name, array in fed.items()})
    assert np.array_equal(graph.run(fed)["y"], channels_first(large[1:7, 3:8]))
    assert "crop [1, 5] is cut down to [1, 3] at this input size" in graph.warnings[0]
