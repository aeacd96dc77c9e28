"""Rearrangements planted into single arrays are found, named, and told from what is another array."""

from dataclasses import replace

import numpy as np
import pytest

from audited_files import tiny
from converters.audit.comparing import ROUNDING, apart, distance, fingerprint
from converters.audit.layouts import layouts
from converters.audit.rearrangements import compared, fits
from converters.audit.tensors import Tensor
from converters.audit.wanted import Axes, Wanted, wanted_arrays
from converters.ops import Array, BatchNormalization
from small_graphs import graph, params, with_params


def held(array: Array, slot: str = "") -> Tensor:
    return Tensor("x", array.shape, array.dtype.name, lambda: array, slot=slot)


def wanted(layer: str, param: str = "weight") -> Wanted:
    return next(each for each in wanted_arrays(tiny()) if each.node.layer == layer and each.param == param)


def kinds(layer: str, array: Array, param: str = "weight") -> list[str]:
    """Compare an array with one of the network; it has to be the same, and the kinds of its steps are returned."""
    match = compared(wanted(layer, param), held(array))
    assert match.equal, match
    return [step.kind for step in match.steps]


def values(layer: str, param: str = "weight") -> Array:
    return wanted(layer, param).array


def test_the_network_is_understood() -> None:
    first, dense = wanted("conv1_1"), wanted("fc6")
    assert first.first and not wanted("conv1_2").first and first.axes == Axes("OIHW", (4, 3, 3, 3))
    assert dense.axes == Axes("OIHW", (256, 32, 2, 2)) and wanted("fc7").axes == Axes("OI", (256, 256))
    assert wanted("fc6", "bias").axes == Axes("a", (256,)) and len(wanted_arrays(tiny())) == 32


