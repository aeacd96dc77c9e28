from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cases import caffe_case
from converters import ops, passes
from converters.errors import ConversionError, ShapeError, UnsupportedError
from converters.from_caffe import read_caffe
from converters.ir import Graph, Preprocessing
from converters.ops import Op
from converters.roles import image_inputs, map_inputs
from op_values import assert_close
from small_graphs import NO_PADS, ONES, PADS, convolution, face, graph, images, with_node, with_params

PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve")


def outputs_equal(got: Graph, expected: Graph, tolerance: float = 1e-6) -> None:
    """Hold the outputs of two networks together, whatever axes of size 1 they end in."""
    feeds = images(expected)
    ours, theirs = (g.output_values(g.run(feeds)) for g in (got, expected))
    assert len(ours) == len(theirs)
    for a, b in zip(ours.values(), theirs.values(), strict=True):
        assert_close(a.reshape(b.shape), b, tolerance)


@pytest.mark.parametrize(
    ("name", "value", "nodes"),
    [("conv2", "conv2", 4), ("relu2", "relu2", 5), ("pool2", "pool2", 6), ("fc7", "fc7", 10), ("fc8", "fc8", 13)],
)
def test_a_cut_ends_the_network_at_the_node(name: str, value: str, nodes: int) -> None:
    model = face()
    part = passes.cut(model, [name])
    assert dict(part.outputs) == {name: value}
    assert len(part.nodes) == nodes
    feeds = images(model)
    np.testing.assert_array_equal(part.run(feeds)[value], model.run(feeds)[value])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("fc7", "'fc7' is the value before relu7 (ReLU); --cut relu7 ends after it"),
        ("relu7", "'relu7' is the value after its ReLU; --cut fc7 ends before it"),
        ("fc8", "'fc8' is the value before prob (Softmax); --cut prob ends after it"),
    ],
)
def test_a_cut_says_on_which_side_of_the_activation_it_is(name: str, note: str) -> None:
    assert passes.cut(face(), [name]).warnings == (note,)


def test_a_cut_after_pooling_needs_no_note() -> None:
    assert passes.cut(face(), ["pool2"]).warnings == ()


def test_several_cuts_become_several_outputs_in_the_order_asked_for() -> None:
    part = passes.cut(face(), ["fc7", "pool1"])
    assert list(part.outputs) == ["fc7", "pool1"]
    assert part.nodes[-1].name == "fc7"


def test_a_cut_drops_what_nothing_needs_any_more() -> None:
    model = graph(
        {"a": (1, 3), "b": (1, 3)},
        [("da", ops.Dense(2), "a"), ("db", ops.Dense(2), "b"), ("sum", ops.Sum(), "da db")],
        aliases={"x": "da", "y": "db"},
        input_dtypes={"b": "uint8"},
    )
    part = passes.cut(model, ["da"])
    assert list(part.inputs) == ["a"]
    assert dict(part.aliases) == {"x": "da"}
    assert dict(part.input_dtypes) == {}


def test_a_cut_at_an_alias_is_named_after_it() -> None:
    model = replace(face(), aliases={"embedding": "relu7"})
    assert dict(passes.cut(model, ["embedding"]).outputs) == {"embedding": "relu7"}


def test_a_cut_at_a_layer_of_several_nodes_ends_at_its_last() -> None:
    model = graph(
        {"data": (1, 3, 4, 4)},
        [
            ("norm/unit", ops.L2Normalization(), "data"),
            ("scaled", ops.Scale(), "norm/unit"),
            ("r", ops.ReLU(), "scaled"),
        ],
    )
    model = with_node(with_node(model, "norm/unit", layer="norm"), "scaled", layer="norm")
    assert dict(passes.cut(model, ["norm"]).outputs) == {"norm": "scaled"}


def test_a_cut_at_a_layer_of_several_outputs_asks_which() -> None:
    model = graph(
        {"data": (1, 4)},
        [("a", ops.Slice(1, 0, 2), "data"), ("b", ops.Slice(1, 2, None), "data"), ("sum", ops.Sum(), "a b")],
    )
    model = with_node(with_node(model, "a", layer="cutter"), "b", layer="cutter")
    with pytest.raises(ConversionError, match="layer 'cutter' has 2 outputs, name one of them: a, b"):
        passes.cut(model, ["cutter"])


