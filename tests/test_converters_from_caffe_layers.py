"""Layers that BVLC Caffe's own vectors do not show: forks' types, wiring, training networks, refusals."""

from pathlib import Path

import numpy as np
import pytest

from caffe_files import floats, net, shape, v2_layer
from converters.errors import ConversionError
from converters.from_caffe import read_caffe
from converters.ir import Graph

INPUT = 'layer { name: "input" type: "Input" top: "data" input_param { shape { dim: 2 dim: 4 dim: 6 dim: 5 } } }\n'


def read(folder: Path, text: str, **options) -> Graph:
    path = folder / "net.prototxt"
    path.write_text(text)
    return read_caffe(path, **options)


def layer(
    kind: str,
    settings: str = "",
    bottoms: tuple[str, ...] = ("data",),
    tops: tuple[str, ...] = ("out",),
    name: str = "x",
) -> str:
    wires = " ".join([*(f'bottom: "{b}"' for b in bottoms), *(f'top: "{t}"' for t in tops)])
    return f'layer {{ name: "{name}" type: "{kind}" {wires} {settings} }}\n'


def ones(*dims: int) -> bytes:
    """A blob of ones."""
    return shape(*dims) + floats([1.0] * int(np.prod(dims)))


def computed(folder: Path, text: str, **feeds) -> np.ndarray:
    graph = read(folder, text)
    (out,) = graph.output_values(graph.run(feeds)).values()
    return out


@pytest.fixture
def data() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((2, 4, 6, 5)).astype(np.float32)


def test_permute_appends_the_axes_left_out(tmp_path: Path, data: np.ndarray) -> None:
    out = computed(tmp_path, INPUT + layer("Permute", "permute_param { order: 0 order: 2 }"), data=data)
    assert np.array_equal(out, data.transpose(0, 2, 1, 3))


def test_relu6(tmp_path: Path, data: np.ndarray) -> None:
    assert np.array_equal(computed(tmp_path, INPUT + layer("ReLU6"), data=data * 9), np.clip(data * 9, 0, 6))


def test_shuffle_channel(tmp_path: Path, data: np.ndarray) -> None:
    out = computed(tmp_path, INPUT + layer("ShuffleChannel", "shuffle_channel_param { group: 2 }"), data=data)
    assert np.array_equal(out, data[:, [0, 2, 1, 3]])


def test_axpy_scales_its_second_bottom(tmp_path: Path, data: np.ndarray) -> None:
    text = (
        'layer { name: "input" type: "Input" top: "a" top: "data" top: "y" '
        "input_param { shape { dim: 2 dim: 4 dim: 1 dim: 1 } shape { dim: 2 dim: 4 dim: 6 dim: 5 } "
        "shape { dim: 2 dim: 4 dim: 6 dim: 5 } } }\n"
    )
    factor = np.arange(8, dtype=np.float32).reshape(2, 4, 1, 1)
    out = computed(tmp_path, text + layer("Axpy", bottoms=("a", "data", "y")), a=factor, data=data, y=data**2)
    assert np.allclose(out, factor * data + data**2)


def test_depthwise_layers_have_as_many_groups_as_channels(tmp_path: Path, data: np.ndarray) -> None:
    for kind in ("DepthwiseConvolution", "ConvolutionDepthwise"):
        fill = 'num_output: 4 kernel_size: 3 weight_filler { type: "constant" value: 0.5 } bias_term: false'
        out = computed(tmp_path, INPUT + layer(kind, f"convolution_param {{ {fill} }}"), data=data)
        wanted = 0.5 * sum(data[:, :, y : y + 4, x : x + 3] for y in range(3) for x in range(3))
        assert np.allclose(out, wanted, atol=1e-5)


