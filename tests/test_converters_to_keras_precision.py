"""Keras in half precision: how close it comes, what stays float32, and which weights are refused."""

from pathlib import Path

import numpy as np
import pytest

from converters import ops, to_keras
from converters.errors import UnsupportedError
from converters.keras_model.library import keras
from keras_cases import ONE_PER_OP, check, image_net
from op_values import Example
from op_window_examples import POOLING
from small_graphs import face, graph, with_params

HALF_TOLERANCE = 2e-2


@pytest.mark.parametrize("example", list({str(e): e for e in (*ONE_PER_OP, *POOLING)}.values()), ids=str)
def test_half_precision(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    outside = isinstance(example.op, ops.Pooling) and np.abs(model.run(feeds)["y"]).max(initial=0) > 1e30
    if outside:
        with pytest.raises(UnsupportedError, match="half precision cannot hold"):
            to_keras.save(model, tmp_path / "m.keras", dtype="float16")
        return
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    check(model, tmp_path / "m.keras", feeds, HALF_TOLERANCE)


def test_half_precision_stores_halves_and_keeps_inputs_and_outputs_float32(tmp_path: Path) -> None:
    model = face()
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert {variable.dtype for layer in loaded.layers for variable in layer.weights[:2] if layer.name[:2] == "fc"} == {
        "float16"
    }
    assert [tensor.dtype for tensor in (*loaded.inputs, *loaded.outputs)] == ["float32", "float32"]
    assert loaded.output_names == ["prob"]


def test_half_precision_keeps_indices_whole(tmp_path: Path) -> None:
    model = graph(
        {"words": (2, 3)},
        [("same", ops.Identity(), "words"), ("rows", ops.Embedding(5000, 2), "same"), ("y", ops.Flatten(), "rows")],
    )
    feeds = {"words": np.array([[4999, 4097, 1], [2049, 3, 4095]], np.float32)}
    to_keras.save(model, tmp_path / "m.keras", dtype="float16")
    check(model, tmp_path / "m.keras", feeds, 1e-3)


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    model = image_net([("y", ops.Dense(2), "data")])
    weight = model.node("y").params["weight"].copy()
    weight[0, 0] = -70000
    with pytest.raises(UnsupportedError, match=r"layer 'y': a weight of 70000 is beyond float16"):
        to_keras.save(with_params(model, "y", weight=weight), tmp_path / "m.keras", dtype="float16")