def test_all_wrong_names_are_reported_at_once_with_the_nearest() -> None:
    with pytest.raises(ConversionError) as caught:
        passes.cut(face(), ["fc9", "data", "relu_7"])
    first, second, third = caught.value.problems
    assert first.startswith("there is no value or layer 'fc9'; did you mean 'fc")
    assert "(near it: fc" in first
    assert second == "'data' is an input of the network: nothing would be left"
    assert "did you mean 'relu7'?" in third


def test_one_value_cannot_be_two_outputs() -> None:
    model = replace(face(), aliases={"embedding": "relu7"})
    with pytest.raises(ConversionError, match="'embedding' and 'relu7' are the same value"):
        passes.cut(model, ["embedding", "relu7"])


@pytest.mark.parametrize(("name", "kept"), [("prob", True), ("fc8", True), ("fc7", False), ("pool2", False)])
def test_labels_stay_with_the_classes(name: str, *, kept: bool) -> None:
    part = passes.cut(replace(face(), labels=PEOPLE), [name])
    assert part.labels == (PEOPLE if kept else ())


def test_five_channels_are_not_the_classes_because_there_are_five_labels() -> None:
    model = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(5), "data"), ("fc", ops.Dense(5), "conv"), ("prob", ops.Softmax(), "fc")],
        labels=PEOPLE,
    )
    assert passes.cut(model, ["conv"]).labels == ()
    assert passes.cut(model, ["fc"]).labels == PEOPLE


@pytest.mark.parametrize("name", ["conv5_3", "pool5", "fc7", "fc8"])
def test_vgg_face_can_be_cut_where_people_cut_it(name: str) -> None:
    case = caffe_case("net_vggface_small")
    model = read_caffe(case.prototxt, case.weights)
    part = passes.cut(model, [name])
    own = next(step.value for step in case.steps if step.layer == name)
    assert_close(part.output_values(part.run(case.inputs))[name], own)


@pytest.mark.parametrize("name", ["pool2", "fc7"])
def test_embeddings_become_unit_vectors_per_image(name: str) -> None:
    part = passes.l2_normalize(passes.cut(face(labels=PEOPLE), [name]))
    assert list(part.outputs) == [f"{name}_normalized"]
    assert part.labels == ()
    feeds = images(part)
    embedding = part.output_values(part.run(feeds))[f"{name}_normalized"]
    plain = part.run(feeds)[name]
    lengths = np.sqrt(np.square(plain).sum(tuple(range(1, plain.ndim)), keepdims=True))
    assert_close(embedding, plain / lengths, 1e-6)


def test_unit_vectors_of_probabilities_are_warned_of() -> None:
    assert "holds probabilities" in passes.l2_normalize(face()).warnings[0]


def test_what_is_no_vector_per_image_is_not_normalized() -> None:
    model = graph(
        {"x": (3, 4), "keep": (3,)},
        [("all", ops.Reduction(), "x"), ("some", ops.Filter(), "x keep")],
        outputs={"all": "all", "some": "some"},
    )
    with pytest.raises(UnsupportedError) as caught:
        passes.l2_normalize(model)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "output 'all' has shape []",
        "output 'some' holds as many rows as its input decides",
    ]


def test_resizing_reports_every_wrong_input() -> None:
    with pytest.raises(ShapeError) as caught:
        passes.resize(face(), {"dat": (1, 3, 8, 8), "data": (1, 3, 8)})
    assert caught.value.problems == [
        "there is no input 'dat'; did you mean 'data'? (inputs: data)",
        "input 'data' has 4 axes, [2, 3, 13, 11], but [1, 3, 8] has 3",
    ]
    with pytest.raises(ShapeError, match="every size must be 1 or more"):
        passes.resize(face(), {"data": (1, 3, 0, 8)})


def test_resizing_names_the_layer_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"at input 'data' \[1, 3, 30, 30\]: layer 'fc6': parameter 'weight'"):
        passes.resize(face(), {"data": (1, 3, 30, 30)})


def test_resizing_moves_the_preprocessing_along() -> None:
    model = passes.cut(face(), ["pool1"])
    mean = np.arange(3 * 13 * 11, dtype=np.float32).reshape(3, 13, 11)
    model = replace(model, preprocessing=Preprocessing("RGB", mean, (1.0,) * 3, (13, 11)))
    smaller = passes.resize(model, {"data": (1, 3, 10, 11)})
    assert smaller.preprocessing.size == (10, 11)
    assert smaller.preprocessing.mean is not None
    np.testing.assert_array_equal(smaller.preprocessing.mean, mean[:, 1:11])
    larger = passes.resize(model, {"data": (1, 3, 20, 20)})
    assert larger.warnings[0].startswith("the mean image of [13, 11] is smaller than the input of [20, 20]")