def test_normalize_has_one_factor_or_one_per_channel(tmp_path: Path, data: np.ndarray) -> None:
    unit = data / np.sqrt((data**2).sum(1, keepdims=True) + 1e-10)
    for shared in ("true", "false"):
        filler = 'scale_filler { type: "constant" value: 20 }'
        settings = f"norm_param {{ across_spatial: false channel_shared: {shared} {filler} }}"
        assert np.allclose(computed(tmp_path, INPUT + layer("Normalize", settings), data=data), 20 * unit, rtol=1e-5)
    whole = data / np.sqrt((data**2).sum((1, 2, 3), keepdims=True) + 1e-10)
    settings = 'norm_param { scale_filler { type: "constant" value: 1 } }'
    assert np.allclose(computed(tmp_path, INPUT + layer("Normalize", settings), data=data), whole, rtol=1e-5)


def test_interp_keeps_corners_on_corners(tmp_path: Path, data: np.ndarray) -> None:
    for settings, size in (("height: 11 width: 9", (11, 9)), ("zoom_factor: 2", (11, 9)), ("shrink_factor: 2", (3, 3))):
        out = computed(tmp_path, INPUT + layer("Interp", f"interp_param {{ {settings} }}"), data=data)
        assert out.shape[2:] == size
        assert np.allclose(
            out[:, :, [0, 0, -1, -1], [0, -1, 0, -1]], data[:, :, [0, 0, -1, -1], [0, -1, 0, -1]], atol=1e-6
        )


def test_upsample_undoes_a_pooling(tmp_path: Path, data: np.ndarray) -> None:
    pool = layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }", tops=("pool", "mask"), name="pool")
    up = layer(
        "Upsample", "upsample_param { scale: 2 upsample_h: 6 upsample_w: 5 }", bottoms=("pool", "mask"), tops=("out",)
    )
    out = computed(tmp_path, INPUT + pool + up, data=data)
    assert out.shape == data.shape
    assert np.array_equal(out[out != 0], data[out != 0])
    assert (out != 0).sum() == 2 * 4 * 3 * 3
    repeated = computed(tmp_path, INPUT + layer("Upsample", "upsample_param { scale: 3 }"), data=data)
    assert np.array_equal(repeated, data.repeat(3, 2).repeat(3, 3))


def test_roi_pooling_by_hand(tmp_path: Path) -> None:
    text = (
        'layer { name: "input" type: "Input" top: "data" top: "rois" '
        "input_param { shape { dim: 1 dim: 1 dim: 4 dim: 4 } shape { dim: 1 dim: 5 } } }\n"
    )
    data = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    rois = np.array([[0, 0, 0, 6, 6]], np.float32)
    settings = "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }"
    out = computed(tmp_path, text + layer("ROIPooling", settings, bottoms=("data", "rois")), data=data, rois=rois)
    assert np.array_equal(out, [[[[5, 7], [13, 15]]]])


def test_prior_boxes_by_hand(tmp_path: Path) -> None:
    text = (
        'layer { name: "input" type: "Input" top: "data" top: "map" '
        "input_param { shape { dim: 1 dim: 3 dim: 100 dim: 200 } shape { dim: 1 dim: 8 dim: 1 dim: 2 } } }\n"
    )
    settings = (
        "prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 4 flip: true clip: false "
        "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }"
    )
    graph = read(tmp_path, text + layer("PriorBox", settings, bottoms=("map", "data")))
    out = graph.run({"data": np.zeros((1, 3, 100, 200), "f"), "map": np.zeros((1, 8, 1, 2), "f")})["out"]
    assert out.shape == (1, 2, 2 * 4 * 4)
    boxes = out[0, 0].reshape(2, 4, 4)
    # Centres (50, 50) and (150, 50); sizes 30x30, sqrt(30 * 60), 60x15 and 15x60.
    assert np.allclose(boxes[0, 0], [35 / 200, 35 / 100, 65 / 200, 65 / 100])
    assert np.allclose(boxes[1, 2], [120 / 200, 42.5 / 100, 180 / 200, 57.5 / 100])
    assert np.allclose(boxes[0, 3], [42.5 / 200, 20 / 100, 57.5 / 200, 80 / 100])
    assert np.allclose(out[0, 1].reshape(-1, 4), [0.1, 0.1, 0.2, 0.2])


