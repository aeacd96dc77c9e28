"""Weights rounded to half precision, and weights that are no numbers."""

import numpy as np
import pytest

from converters import passes
from converters.errors import UnsupportedError
from small_graphs import face, with_params


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