def linear_layers() -> list[Any]:
    """Layers that batch normalization can melt into, each with the shape it reads."""
    shape = (2, 4, 6, 5)
    transposed = ops.ConvolutionTranspose
    return [
        pytest.param(convolution(6), shape, id="convolution"),
        pytest.param(convolution(6, bias=False), shape, id="convolution without bias"),
        pytest.param(convolution(6, groups=2), shape, id="groups"),
        pytest.param(convolution(4, groups=4), shape, id="depthwise"),
        pytest.param(ops.Convolution(6, (3,), (1,), ((1, 1),), (1,)), (2, 4, 7), id="one axis"),
        pytest.param(transposed(6, (3, 2), (2, 1), NO_PADS, ONES), shape, id="transposed"),
        pytest.param(transposed(6, (3, 3), (2, 2), PADS, ONES, groups=2, bias=False), shape, id="transposed groups"),
        pytest.param(ops.Dense(6), shape, id="dense"),
        pytest.param(ops.Dense(6, bias=False), (3, 5), id="dense on vectors"),
    ]


@pytest.mark.parametrize(("layer", "shape"), linear_layers())
@pytest.mark.parametrize(
    "followers",
    [
        [ops.BatchNormalization()],
        [ops.BatchNormalization(1e-3, affine=True)],
        [ops.BatchNormalization(), ops.Scale(bias=True)],
        [ops.Scale(), ops.Bias()],
        [ops.Scale(0, 0, bias=True)],
        [ops.BatchNormalization(), ops.Scale(), ops.Bias(), ops.BatchNormalization()],
    ],
    ids=lambda run: "+".join(type(op).__name__ for op in run),
)
def test_batch_normalization_melts_into_the_layer_before(
    layer: Op, shape: tuple[int, ...], followers: list[Op]
) -> None:
    steps = [("layer", layer, "data")]
    for index, op in enumerate(followers):
        steps.append((f"after{index}", op, steps[-1][0]))
    model = graph({"data": shape}, [*steps, ("relu", ops.ReLU(), steps[-1][0])])
    folded = passes.fold_batch_norm(model)
    assert [node.name for node in folded] == [steps[-1][0], "relu"]
    assert folded.nodes[0].layer == "layer"
    assert folded.nodes[0].params["weight"].dtype == np.float32
    outputs_equal(folded, model, 2e-6)


def test_a_scale_along_another_axis_is_not_melted() -> None:
    steps: list[tuple[str, Op, str]] = [("conv", convolution(4), "data"), ("rows", ops.Scale(2), "conv")]
    model = graph({"data": (1, 3, 4, 4)}, steps)
    assert [node.name for node in passes.fold_batch_norm(model)] == ["conv", "rows"]


def test_a_layer_that_others_read_too_is_not_touched() -> None:
    norm = ops.BatchNormalization()
    read_twice = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(3), "data"), ("bn", norm, "conv"), ("sum", ops.Sum(), "conv bn")],
    )
    assert len(passes.fold_batch_norm(read_twice).nodes) == 3
    an_output = graph(
        {"data": (1, 3, 4, 4)},
        [("conv", convolution(3), "data"), ("bn", norm, "conv")],
        outputs={"raw": "conv", "bn": "bn"},
    )
    assert dict(passes.fold_batch_norm(an_output).outputs) == {"raw": "conv", "bn": "bn"}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ([ops.BatchNormalization(), ops.Scale(bias=True)], ops.BatchNormalization(affine=True)),
        ([ops.BatchNormalization(1e-3, affine=True), ops.Scale()], ops.BatchNormalization(1e-3, affine=True)),
        ([ops.Scale(), ops.Bias()], ops.Scale(1, 1, bias=True)),
        ([ops.Bias(), ops.BatchNormalization(), ops.Scale()], ops.Scale(1, 1, bias=True)),
    ],
)
def test_a_run_without_a_layer_before_it_becomes_one_node(run: list[Op], expected: Op) -> None:
    steps: list[tuple[str, Op, str]] = [("pre", ops.ReLU(), "data")]
    for index, op in enumerate(run):
        steps.append((f"n{index}", op, steps[-1][0]))
    model = graph({"data": (2, 4, 3, 3)}, steps)
    folded = passes.fold_batch_norm(model)
    assert [node.op for node in folded] == [ops.ReLU(), expected]
    outputs_equal(folded, model, 2e-6)