def test_detection_output_by_hand(tmp_path: Path) -> None:
    text = (
        'layer { name: "input" type: "Input" top: "loc" top: "conf" top: "prior" '
        "input_param { shape { dim: 1 dim: 12 } shape { dim: 1 dim: 6 } shape { dim: 1 dim: 2 dim: 12 } } }\n"
    )
    settings = (
        "detection_output_param { num_classes: 2 share_location: true background_label_id: 0 "
        "code_type: CENTER_SIZE keep_top_k: 10 confidence_threshold: 0.1 nms_param { nms_threshold: 0.4 top_k: 100 } }"
    )
    priors = np.array([[0.1, 0.1, 0.3, 0.3], [0.11, 0.1, 0.31, 0.3], [0.6, 0.6, 0.8, 0.9]], np.float32)
    prior = np.stack([priors.reshape(-1), np.full(12, 0.1, np.float32)])[None]
    conf = np.array([[0.1, 0.9, 0.2, 0.8, 0.7, 0.3]], np.float32)
    loc = np.zeros((1, 12), np.float32)
    loc[0, 8] = 1.0  # a tenth of the third box's width to the right
    out = computed(
        tmp_path,
        text + layer("DetectionOutput", settings, bottoms=("loc", "conf", "prior")),
        loc=loc,
        conf=conf,
        prior=prior,
    )
    wanted = [[0, 1, 0.9, 0.1, 0.1, 0.3, 0.3], [0, 1, 0.3, 0.62, 0.6, 0.82, 0.9]]
    assert np.allclose(out[0, 0], wanted, atol=1e-6)


def test_in_place_nodes_are_named_after_their_layers(tmp_path: Path) -> None:
    relu = layer("ReLU", tops=("x",), name="first") + layer("TanH", bottoms=("x",), tops=("x",), name="second")
    graph = read(tmp_path, INPUT + relu)
    assert [node.name for node in graph] == ["x", "second"]
    assert dict(graph.outputs) == {"x": "second"}
    assert graph.tensor_names()["second"] == "x"


def test_in_place_after_another_reader_is_refused(tmp_path: Path) -> None:
    text = INPUT + layer("Power", tops=("x",), name="p") + layer("Sigmoid", bottoms=("x",), name="early")
    with pytest.raises(ConversionError, match="net.prototxt:4: layer 'late'.*in place.*'early' reads its old value"):
        read(tmp_path, text + layer("ReLU", bottoms=("x",), tops=("x",), name="late"))


def test_memory_overwritten_under_another_name_is_refused(tmp_path: Path) -> None:
    text = INPUT + layer("Power", tops=("x",), name="p") + layer("Flatten", bottoms=("x",), tops=("flat",), name="f")
    text += layer("ReLU", bottoms=("flat",), tops=("flat",), name="r")
    with pytest.raises(ConversionError, match="layer 'late'.*'x' shares its memory"):
        read(tmp_path, text + layer("Sigmoid", bottoms=("x",), tops=("y",), name="late"))
    assert tuple(read(tmp_path, text).outputs) == ("flat",)


@pytest.mark.parametrize("kind", ["Flatten", "Convolution", "Pooling"])
def test_types_that_cannot_work_in_place_are_refused(tmp_path: Path, kind: str) -> None:
    text = INPUT + layer("Power", tops=("x",), name="p") + layer(kind, bottoms=("x",), tops=("x",))
    with pytest.raises(ConversionError, match=f"layer 'x'.*in place, which {kind} cannot"):
        read(tmp_path, text)


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = (
        INPUT
        + layer("Convolutoin", name="a", tops=("a",))
        + layer("LRN", "lrn_param { local_size: 4 }", name="b", tops=("b",))
    )
    text += layer("Python", name="c", tops=("c",))
    with pytest.raises(ConversionError) as caught:
        read(tmp_path, text)
    first, second, third = sorted(caught.value.problems)
    assert "net.prototxt:2: layer 'a': type 'Convolutoin' cannot be converted; did you mean 'Convolution'?" in first
    assert "net.prototxt:3: layer 'b': local_size is 4, but must be odd" in second
    assert "net.prototxt:4: layer 'c': type 'Python'" in third


