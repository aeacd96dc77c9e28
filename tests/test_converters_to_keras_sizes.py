"""Keras: which axes stay open, that they take other sizes, and what pins them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from converters import ops, to_keras
from converters.errors import ShapeError, UnsupportedError
from converters.ir import Graph
from converters.keras_model.library import keras
from converters.ops import Array, Op
from keras_cases import SUPPORTED, check, feeds_of, image_net
from op_examples import NORMALIZATION, SAMPLING, SHAPES
from op_values import Example
from op_window_examples import CONVOLUTIONS, POOLING
from small_graphs import face

# Their first axis is time, or they cut it at fixed places, or count what lies along it.
PIN_THE_BATCH = (ops.ArgMax, ops.Crop, ops.LSTM, ops.RNN, ops.Slice)

MAPS = [e for e in (*CONVOLUTIONS, *POOLING, *NORMALIZATION, *SAMPLING, *SHAPES) if len(e.shapes[0]) == 4]


def twice(feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.concatenate([array, array[::-1]]) for name, array in feeds.items()}


@pytest.mark.parametrize("example", SUPPORTED, ids=str)
def test_an_open_batch_takes_other_batches(example: Example, tmp_path: Path) -> None:
    model, feeds = example.graph(), example.feeds()
    to_keras.save(model, tmp_path / "m.keras")
    inputs = zip(model.inputs, keras.models.load_model(tmp_path / "m.keras").inputs, strict=True)
    opened = [name for name, tensor in inputs if tensor.shape[:1] == (None,)]
    if not opened:
        assert isinstance(example.op, PIN_THE_BATCH) or not fits_twice(model)
        return
    larger = model.with_inputs({name: (2 * model.inputs[name][0], *model.inputs[name][1:]) for name in opened})
    check(larger, tmp_path / "m.keras", feeds | twice({name: feeds[name] for name in opened}))


def fits_twice(model: Graph) -> bool:
    try:
        model.with_inputs({name: (2 * shape[0], *shape[1:]) for name, shape in model.inputs.items() if shape})
    except ShapeError:
        return False
    return any(model.inputs.values())


@pytest.mark.parametrize("example", MAPS, ids=str)
def test_open_maps_take_other_sizes(example: Example, tmp_path: Path) -> None:
    model = example.graph()
    problems = to_keras.unsupported(model, dynamic=("height", "width"))
    if problems:
        words = ("is fixed", "cannot stay open", "several axes open", "form in Keras", "only fixed sizes tell")
        assert all(any(word in problem for word in words) for problem in problems), problems
        return
    to_keras.save(model, tmp_path / "m.keras", dynamic=("height", "width"))
    check(model, tmp_path / "m.keras", example.feeds())
    for more in ((1, 0), (0, 2), (3, 4), (11, 13)):
        grown = {n: (*s[:2], s[2] + more[0], s[3] + more[1]) for n, s in model.inputs.items() if len(s) == 4}
        try:
            other = model.with_inputs(grown)
        except ShapeError:  # two inputs, of which one alone is a map
            continue
        moved = {name: array for name, array in feeds_of(other).items() if other.inputs[name] != model.inputs[name]}
        check(other, tmp_path / "m.keras", example.feeds() | moved)


def test_the_batch_stays_open_unless_something_pins_it(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (None, 13, 11, 3)
    to_keras.save(face(), tmp_path / "m.keras", dynamic=())
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (2, 13, 11, 3)
    folded = image_net([("y", ops.Dense(3, 0), "data")])
    to_keras.save(folded, tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").input_shape == (2, 8, 8, 4)


def test_batch_statistics_are_of_the_batch_at_hand(tmp_path: Path) -> None:
    model = image_net([("y", ops.BatchStatisticsNormalization(), "data")])
    to_keras.save(model, tmp_path / "m.keras")
    larger = model.with_inputs({"data": (5, 4, 8, 8)})
    check(larger, tmp_path / "m.keras", feeds_of(larger))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (ops.Dense(3), "the height cannot stay open: layer 'y': parameter 'weight' has shape"),
        (ops.BilinearResize((4, 4)), r"layer 'y': has a form in Keras only where the size .* is fixed, here \[\?, 8\]"),
        (ops.Slice(2, 1, 3), "layer 'y': takes 1:3 of axis 2, so that axis cannot stay open"),
    ],
)
def test_what_pins_an_axis_is_named(op: Op, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=message):
        to_keras.save(image_net([("y", op, "data")]), tmp_path / "m.keras", dynamic=("height",))
