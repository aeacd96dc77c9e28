"""Keras: networks, options and files that are refused, with all their reasons."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from converters import ops, to_keras
from converters.errors import ConversionError, FormatError, UnsupportedError
from converters.ir import Graph, Node
from converters.keras_model.library import keras
from converters.ops import Op
from keras_cases import feeds_of
from small_graphs import face, graph


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    steps: list[tuple[str, Op, str]] = [
        ("kept", ops.Filter(), "data flags"),
        ("rest", ops.ELU(), "kept"),
        ("again", ops.Filter(), "rest flags"),
    ]
    model = graph({"data": (2, 4, 8, 8), "flags": (2,)}, steps)
    problems = to_keras.unsupported(model)
    assert [problem.split(":")[0] for problem in problems] == ["layer 'kept'", "layer 'again'"]
    assert to_keras.unsupported(face()) == []
    with pytest.raises(UnsupportedError) as caught:
        to_keras.save(model, tmp_path / "m.keras")
    assert caught.value.problems == problems


def chain(length: int) -> Graph:
    names = ["data", *(f"n{i}" for i in range(length))]
    return graph({"data": (1, 2)}, [(after, ops.ELU(), before) for before, after in pairwise(names)])


def test_a_chain_that_keras_cannot_load_is_refused(tmp_path: Path) -> None:
    to_keras.save(chain(900), tmp_path / "m.keras")
    assert len(keras.models.load_model(tmp_path / "m.keras").layers) == 901
    with pytest.raises(UnsupportedError, match=r"a chain of 901 operations, but Keras, .* loads at most 900"):
        to_keras.save(chain(901), tmp_path / "m.keras")


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="'float64' is no number type that is written; choose float32 or float16"):
        to_keras.save(face(), tmp_path / "m.keras", dtype="float64")
    with pytest.raises(UnsupportedError, match="'depth' cannot be left open; choose from batch, height, width"):
        to_keras.save(face(), tmp_path / "m.keras", dynamic=("depth",))
    with pytest.raises(UnsupportedError, match="the height cannot stay open: no input has one"):
        to_keras.save(chain(1), tmp_path / "m.keras", dynamic=("height",))
    empty = Graph("e", {}, (Node("c", ops.Constant((2,)), (), {"value": np.ones(2, np.float32)}),), {"c": "c"})
    with pytest.raises(UnsupportedError, match="network 'e' has no input"):
        to_keras.save(empty, tmp_path / "m.keras")


def test_running_says_what_is_wrong(tmp_path: Path) -> None:
    to_keras.save(face(), tmp_path / "m.keras")
    feeds = feeds_of(face())
    with pytest.raises(ConversionError, match="input 'data' is not fed"):
        to_keras.run(face(), tmp_path / "m.keras", {})
    with pytest.raises(ConversionError, match="no value 'relu9'; did you mean 'relu"):
        to_keras.run(face(), tmp_path / "m.keras", feeds, ["relu9"])
    assert set(to_keras.run(face(), tmp_path / "m.keras", feeds, ["relu1", "prob"])) == {"relu1", "prob"}
    foreign = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    foreign.save(tmp_path / "foreign.keras")
    with pytest.raises(FormatError, match=r"foreign.keras: does not say which layer gives which value"):
        to_keras.run(face(), tmp_path / "foreign.keras", feeds)
    (tmp_path / "broken.keras").write_bytes(b"PK no zip")
    with pytest.raises(FormatError, match=r"broken.keras: not a Keras model"):
        to_keras.run(face(), tmp_path / "broken.keras", feeds)
    with pytest.raises(FormatError, match=r"broken.keras: Keras cannot load it"):
        to_keras.run_file(tmp_path / "broken.keras", feeds)