@pytest.mark.parametrize(
    ("layer", "turn", "expected"),
    [
        ("conv2_1", lambda w: w, []),
        ("conv2_1", lambda w: w.transpose(2, 3, 1, 0), ["axes"]),
        ("conv2_1", lambda w: w.transpose(0, 2, 3, 1), ["axes"]),
        ("conv2_1", lambda w: w.transpose(1, 0, 2, 3), ["axes"]),
        ("conv2_1", lambda w: w.transpose(0, 1, 3, 2), ["columns"]),
        ("conv2_1", lambda w: w.transpose(3, 2, 1, 0), ["axes", "columns"]),
        ("conv2_1", lambda w: w[:, :, ::-1, ::-1], ["kernel"]),
        ("conv2_1", lambda w: w.transpose(2, 3, 1, 0)[::-1, ::-1], ["axes", "kernel"]),
        ("conv1_1", lambda w: w[:, ::-1], ["channels"]),
        ("conv1_1", lambda w: w.transpose(2, 3, 1, 0)[:, :, ::-1], ["axes", "channels"]),
        ("conv1_1", lambda w: w.transpose(2, 3, 1, 0)[::-1, ::-1, ::-1], ["axes", "channels", "kernel"]),
        ("conv1_1", lambda w: w[:, ::-1] * 255, ["channels", "scale"]),
        ("conv1_1", lambda w: w / 128, ["scale"]),
        ("fc7", lambda w: w.T, ["transposed"]),
        ("fc7", lambda w: w.reshape(256, 256, 1, 1), ["form"]),
        ("fc7", lambda w: w.T.reshape(1, 1, 256, 256), ["form", "transposed"]),
        ("fc6", lambda w: w.reshape(256, 128), []),
        ("fc6", lambda w: w.reshape(256, 128).T, ["transposed"]),
        ("fc6", lambda w: w.transpose(0, 2, 3, 1).reshape(256, 128), ["rows"]),
        ("fc6", lambda w: w.transpose(2, 3, 1, 0).reshape(128, 256), ["rows", "transposed"]),
        ("fc6", lambda w: w.transpose(0, 1, 3, 2).reshape(256, 128), ["rows", "columns"]),
        ("fc6", lambda w: w, ["form"]),
        ("fc6", lambda w: w.transpose(2, 3, 1, 0), ["form", "axes"]),
        ("fc6", lambda w: w.reshape(1, 1, 256, 128), ["form"]),
        ("conv3_1", lambda w: w.reshape(16, -1), ["form"]),
        ("conv3_1", lambda w: w.transpose(2, 3, 1, 0).reshape(-1, 16), ["form", "rows", "transposed"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("contiguous", [True, False])
def test_a_planted_rearrangement_is_named(layer: str, turn: object, expected: list[str], contiguous: bool) -> None:
    array = turn(values(layer))  # type: ignore[operator]
    assert kinds(layer, np.ascontiguousarray(array) if contiguous else array) == expected


def test_rows_are_named_in_words() -> None:
    array = values("fc6").transpose(2, 3, 1, 0).reshape(128, 256)
    texts = [step.text for step in compared(wanted("fc6"), held(array)).steps]
    assert texts == ["inputs in the order height, width, channel", "transposed"]


def test_only_the_first_convolution_may_have_its_channels_flipped() -> None:
    match = compared(wanted("conv1_2"), held(np.ascontiguousarray(values("conv1_2")[:, ::-1])))
    assert not match.equal


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_rounding_to_half_is_told_from_a_difference(dtype: str) -> None:
    whole = values("conv3_1")
    if dtype == "float16":
        rounded = whole.astype(np.float16)
    else:
        bits = whole.view(np.uint32)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    match = compared(wanted("conv3_1"), held(rounded))
    assert match.equal and [step.text for step in match.steps] == [f"rounded to {dtype}"]
    assert 0 < match.difference < 1e-2
    wrong = rounded.astype(np.float32)
    wrong[0, 0, 0, 0] += 0.001 * np.abs(whole).max()
    assert not compared(wanted("conv3_1"), held(wrong)).equal


def test_the_reference_may_be_the_rounded_one() -> None:
    rounded = values("conv3_1").astype(np.float16).astype(np.float32)
    node = wanted("conv3_1").node
    model = with_params(tiny(), node.name, weight=rounded)
    reference = next(each for each in wanted_arrays(model) if each.node.name == node.name and each.param == "weight")
    match = compared(reference, held(values("conv3_1")))
    assert match.equal and match.steps[0].text == "not rounded to float16, as the reference is"


def test_a_difference_is_measured_under_the_best_rearrangement() -> None:
    array = np.ascontiguousarray(values("conv2_2").transpose(2, 3, 1, 0))
    largest = float(np.abs(array).max())
    array[1, 1, 2, 3] += np.float32(0.25 * largest)
    match = compared(wanted("conv2_2"), held(array))
    assert not match.equal and [step.kind for step in match.steps] == ["axes"]
    assert match.difference == pytest.approx(0.25, rel=1e-3) and 0.9 < match.cosine < 1


def test_a_change_that_no_sample_sees_is_seen() -> None:
    array = values("fc7").copy()
    array[255, 254] += 0.01 * float(np.abs(array).max())
    match = compared(wanted("fc7"), held(array))
    assert not match.equal and match.difference == pytest.approx(0.01, rel=1e-2)


def test_random_values_are_another_array() -> None:
    array = np.random.default_rng(1).normal(0, 1, values("fc7").shape).astype(np.float32)
    match = compared(wanted("fc7"), held(array))
    assert not match.equal and match.difference > 0.5 and abs(match.cosine) < 0.2


def test_shapes_that_cannot_be_are_not_compared() -> None:
    reference, tensor = wanted("fc8"), held(np.zeros((10, 256), np.float32))
    assert not fits(reference, tensor)
    assert compared(reference, tensor).difference == np.inf
    same_count = held(np.zeros((128, 2, 164), np.float32))
    assert same_count.size == reference.size and not fits(reference, same_count)


def test_values_that_are_not_finite_have_to_stand_at_the_same_places() -> None:
    array = values("fc7").copy()
    array[3, 4] = np.nan
    assert compared(wanted("fc7"), held(array)).difference == np.inf
    assert distance(array, array) == (0.0, pytest.approx(1.0), "", False)


def test_a_symmetric_kernel_says_nothing_about_turning() -> None:
    node = wanted("conv2_1").node
    even = np.ones_like(node.params["weight"]) * np.arange(1, 9, dtype=np.float32).reshape(8, 1, 1, 1)
    model = with_params(tiny(), node.name, weight=even)
    reference = next(each for each in wanted_arrays(model) if each.node.name == node.name and each.param == "weight")
    match = compared(reference, held(even))
    assert match.equal and not match.steps and {"kernel", "columns"} <= match.free


def test_an_epsilon_inside_the_variance_is_found() -> None:
    model = graph({"data": (1, 3, 5, 5)}, [("bn", BatchNormalization(1e-5), "data")])
    reference = next(each for each in wanted_arrays(model) if each.param == "variance")
    variance = params("bn", {"variance": (3,)})["variance"]
    match = compared(reference, held(variance + np.float32(1e-3)))
    assert match.equal and match.steps[0].kind == "epsilon"
    assert match.steps[0].value == pytest.approx(1e-3, rel=1e-3)
    assert not compared(reference, held(variance * np.float32(1.1))).equal


def test_what_was_folded_may_be_off_by_its_rounding() -> None:
    reference = replace(wanted("conv2_1"), folded=True)
    array = values("conv2_1") * np.float32(1 + 5e-6)
    match = compared(reference, held(array))
    assert match.difference > ROUNDING and match.equal and match.kinds == {"folded"}
    assert not compared(wanted("conv2_1"), held(array)).equal


@pytest.mark.parametrize(
    ("axes", "shape", "letters"),
    [
        (Axes("OIHW", (8, 4, 3, 3)), (3, 3, 4, 8), ["HWIO", "WHIO"]),
        (Axes("OIHW", (8, 4, 3, 3)), (8, 36), ["OIHW", "OHWI", "OIWH", "OWHI"]),
        (Axes("OIHW", (8, 1, 3, 3)), (3, 3, 8, 1), ["HWIO", "WHIO"]),
        (Axes("OI", (8, 4)), (4, 8), ["IO"]),
        (Axes("OI", (8, 4)), (1, 1, 8, 4), ["OI"]),
        (Axes("OIL", (8, 4, 3)), (3, 4, 8), ["LIO"]),
        (Axes("OIDHW", (8, 4, 1, 2, 3)), (1, 2, 3, 4, 8), ["DHWIO"]),
        (Axes("a", (8,)), (1, 8, 1, 1), ["a"]),
        (Axes("a", (8,)), (8, 2), []),
        (Axes("", ()), (1,), [""]),
    ],
)
def test_a_shape_allows_a_short_list_of_layouts(axes: Axes, shape: tuple[int, ...], letters: list[str]) -> None:
    assert [layout.letters for layout in layouts(axes, shape)] == letters


def test_fingerprints_do_not_depend_on_arrangement() -> None:
    array = values("conv4_1")
    turned = np.ascontiguousarray(array.transpose(3, 1, 0, 2)[::-1])
    assert apart(fingerprint(array), fingerprint(turned)) < 1e-9
    assert apart(fingerprint(array), fingerprint(array.astype(np.float16))) < 1e-3
    assert apart(fingerprint(array), fingerprint(values("conv4_2")[:, :16])) > 1e-3
    assert apart(fingerprint(array), fingerprint(array[1:])) == np.inf