def test_layers_that_share_weights_share_the_folded_ones() -> None:
    steps: list[tuple[str, Op, str]] = []
    for side in ("a", "b"):
        steps += [(f"conv_{side}", convolution(4), side), (f"bn_{side}", ops.BatchNormalization(), f"conv_{side}")]
    model = graph({"a": (1, 3, 4, 4), "b": (1, 3, 4, 4)}, [*steps, ("sum", ops.Sum(), "bn_a bn_b")])
    for name in ("conv", "bn"):
        model = with_node(model, f"{name}_b", params=model.node(f"{name}_a").params)
    folded = passes.fold_batch_norm(model)
    assert folded.node("bn_a").params["weight"] is folded.node("bn_b").params["weight"]
    outputs_equal(folded, model, 2e-6)


def test_a_variance_without_a_finite_factor_stays_and_is_named() -> None:
    steps: list[tuple[str, Op, str]] = [("conv", convolution(2), "data"), ("bn", ops.BatchNormalization(0.0), "conv")]
    model = with_params(graph({"data": (1, 3, 4, 4)}, steps), "bn", variance=np.array([0, 1], np.float32))
    folded = passes.fold_batch_norm(model)
    assert len(folded.nodes) == 2
    assert folded.warnings == ("layer 'bn': not folded, its variance gives no finite factor",)


def test_folding_a_real_residual_network_changes_nothing_else() -> None:
    case = caffe_case("net_mini_resnet")
    model = read_caffe(case.prototxt, case.weights)
    folded = passes.fold_batch_norm(model)
    assert not any(isinstance(node.op, (ops.BatchNormalization, ops.Scale)) for node in folded)
    before, after = model.run(case.inputs), folded.run(case.inputs)
    for node in folded:
        assert_close(after[node.name], before[node.name], 5e-6)


MEANS = (129.1863, 104.7624, 93.5940)


@pytest.mark.parametrize(("order", "mean"), [("RGB", MEANS), ("BGR", MEANS[::-1])])
def test_a_mean_is_given_in_rgb_and_kept_in_the_networks_order(order: str, mean: tuple[float, ...]) -> None:
    model = passes.override_preprocessing(face(), channel_order=order, mean=MEANS, scale=(1.0, 2.0, 4.0))
    assert model.preprocessing.channel_order == order
    np.testing.assert_allclose(np.asarray(model.preprocessing.mean), mean, rtol=1e-6)
    assert model.preprocessing.scale == ((1.0, 2.0, 4.0) if order == "RGB" else (4.0, 2.0, 1.0))