def test_an_input_without_a_size_asks_for_one(tmp_path: Path) -> None:
    text = 'input: "data"\n' + layer("ReLU")
    with pytest.raises(ConversionError, match="--input-shape data=1x3x224x224"):
        read(tmp_path, text)
    assert read(tmp_path, text, input_shapes={"data": (1, 2)}).shapes["out"] == (1, 2)
    with pytest.raises(ConversionError, match="no input 'dtaa'.*the inputs are data"):
        read(tmp_path, INPUT + layer("ReLU"), input_shapes={"dtaa": (1, 2)})


def test_weights_that_nobody_can_know_are_asked_for(tmp_path: Path) -> None:
    settings = 'inner_product_param { num_output: 3 weight_filler { type: "xavier" } }'
    with pytest.raises(ConversionError, match="layer 'x'.*no weights are given; name the caffemodel"):
        read(tmp_path, INPUT + layer("InnerProduct", settings))


def test_constant_fillers_are_used_and_said(tmp_path: Path, data: np.ndarray) -> None:
    settings = (
        'inner_product_param { num_output: 3 weight_filler { type: "constant" value: 2 } bias_filler { value: 1 } }'
    )
    graph = read(tmp_path, INPUT + layer("InnerProduct", settings))
    assert np.allclose(graph.run({"data": data})["out"], 2 * data.reshape(2, -1).sum(1)[:, None] + 1, atol=1e-3)
    assert [warning.split(": ", 2)[2] for warning in graph.warnings] == [
        "array 0 is not in the weights and keeps its filler (constant 2), as in Caffe",
        "array 1 is not in the weights and keeps its filler (constant 1), as in Caffe",
    ]


def test_types_of_their_own_default_fillers(tmp_path: Path, data: np.ndarray) -> None:
    assert np.allclose(computed(tmp_path, INPUT + layer("PReLU"), data=data), np.where(data > 0, data, data / 4))
    assert np.array_equal(computed(tmp_path, INPUT + layer("Scale"), data=data), data)


def test_settings_without_effect_are_said(tmp_path: Path) -> None:
    graph = read(tmp_path, INPUT + layer("ReLU", "pooling_param { kernel_size: 3 }"))
    assert graph.warnings == (
        f"{tmp_path / 'net.prototxt'}:2: layer 'x': pooling_param has no effect here, as in Caffe",
    )


TRAINING = """
layer { name: "faces" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 8 mean_value: 93.5 mean_value: 104.7 mean_value: 129.1 scale: 0.5 }
  data_param { batch_size: 7 } }
layer { name: "cut" type: "Slice" bottom: "label" top: "age" top: "gender" slice_param { slice_point: 1 } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { global_pooling: true } }
layer { name: "lossa" type: "SoftmaxWithLoss" bottom: "pool" bottom: "age" top: "lossa" }
layer { name: "acc" type: "Accuracy" bottom: "pool" bottom: "age" top: "acc" }
layer { name: "sum" type: "Eltwise" bottom: "lossa" bottom: "acc" top: "sum" }
layer { name: "quiet" type: "Silence" bottom: "gender" }
"""


def test_training_network_becomes_its_deploy_form(tmp_path: Path) -> None:
    graph = read(tmp_path, TRAINING)
    assert dict(graph.inputs) == {"data": (7, 3, 8, 8)}
    assert [node.name for node in graph] == ["pool", "prob"]
    assert dict(graph.outputs) == {"prob": "prob"}
    known = graph.preprocessing
    assert known.channel_order == "BGR"
    assert known.mean is not None
    assert np.allclose(known.mean, [93.5, 104.7, 129.1])
    assert (known.scale, known.size) == ((0.5,) * 3, (8, 8))


