"""Keras: what is written computes what NumPy computes, op by op and in real networks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cases
from converters import to_keras
from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe import read_caffe
from converters.keras_model.library import keras, plus, quietly
from converters.keras_model.tensorflow_library import tf
from keras_cases import ONE_PER_OP, REFUSED, SUPPORTED, check, feeds_of, many_ops, stored
from op_examples import EXAMPLES
from op_values import Example, assert_close


def alike(example: Example) -> Example | None:
    """The same op on axes that all have 4 cells, so that nothing but their order tells them apart."""
    same = replace(example, what=f"alike {example.what}", shapes=tuple((4,) * len(s) for s in example.shapes))
    try:
        same.graph().run(same.feeds())
    except (ShapeError, ValueError):  # an op, or what makes its inputs, wants other sizes
        return None
    return same


ALIKE = [example for example in map(alike, SUPPORTED) if example]


@pytest.mark.parametrize("example", SUPPORTED, ids=str)
def test_every_op(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", example.feeds())


@pytest.mark.parametrize("example", ALIKE, ids=str)
def test_every_op_where_all_axes_have_one_length(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", example.feeds())


@pytest.mark.parametrize("example", [e for e in EXAMPLES if type(e.op) in REFUSED], ids=str)
def test_what_no_keras_model_can_express_is_refused_by_name(example: Example, tmp_path: Path) -> None:
    reason = REFUSED[type(example.op)]
    with pytest.raises(UnsupportedError, match=f"layer 'y': {type(example.op).__name__} has no .* Keras: {reason}"):
        to_keras.save(example.graph(), tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_every_op_is_either_built_or_refused_with_a_reason() -> None:
    assert set(to_keras.OPS) | set(to_keras.REFUSED) == {type(example.op) for example in EXAMPLES}
    assert set(to_keras.REFUSED) == set(REFUSED)
    assert not set(to_keras.OPS) & set(to_keras.REFUSED)


@pytest.mark.parametrize("example", ONE_PER_OP, ids=str)
def test_every_op_in_a_compiled_graph(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    to_keras.save(model, tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    whole = tf.function(lambda *x: loaded(list(x) if len(x) > 1 else x[0], training=False))
    with quietly():
        (y,) = keras.tree.flatten(whole(*(tf.constant(stored(array)) for array in feeds.values())))
    expected = stored(model.run(feeds)["y"])
    assert_close(np.asarray(y), expected)


@pytest.mark.parametrize("name", ["net_mini_resnet", "net_vggface_small", "lstm_static_expose", "shared_params"])
@pytest.mark.parametrize("target", ["m.keras", "m.weights.h5"])
def test_every_node_of_real_networks(name: str, target: str, tmp_path: Path) -> None:
    case = cases.caffe_case(name)
    model = read_caffe(case.prototxt, case.weights)
    written = to_keras.save(model, tmp_path / target)
    assert written == sorted(tmp_path.iterdir(), key=lambda path: path.suffix == ".json")
    check(model, tmp_path / target, {key: case.inputs[key] for key in model.inputs})


@pytest.fixture
def callers_settings() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_dtype_policy(before)
    keras.config.set_image_data_format("channels_last")


@pytest.mark.usefixtures("callers_settings")
def test_the_callers_settings_of_keras_do_not_matter(tmp_path: Path) -> None:
    model = many_ops()
    to_keras.save(model, tmp_path / "m.keras")
    check(model, tmp_path / "m.keras", feeds_of(model))
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_a_sum_does_not_take_its_second_term_for_a_bias() -> None:
    x, y = np.arange(9, dtype=np.float32).reshape(3, 1, 1, 3), np.array([10, 20, 30], np.float32).reshape(3, 1, 1, 1)
    for first, second in ((x, y), (y, x)):
        np.testing.assert_array_equal(np.asarray(plus(*map(keras.ops.convert_to_tensor, (first, second)))), x + y)
        np.testing.assert_array_equal(np.asarray(plus(keras.ops.convert_to_tensor(first), second)), x + y)