def test_one_number_serves_all_channels_without_an_order() -> None:
    model = passes.override_preprocessing(face(), mean=(127.5,), scale=(1 / 128,))
    np.testing.assert_array_equal(np.asarray(model.preprocessing.mean), [127.5] * 3)
    assert model.preprocessing.scale == (1 / 128,) * 3


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"mean": MEANS}, "the network's own channel order is not known; give --channel-order RGB or BGR"),
        ({"channel_order": "BRG"}, "channel order 'BRG' is none of RGB, BGR, gray"),
        ({"channel_order": "gray"}, "channel order gray has 1 channels, the image input 3"),
        ({"mean": (1.0, 2.0)}, "--mean: 2 numbers for an image of 3 channels; give one number, or three"),
        ({"mean": (float("nan"),)}, "--mean: nan are not all finite numbers"),
        ({"scale": (0.0,)}, "--scale: a factor of 0"),
        ({"mean": (1.0,), "mean_array": np.zeros(3)}, r"both as numbers \(--mean\) and as a file \(--mean-file\)"),
        ({"mean_array": np.zeros((1, 3, 12, 20))}, r"mean image of \[12, 20\] is smaller than the input of \[13, 11\]"),
        ({"mean_array": np.zeros((13, 11, 3))}, "it looks like height, width, channels: turn its axes"),
        ({"mean_array": np.zeros((2, 5))}, r"the mean has shape \[2, 5\], expected \[3\] or \[3, height, width\]"),
        ({"mean_array": np.full(3, np.inf)}, "the mean holds values that are not finite numbers"),
        ({"labels": ["one", "two"]}, "2 labels were given, but 'prob' has 5"),
    ],
)
def test_what_does_not_fit_the_images_is_refused(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        passes.override_preprocessing(face(), **stated)


def test_all_problems_of_a_preprocessing_come_at_once() -> None:
    with pytest.raises(ConversionError) as caught:
        passes.override_preprocessing(face(), channel_order="XYZ", scale=(0.0,), labels=("one",))
    assert len(caught.value.problems) == 3


def test_a_larger_mean_image_is_cropped_to_its_centre() -> None:
    mean = np.random.default_rng(0).uniform(0, 255, (1, 3, 16, 16)).astype(np.float32)
    model = passes.override_preprocessing(face(), mean_array=mean)
    np.testing.assert_array_equal(np.asarray(model.preprocessing.mean), mean[0, :, 1:14, 2:13])


def test_labels_are_stated_where_their_number_fits() -> None:
    assert passes.override_preprocessing(face(), labels=PEOPLE).labels == PEOPLE


def test_a_network_without_images_has_no_preprocessing() -> None:
    vectors = graph({"x": (1, 7)}, [("fc", ops.Dense(2), "x")])
    with pytest.raises(ConversionError, match=r"no input is an image.*'x' \[1, 7\]"):
        passes.override_preprocessing(vectors, mean=(1.0,))


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("image", [False, True], ids=["mean", "mean image"])
def test_baked_preprocessing_takes_rgb_bytes(order: str, *, image: bool) -> None:
    rng = np.random.default_rng(1)
    mean = rng.uniform(90, 130, (3, 13, 11) if image else 3).astype(np.float32)
    model = replace(face(), preprocessing=Preprocessing(order, mean, (0.5, 0.25, 2.0), (13, 11)))
    baked = passes.bake_preprocessing(model)
    pixels = rng.integers(0, 256, (2, 3, 13, 11), dtype=np.uint8)
    ordered = (pixels[:, ::-1] if order == "BGR" else pixels).astype(np.float32)
    plain = (ordered - mean.reshape(3, *mean.shape[1:] or (1, 1))) * np.reshape([0.5, 0.25, 2.0], (3, 1, 1))
    np.testing.assert_array_equal(
        baked.run({"data": pixels})["prob"], model.run({"data": plain.astype(np.float32)})["prob"]
    )
    assert dict(baked.input_dtypes) == {"data": "uint8"}
    assert (baked.preprocessing.channel_order, baked.preprocessing.size) == ("RGB", (13, 11))
    assert not np.any(np.asarray(baked.preprocessing.mean))
    assert baked.preprocessing.scale == (1.0,) * 3


def test_gray_images_are_baked_without_a_channel_order() -> None:
    model = graph({"data": (1, 1, 8, 8)}, [("conv", convolution(2), "data")])
    baked = passes.bake_preprocessing(passes.override_preprocessing(model, mean=(127.5,)))
    assert baked.preprocessing.channel_order == "gray"
    assert baked.nodes[0].op == ops.Preprocess(False, False)
    assert baked.warnings[0].startswith("the source states no scale")


def test_all_images_are_baked_and_other_inputs_left_alone() -> None:
    model = graph(
        {"a": (1, 3, 8, 8), "b": (1, 3, 8, 8), "rois": (4, 5)},
        [("sum", ops.Sum(), "a b"), ("pooled", ops.RegionPooling((2, 2)), "sum rois")],
        aliases={"copy": "a"},
    )
    baked = passes.bake_preprocessing(passes.override_preprocessing(model, channel_order="BGR", mean=(0.0,)))
    assert dict(baked.input_dtypes) == {"a": "uint8", "b": "uint8"}
    assert baked.aliases["copy"] == "a_preprocessed"
    assert baked.node("sum").inputs == ("a_preprocessed", "b_preprocessed")


def test_baking_says_which_options_are_missing() -> None:
    with pytest.raises(ConversionError) as caught:
        passes.bake_preprocessing(face())
    order, mean = caught.value.problems
    assert "give --channel-order RGB or BGR" in order
    assert "give --mean R,G,B (0 for none) or --mean-file, and --scale" in mean


def test_baking_twice_is_refused() -> None:
    baked = passes.bake_preprocessing(passes.override_preprocessing(face(), channel_order="RGB", mean=(0.0,)))
    with pytest.raises(ConversionError, match="in the network already: input 'data' takes uint8"):
        passes.bake_preprocessing(baked)


def test_dense_layers_become_convolutions() -> None:
    model = face(labels=PEOPLE)
    turned = passes.dense_to_conv(model)
    assert not any(isinstance(node.op, ops.Dense) for node in turned)
    assert turned.shapes["prob"] == (2, 5, 1, 1)
    assert turned.labels == PEOPLE
    outputs_equal(turned, model)


def test_a_larger_image_gives_a_map_of_what_its_windows_give() -> None:
    steps: list[tuple[str, Op, str]] = [
        ("conv", convolution(4, pads=NO_PADS), "data"),
        ("relu", ops.ReLU(), "conv"),
        ("fc", ops.Dense(3), "relu"),
        ("out", ops.Dense(2), "fc"),
        ("prob", ops.Softmax(-1), "out"),
    ]
    model = graph({"data": (1, 3, 6, 5)}, steps)
    larger = passes.resize(passes.dense_to_conv(model), {"data": (1, 3, 8, 6)})
    x = images(larger)["data"]
    values = larger.run({"data": x})["prob"]
    assert values.shape == (1, 2, 3, 2)
    window = model.run({"data": x[:, :, 2:8, 1:6]})["prob"]
    assert_close(values[:, :, 2, 1], window, 1e-6)


@pytest.mark.parametrize(
    "between",
    [
        [("row", ops.Flatten(), "data")],
        [("row", ops.Reshape((0, -1)), "data")],
        [("row", ops.Flatten(), "data"), ("row2", ops.Dropout(), "row"), ("row3", ops.ReLU(), "row2")],
        [("turned", ops.Permute((0, 2, 3, 1)), "data"), ("row", ops.Flatten(), "turned")],
        [("turned", ops.Permute((0, 1, 3, 2)), "data")],
        [("turned", ops.Permute((0, 3, 1, 2)), "data"), ("row", ops.Flatten(), "turned"), ("r", ops.ReLU(), "row")],
    ],
    ids=lambda steps: " ".join(type(op).__name__ for _, op, _ in steps),
)
def test_flattening_before_a_dense_layer_goes(between: list[tuple[str, Op, str]]) -> None:
    model = graph({"data": (2, 3, 4, 5)}, [*between, ("fc", ops.Dense(6), between[-1][0])])
    turned = passes.dense_to_conv(model)
    assert not any(isinstance(node.op, (ops.Flatten, ops.Reshape, ops.Permute)) for node in turned)
    outputs_equal(turned, model)
    assert passes.open_axes(turned).axes == ("batch", "height", "width")


@pytest.mark.parametrize(
    "op",
    [
        ops.Scale(-1, -1, bias=True), ops.Bias(), ops.Scale(0, 0), ops.BatchNormalization(affine=True), ops.PReLU(),
        ops.Scale(0), ops.Slice(-1, 2, 5), ops.Slice(0, 1, 2), ops.Flatten(), ops.Flatten(-1), ops.Concat(-1),
        ops.L2Normalization(), ops.ArgMax(1), ops.Softmax(0), ops.TanH(),
        ops.LocalResponseNormalization(1, 1, 0.1, 0.75),
    ],
    ids=lambda op: type(op).__name__,
)  # fmt: skip
def test_what_follows_a_dense_layer_follows_it_into_maps(op: Op) -> None:
    model = graph({"data": (2, 3, 4, 5)}, [("fc", ops.Dense(6), "data"), ("after", op, "fc")])
    outputs_equal(passes.dense_to_conv(model), model)


@pytest.mark.parametrize("op", [ops.Sum(), ops.Product(), ops.Maximum(), ops.Concat(-1)])
def test_vectors_that_all_became_maps_are_joined(op: Op) -> None:
    steps: list[tuple[str, Op, str]] = [("a", ops.Dense(6), "data"), ("b", ops.Dense(6), "data"), ("joined", op, "a b")]
    model = graph({"data": (2, 3, 4, 5)}, steps)
    outputs_equal(passes.dense_to_conv(model), model)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([("r", ops.ReLU(), "data")], "no dense layer reads a map"),
        ([("fc", ops.Dense(6), "data"), ("m", ops.Reshape((0, 2, 3)), "fc")], r"layer 'm' \(Reshape\): it reads 'fc'"),
        (
            [("fc", ops.Dense(6), "data"), ("s", ops.Scale(0, -1), "fc")],
            r"layer 's' \(Scale\): it reads 'fc', which becomes",
        ),
        (
            [("f", ops.Flatten(), "data"), ("fc", ops.Dense(60), "data"), ("sum", ops.Sum(), "f fc")],
            r"layer 'sum' \(Sum\): it joins a vector that becomes a map with one that does not",
        ),
        (
            [("f", ops.Flatten(), "data"), ("two", ops.Concat(), "f f"), ("fc", ops.Dense(6), "two")],
            r"layer 'fc' \(Dense\): it reads 'two', which is not one map with its axes in a row",
        ),
        ([("fc", ops.Dense(6, 2), "data")], "is not one map with its axes in a row"),
    ],
)
def test_what_has_no_form_for_maps_is_refused_with_its_reason(steps: list[tuple[str, Op, str]], message: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot make the network fully convolutional: .*" + message):
        passes.dense_to_conv(graph({"data": (2, 3, 4, 5)}, steps))


def test_halves_are_what_the_weights_are_rounded_to() -> None:
    model = face()
    halved = passes.rounded_to_half(model)
    for node in halved:
        for name, array in node.params.items():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, model.node(node.name).params[name].astype(np.float16))