def test_two_losses_leave_a_softmax_each(tmp_path: Path) -> None:
    more = 'layer { name: "r" type: "Power" bottom: "pool" top: "r" }\n'
    more += 'layer { name: "lossg" type: "SoftmaxWithLoss" bottom: "r" bottom: "gender" top: "lossg" }\n'
    graph = read(tmp_path, TRAINING.replace('layer { name: "quiet" type: "Silence" bottom: "gender" }', "") + more)
    assert tuple(graph.outputs) == ("pool_prob", "r_prob")


def test_a_layer_that_mixes_data_and_labels_is_refused(tmp_path: Path) -> None:
    text = TRAINING + 'layer { name: "mix" type: "Eltwise" bottom: "pool" bottom: "age" top: "mix" }\n'
    with pytest.raises(ConversionError, match="layer 'mix'.*reads labels or losses \\(age\\)"):
        read(tmp_path, text)


def test_a_data_layer_without_a_size_asks_for_one(tmp_path: Path) -> None:
    text = TRAINING.replace("crop_size: 8", "")
    with pytest.raises(ConversionError, match="layer 'faces'.*--input-shape data=1x3x224x224"):
        read(tmp_path, text)
    assert dict(read(tmp_path, text, input_shapes={"data": (1, 3, 9, 9)}).inputs) == {"data": (1, 3, 9, 9)}


def test_holes_are_dilations(tmp_path: Path, data: np.ndarray) -> None:
    fill = 'num_output: 4 kernel_size: 2 weight_filler { type: "constant" value: 0.5 }'
    wanted = computed(tmp_path, INPUT + layer("Convolution", f"convolution_param {{ {fill} dilation: 3 }}"), data=data)
    assert wanted.shape == (2, 4, 3, 2)
    for hole in ("hole: 3", "hole_h: 3 hole_w: 3"):
        out = computed(tmp_path, INPUT + layer("Convolution", f"convolution_param {{ {fill} {hole} }}"), data=data)
        assert np.array_equal(out, wanted)
    with pytest.raises(ConversionError, match="either dilation or hole"):
        read(tmp_path, INPUT + layer("Convolution", f"convolution_param {{ {fill} hole: 3 dilation: 3 }}"))


@pytest.mark.parametrize("kind", ["Dropout", "BatchNorm"])
def test_layers_that_always_train_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConversionError, match=f"layer 'x': says phase: TRAIN of itself.*this {kind} always trains"):
        read(tmp_path, INPUT + layer(kind, "phase: TRAIN"))
    assert read(tmp_path, INPUT + layer("Dropout", "phase: TEST")).warnings == ()


def test_weights_of_another_network_are_shown_side_by_side(tmp_path: Path) -> None:
    settings = "inner_product_param { num_output: 3 }"
    text = INPUT + layer("InnerProduct", settings, name="a") + layer("InnerProduct", settings, ("out",), ("b",), "b")
    weights = tmp_path / "w.caffemodel"
    good = v2_layer("a", "InnerProduct", ones(3, 120), ones(3))
    weights.write_bytes(net(good, v2_layer("b", "InnerProduct", ones(3, 4))))
    with pytest.raises(ConversionError) as caught:
        read(tmp_path, text, weights=weights)
    shape, missing, table = caught.value.problems
    assert "net.prototxt:3: layer 'b': array 0 has shape [3, 4] in the weights, the network wants [3, 3]" in shape
    assert "layer 'b': array 1 is missing: the weights hold 1 for this layer" in missing
    assert [line.split() for line in table.splitlines()[2:]] == [
        ["a", "[3,", "120]", "[3]", "[3,", "120]", "[3]"],
        ["b", "[3,", "3]", "[3]", "[3,", "4]", "<-", "differs"],
    ]
