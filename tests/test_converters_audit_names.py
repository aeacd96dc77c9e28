"""What names of arrays say of the layers they belong to."""

import pytest

from converters.audit.names import accepts, key, last_key, says, split
from converters.audit.tensors import Tensor, natural, numbered


@pytest.mark.parametrize(
    ("name", "layer", "slot"),
    [
        ("conv1_1/kernel:0", "conv1_1", "kernel"),
        ("vgg/conv1_1/kernel", "vgg/conv1_1", "kernel"),
        ("conv1_1.weight", "conv1_1", "weight"),
        ("features.0.bias", "features.0", "bias"),
        ("0.weight", "0", "weight"),
        ("bn1.running_mean", "bn1", "running_mean"),
        ("bn1_moving_variance", "bn1", "moving_variance"),
        ("conv1_1/0", "conv1_1", "0"),
        ("conv1_1", "conv1_1", ""),
        ("arr_0", "arr_0", ""),
        ("onnx::Conv_123", "onnx::Conv_123", ""),
        ("inception_3a/1x1.weight", "inception_3a/1x1", "weight"),
        ("weight", "", "weight"),
        ("net/conv1_1/Conv2D/ReadVariableOp:0", "net/conv1_1", "weight"),
        ("net/fc6/BiasAdd/ReadVariableOp:0", "net/fc6", "bias"),
        ("net/fc6/MatMul", "net/fc6", "weight"),
    ],
)
def test_a_name_is_split_into_layer_and_slot(name: str, layer: str, slot: str) -> None:
    assert split(name) == (layer, slot)


def test_a_letter_counts_beside_its_counterpart_only() -> None:
    assert split("conv1_1_W:0", ["conv1_1_W:0", "conv1_1_b:0"]) == ("conv1_1", "w")
    assert split("conv1_1_b:0", ["conv1_1_W:0", "conv1_1_b:0"]) == ("conv1_1", "b")
    assert split("branch_b", ["branch_b", "branch"]) == ("branch_b", "")


def test_slots_of_others_stand_for_params_of_ours() -> None:
    assert says("scale", "gamma") and says("variance", "running_var") and not says("bias", "kernel")
    assert accepts("scale", "weight") and not accepts("bias", "weight")
    assert accepts("weight", "") and accepts("weight", "value")
    assert accepts("weight_x", "bias"), "a param that has no words of its own may be anything"


def test_keys_agree_where_spellings_do() -> None:
    assert key("Conv1-1") == key("conv1_1") == last_key("vgg/features.conv1_1") == "conv1_1"
    assert key("inception_3a/1x1") == "inception_3a_1x1" and last_key("inception_3a/1x1") == "1x1"


def test_names_sorted_as_text_are_read_as_numbers() -> None:
    names = ["features.0.weight", "features.10.weight", "features.2.weight"]
    made = [Tensor(name, (1,), "float32", lambda: pytest.fail("nothing is loaded")) for name in names]
    assert [tensor.name for tensor in numbered(made)] == [names[0], names[2], names[1]]
    assert [tensor.order for tensor in numbered(made)] == [0, 1, 2]
    other = [made[1], made[0]]
    assert numbered(other)[0].name == names[1], "an order of the file's own is kept"


def test_numbers_inside_names_sort_as_numbers() -> None:
    assert sorted(["a10", "a9", "a", "b1"], key=natural) == ["a", "a9", "a10", "b1"]