def test_weights_beyond_half_precision_are_named() -> None:
    large = np.array([1, -70000, 3, 4], np.float32)
    model = with_params(face(), "conv1", bias=large)
    with pytest.raises(UnsupportedError, match=r"layer 'conv1': bias reaches 70000, beyond half precision's 65504"):
        passes.rounded_to_half(model)
    passes.rounded_to_half(with_params(face(), "conv1", bias=np.array([1, 65519, 3, 4], np.float32)))


def test_weights_that_are_no_numbers_are_named() -> None:
    model = with_params(face(), "conv1", bias=np.array([1, np.nan, np.inf, -np.inf], np.float32))
    assert passes.non_finite_weights(model) == ["layer 'conv1': bias holds 1 NaN and 2 infinite values of 4"]
    assert passes.non_finite_weights(face()) == []
    overflowing = with_params(face(), "conv1", bias=np.full(4, 3e38, np.float32))
    assert passes.non_finite_weights(overflowing) == []


@pytest.mark.parametrize(
    ("shape", "steps", "pinned"),
    [
        ((2, 3, 8, 8), [("c", convolution(4), "x"), ("p", ops.GlobalPooling(), "c"), ("f", ops.Dense(2), "p")], {}),
        ((2, 3, 8, 8), [("f", ops.Dense(2), "x")], {"height": "f", "width": "f"}),
        ((2, 3, 8, 8), [("s", ops.Scale(2), "x")], {"height": "s"}),
        ((1, 3, 8, 8), [("r", ops.Reshape((1, -1)), "x")], {"batch": "r"}),
        ((2, 3, 8, 8), [("r", ops.Reshape((2, 3, 64)), "x")], {"batch": "r", "height": "r", "width": "r"}),
        ((2, 3, 8, 8), [("r", ops.Reshape((0, 3, -1, 8)), "x")], {}),
        ((2, 3, 8, 8), [("r", ops.Flatten(0, 1), "x")], {"batch": "r"}),
        ((2, 3, 8, 8), [("t", ops.Permute((1, 0, 2, 3)), "x")], {"batch": "t"}),
        ((2, 3, 8, 8), [("one", ops.Slice(0, 0, 1), "x")], {"batch": "one"}),
        ((2, 3, 8, 8), [("top", ops.Slice(2, 0, 4), "x")], {"height": "top"}),
        ((2, 3, 8, 8), [("two", ops.Concat(0), "x x")], {"batch": "two"}),
        ((2, 3, 8, 8), [("all", ops.Reduction("mean", 0), "x")], {"batch": "all"}),
        ((2, 3, 8, 8), [("c", ops.Constant((2, 3, 8, 8)), ""), ("sum", ops.Sum(), "x c")],
            {"batch": "sum", "height": "sum", "width": "sum"}),
        ((1, 3, 8, 8), [("b", ops.PriorBox((3.0,)), "x x")], {"height": "b", "width": "b"}),
        ((2, 3, 8, 8), [("p", ops.Pooling((8, 8), (8, 8), NO_PADS), "x")], {"height": "p", "width": "p"}),
        ((2, 3, 8, 8), [("p", ops.Pooling((8, 8), ONES, NO_PADS), "x")], {}),
        ((2, 3, 8, 8), [("d", convolution(4), "x"), ("u", ops.BilinearResize((8, 8)), "d"), ("s", ops.Sum(), "u d")],
            {"height": "s", "width": "s"}),
    ],
)  # fmt: skip
def test_the_node_that_pins_an_axis_is_named(
    shape: tuple[int, ...], steps: list[tuple[str, Op, str]], pinned: dict[str, str]
) -> None:
    found = passes.open_axes(graph({"x": shape}, steps))
    assert {axis: reason.split("'")[1] for axis, reason in found.reasons.items()} == pinned
    assert set(found.axes) == {"batch", "height", "width"} - pinned.keys()
    for axis, reason in found.reasons.items():
        assert reason.startswith(f"{axis} is pinned by '")


