"""Recurrent ops, in Caffe's layout:

(time, batch, features), with a continuation input that is 0 where a sequence starts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from converters.errors import ShapeError
from converters.ops.activation import Sigmoid
from converters.ops.base import Array, Op, Shape, check_rank, size_of


@dataclass(frozen=True)
class _Recurrent(Op):
    """Inputs in this order:

    x (time, batch, ...), continuation (time, batch)[, static (batch, ...)][, initial state(s) (1, batch, units)].
    """

    units: int
    static: bool = False
    initial: bool = False
    inputs_wanted: ClassVar[int | None] = None
    states: ClassVar[int] = 1

    def output_shape(self, *inputs: Shape) -> Shape:
        wanted = 2 + self.static + self.states * self.initial
        if len(inputs) != wanted:
            raise ShapeError(
                f"{len(inputs)} inputs, expected {wanted}: x, continuation, static input and initial state as set"
            )
        x, continuation = inputs[:2]
        check_rank(x, 3, "x")
        if continuation != x[:2]:
            raise ShapeError(f"continuation has shape {list(continuation)}, expected {list(x[:2])}")
        if self.static and inputs[2][0] != x[1]:
            raise ShapeError(f"static input {list(inputs[2])} does not have the batch of {list(x)}")
        for state in inputs[2 + self.static :]:
            if state != (1, x[1], self.units):
                raise ShapeError(f"initial state has shape {list(state)}, expected {[1, x[1], self.units]}")
        return (x[0], x[1], self._output_width())

    def _output_width(self) -> int:
        return self.units

    def _input_params(self, gates: int, *inputs: Shape) -> dict[str, Shape]:
        params: dict[str, Shape] = {
            "weight_x": (gates * self.units, size_of(inputs[0][2:])),
            "bias": (gates * self.units,),
        }
        if self.static:
            params["weight_static"] = (gates * self.units, size_of(inputs[2][1:]))
        return {**params, "weight_h": (gates * self.units, self.units)}

    def _projected(self, arrays: tuple[Array, ...], weight_x: Array, bias: Array, weight_static: Array | None) -> Array:
        x = arrays[0]
        projected: Array = x.reshape(*x.shape[:2], -1) @ weight_x.T + bias
        if weight_static is None:
            return projected
        return np.asarray(projected + arrays[2].reshape(x.shape[1], -1) @ weight_static.T)

    def _initial_states(self, arrays: tuple[Array, ...]) -> list[Array]:
        if self.initial:
            return [state[0] for state in arrays[2 + self.static :]]
        return [np.zeros((arrays[0].shape[1], self.units), arrays[0].dtype) for _ in range(self.states)]


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """i, f, o = sigmoid, g = tanh of W_x x + b (+ W_static s) + W_h (cont * h); c = cont * f * c + i * g; h = o *
    tanh(c).

    Params weight_x (4 units, in), bias (4 units,)[, weight_static (4 units, static in)], weight_h (4 units, units),
    gates in the order i, f, o, g; initial states h, c. Output (time, batch, units): the hidden or the cell states.
    Source: BVLC Caffe, lstm_layer.cpp, lstm_unit_layer.cpp.
    """

    returns: Literal["hidden", "cell"] = "hidden"
    states: ClassVar[int] = 2

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        return self._input_params(4, *inputs)

    def compute(
        self, *arrays: Array, weight_x: Array, bias: Array, weight_h: Array, weight_static: Array | None = None
    ) -> Array:
        projected = self._projected(arrays, weight_x, bias, weight_static)
        return np.stack([h if self.returns == "hidden" else c for h, c in self._steps(arrays, projected, weight_h)])

    def _steps(self, arrays: tuple[Array, ...], projected: Array, weight_h: Array) -> Iterator[tuple[Array, Array]]:
        h, c = self._initial_states(arrays)
        for now, continuation in zip(projected, arrays[1][..., None], strict=True):
            i, f, o, g = np.split(now + (continuation * h) @ weight_h.T, 4, axis=-1)
            sigmoid = Sigmoid().compute
            c = continuation * (sigmoid(f) * c) + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            yield h, c


@dataclass(frozen=True)
class RNN(_Recurrent):
    """h = tanh(W_x x + b_h (+ W_static s) + W_h (cont * h)); o = tanh(W_o h + b_o).

    Params weight_x (units, in), bias (units,)[, weight_static (units, static in)], weight_h (units, units), weight_o
    (units, units), bias_o (units,). Output (time, batch, units): o, or h for `returns="hidden"`. Source: BVLC Caffe,
    rnn_layer.cpp.
    """

    returns: Literal["output", "hidden"] = "output"

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        return {**self._input_params(1, *inputs), "weight_o": (self.units, self.units), "bias_o": (self.units,)}

    def compute(
        self,
        *arrays: Array,
        weight_x: Array,
        bias: Array,
        weight_h: Array,
        weight_o: Array,
        bias_o: Array,
        weight_static: Array | None = None,
    ) -> Array:
        projected = self._projected(arrays, weight_x, bias, weight_static)
        (h,) = self._initial_states(arrays)
        states = []
        for now, continuation in zip(projected, arrays[1][..., None], strict=True):
            h = np.tanh(now + (continuation * h) @ weight_h.T)
            states.append(h)
        hidden = np.stack(states)
        return hidden if self.returns == "hidden" else np.asarray(np.tanh(hidden @ weight_o.T + bias_o))
