"""The packed vectors are whole and load as `cases.py` promises."""

import numpy as np
import pytest

import cases


def test_every_case_is_there() -> None:
    lists = (cases.caffe_cases(), cases.matconvnet_cases(), cases.caffe_rejects(), cases.matconvnet_rejects())
    assert [len(names) for names in lists] == [163, 89, 17, 24]


def test_caffe_case_has_paths_inputs_and_blobs() -> None:
    case = cases.caffe_case("inplace_chain")
    assert case.prototxt.read_text().startswith("layer")
    assert case.weights.stat().st_size > 0
    assert case.inputs["data"].shape == tuple(case.info["shapes"]["data"])
    assert set(case.outputs) <= set(case.blobs)


def test_steps_hold_the_value_before_a_later_layer_overwrites_it() -> None:
    case = cases.caffe_case("inplace_then_branch")
    by_layer = {step.layer: step.value for step in case.steps}
    assert by_layer["c"].min() < 0
    np.testing.assert_array_equal(by_layer["re"], np.maximum(by_layer["c"], 0))
    assert not any(name.startswith("layer:") for name in case.blobs)


@pytest.mark.parametrize("name", cases.caffe_cases())
def test_every_caffe_case_loads(name: str) -> None:
    case = cases.caffe_case(name)
    assert case.prototxt.is_file()
    assert case.weights.is_file()
    assert case.inputs or not case.info["inputs"]
    shapes = {key: tuple(shape) for key, shape in case.info["shapes"].items() if not key.startswith("layer:")}
    assert {key: value.shape for key, value in case.blobs.items()} == shapes
    assert {step.top for step in case.steps} >= set(case.outputs)


def test_data_layers_deliver_the_inputs() -> None:
    case = cases.caffe_case("trainval_data_layers")
    assert {name: value.shape for name, value in case.inputs.items()} == {"data": (4, 3, 12, 12), "label": (4,)}


@pytest.mark.parametrize("name", cases.matconvnet_cases())
def test_every_matconvnet_case_loads(name: str) -> None:
    case = cases.matconvnet_case(name)
    assert all(file.is_file() for file in case.files)
    assert all(value.ndim == 4 and value.flags.c_contiguous for value in case.inputs.values())
    assert set(case.final) <= set(case.outputs)
    for key, (height, width, channels, batch) in case.info["outputs"].items():
        assert case.outputs[key].shape == (batch, channels, height, width)


def test_simplenn_input_is_called_data() -> None:
    assert list(cases.matconvnet_case("conv_fc").inputs) == ["data"]
    assert list(cases.matconvnet_case("dag_order").inputs) == ["data", "in2"]


def test_outputs_are_exact_where_the_cpu_kernel_only_approximates() -> None:
    case = cases.matconvnet_case("lrn_default")
    assert set(case.outputs) == set(case.kernel_outputs) == {"x1"}
    assert not np.array_equal(case.outputs["x1"], case.kernel_outputs["x1"])
    np.testing.assert_allclose(case.outputs["x1"], case.kernel_outputs["x1"], rtol=5e-3)


@pytest.mark.parametrize("name", cases.caffe_rejects())
def test_every_caffe_reject_has_a_file_and_a_message(name: str) -> None:
    reject = cases.caffe_reject(name)
    assert reject.files[0].is_file()
    assert reject.message


@pytest.mark.parametrize("name", cases.matconvnet_rejects())
def test_every_matconvnet_reject_has_one_file(name: str) -> None:
    reject = cases.matconvnet_reject(name)
    assert len(reject.files) == 1
    assert reject.info["note"]


def test_full_size_reference_loads() -> None:
    full = cases.vggface_full()
    assert full.prototxt.is_file()
    assert full.blobs["fc8"].shape == (1, 2622)


def test_unknown_case_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"no 'nope' in tests/data/caffe_cases\.zip"):
        cases.caffe_case("nope")