def test_a_dense_layer_that_pins_a_size_hints_at_the_way_out() -> None:
    reasons = passes.open_axes(face()).reasons
    assert reasons["height"] == (
        "height is pinned by 'fc6' (Dense): its weight has shape [10, 72], but an input of [2, 6, 7, 3] needs "
        "[10, 126] (--dense-to-conv turns dense layers into convolutions)"
    )


def test_regions_and_indices_keep_their_own_rows() -> None:
    model = graph(
        {"x": (2, 3, 8, 8), "rois": (2, 5), "which": (2,)},
        [("again", ops.BatchReindex(), "x which"), ("pooled", ops.RegionPooling((2, 2)), "again rois")],
    )
    found = passes.open_axes(model, ("batch",))
    assert found.axes == ("batch",)
    assert passes.at_another_size(model, found.axes).inputs == {"x": (3, 3, 8, 8), "rois": (2, 5), "which": (2,)}


def test_the_first_axis_of_a_sequence_is_no_batch() -> None:
    model = graph({"x": (5, 2, 3), "cont": (5, 2)}, [("lstm", ops.LSTM(4), "x cont")])
    assert "no input counts images on its first axis" in passes.open_axes(model, ("batch",)).reasons["batch"]
    behind = graph({"x": (5, 3, 4, 4), "cont": (5, 3)}, [("relu", ops.ReLU(), "x"), ("lstm", ops.LSTM(4), "relu cont")])
    reason = passes.open_axes(behind, ("batch",)).reasons["batch"]
    assert reason.startswith("batch is pinned by 'lstm' (LSTM): ")


