"""Preprocessing that the user states, and preprocessing that becomes a part of the network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from converters import ops, passes
from converters.errors import ConversionError
from converters.ir import Preprocessing
from passes_cases import MEANS, PEOPLE
from small_graphs import convolution, face, graph


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
