"""The NumPy meaning of every op, held to examples worked by hand and to plain loops."""

import inspect

import numpy as np
import pytest

from converters import ops
from op_examples import EXAMPLES
from op_values import Example


def op_classes() -> set[type[ops.Op]]:
    found = {value for value in vars(ops).values() if inspect.isclass(value) and issubclass(value, ops.Op)}
    return {op for op in found if not inspect.isabstract(op)}


def test_every_op_has_an_example() -> None:
    missing = op_classes() - {type(example.op) for example in EXAMPLES}
    assert not missing, f"add examples to tests/op_examples.py for {sorted(op.__name__ for op in missing)}"


def test_names_of_examples_are_unique() -> None:
    names = [str(example) for example in EXAMPLES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_shape_and_dtype_are_as_promised(example: Example) -> None:
    graph, feeds = example.graph(), example.feeds()
    value = graph.run(feeds)["y"]
    promised = graph.shapes["y"]
    assert value.dtype == np.float32
    if example.op.data_dependent:
        axis = 2 if isinstance(example.op, ops.DetectionOutput) else 0
        assert value.shape[axis] <= max(promised[axis], graph.shapes["in0"][0])
        promised = (*promised[:axis], value.shape[axis], *promised[axis + 1 :])
    assert value.shape == promised


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_double_precision_agrees(example: Example) -> None:
    graph, feeds = example.graph(), example.feeds()
    single, double = graph.run(feeds)["y"], graph.run(feeds, np.float64)["y"]
    assert double.dtype == np.float64
    assert single.shape == double.shape
    np.testing.assert_allclose(single, double, rtol=2e-4, atol=2e-5)