def test_several_inputs_move_together() -> None:
    model = graph({"a": (2, 4, 6, 6), "b": (2, 4, 6, 6)}, [("sum", ops.Sum(), "a b")])
    found = passes.open_axes(model)
    assert found.axes == ("batch", "height", "width")
    other = passes.at_another_size(model, found.axes)
    assert other.inputs["a"] == other.inputs["b"] == (3, 4, 7, 7)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(
        ConversionError, match="no axis 'hight'; known are batch, height, width; did you mean 'height'?"
    ):
        passes.open_axes(face(), ("hight",))


def test_another_size_is_one_that_fits() -> None:
    steps: list[tuple[str, Op, str]] = [
        ("half", ops.Pooling((2, 2), (2, 2), NO_PADS), "x"),
        ("whole", ops.NearestUpsampling((2, 2)), "half"),
        ("sum", ops.Sum(), "x whole"),
    ]
    other = passes.at_another_size(graph({"x": (1, 3, 10, 10)}, steps), ("height",))
    assert other.inputs["x"] == (1, 3, 20, 10)


def test_passes_leave_the_graph_they_are_given_alone() -> None:
    model = passes.override_preprocessing(face(), channel_order="BGR", mean=MEANS)
    before = model.run(images(model))["prob"]
    for change in (passes.dense_to_conv, passes.fold_batch_norm, passes.bake_preprocessing, passes.rounded_to_half):
        change(model)
    np.testing.assert_array_equal(model.run(images(model))["prob"], before)


def test_images_are_told_from_other_inputs() -> None:
    model = graph(
        {"image": (1, 3, 8, 8), "maps": (1, 15, 8, 8), "rois": (4, 5, 1, 1), "factor": (1, 3, 1, 1)},
        [
            ("row", ops.Reshape((4, 5)), "rois"),
            ("pooled", ops.RegionPooling((2, 2)), "image row"),
            ("deep", ops.RegionPooling((2, 2)), "maps row"),
            ("scaled", ops.Reshape((0, -1)), "factor"),
        ],
        outputs={"pooled": "pooled", "deep": "deep", "scaled": "scaled"},
    )
    assert image_inputs(model) == ["image"]
    assert map_inputs(model) == ["image", "maps", "factor"]
