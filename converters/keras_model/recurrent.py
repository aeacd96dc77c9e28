"""Recurrent ops: one step is a model of its own, called once for each point in time."""

from dataclasses import dataclass
from typing import Any

from converters.keras_model.assembly import Builder, Layer, Site
from converters.keras_model.layout import Tensor, to_first
from converters.keras_model.library import keras, layers, ops, plus
from converters.keras_model.names import keras_name
from converters.ops import LSTM, RNN, Op
from converters.ops.base import size_of


@dataclass(frozen=True)
class _Sequence:
    """What the steps read: inputs (time, batch, gates), continuation (time, batch, 1), first states (batch, units)."""

    time: int
    projected: Tensor
    continuation: Tensor
    states: list[Tensor]


def _sequence(site: Site, op: LSTM | RNN, gates: int) -> _Sequence:
    time = site.fixed(site.shape[:1], "the number of time steps")[0]
    params, xs = site.node.params, site.xs
    width = size_of(site.fixed(site.shape[2:]))
    x = ops.reshape(to_first(xs[0]), (time, -1, width))
    projected = site.learned(layers.Dense(gates * op.units), x, params["weight_x"].T, params["bias"], role="input")
    if op.static:
        static = ops.reshape(to_first(xs[2]), (-1, size_of(site.fixed(site.shapes[2][1:]))))
        layer = layers.Dense(gates * op.units, use_bias=False)
        added = site.learned(layer, static, params["weight_static"].T, role="static")
        projected = plus(projected, ops.expand_dims(added, 0))
    return _Sequence(time, projected, ops.expand_dims(xs[1], -1), _first_states(site, op, projected))


def _first_states(site: Site, op: LSTM | RNN, projected: Tensor) -> list[Tensor]:
    if op.initial:
        return [state[0] for state in site.xs[2 + op.static :]]
    return [ops.zeros_like(projected[0, :, : op.units])] * op.states


def _steps(step: Layer, sequence: _Sequence) -> list[list[Tensor]]:
    """Call the model of one step along the time; return the states after each step, state by state."""
    states, found = sequence.states, []
    for t in range(sequence.time):
        after = step([sequence.projected[t], sequence.continuation[t], *states])
        states = list(after) if isinstance(after, (list, tuple)) else [after]
        found.append(states)
    return [list(one) for one in zip(*found, strict=True)]


def _step_inputs(sequence: _Sequence, states: tuple[str, ...]) -> list[Tensor]:
    now = keras.Input(batch_shape=sequence.projected.shape[1:], dtype=sequence.projected.dtype, name="now")
    continuation = keras.Input(batch_shape=sequence.continuation.shape[1:], dtype=now.dtype, name="continuation")
    return [
        now,
        continuation,
        *(
            keras.Input(batch_shape=s.shape, dtype=now.dtype, name=n)
            for s, n in zip(sequence.states, states, strict=True)
        ),
    ]


def _gates(site: Site, units: int, inputs: list[Tensor]) -> Tensor:
    now, continuation, hidden = inputs[:3]
    layer = layers.Dense(units, use_bias=False, name="recurrent")
    return ops.add(
        now, site.learned(layer, ops.multiply(continuation, hidden), site.node.params["weight_h"].T, role="recurrent")
    )


def _lstm_step(site: Site, op: LSTM, sequence: _Sequence) -> Layer:
    inputs = _step_inputs(sequence, ("hidden", "cell"))
    i, f, o, g = ops.split(_gates(site, 4 * op.units, inputs), 4, axis=-1)
    _, continuation, _, before = inputs
    kept = ops.multiply(continuation, ops.multiply(ops.sigmoid(f), before))
    cell = ops.add(kept, ops.multiply(ops.sigmoid(i), ops.tanh(g)))
    hidden = ops.multiply(ops.sigmoid(o), ops.tanh(cell))
    return keras.Model(inputs, [hidden, cell], name=_step_name(site))


def _rnn_step(site: Site, op: RNN, sequence: _Sequence) -> Layer:
    inputs = _step_inputs(sequence, ("hidden",))
    return keras.Model(inputs, ops.tanh(_gates(site, op.units, inputs)), name=_step_name(site))


def _step_name(site: Site) -> str:
    return f"{keras_name(site.node.layer)}_step"


def _states(site: Site, op: Any, gates: int, make: Any) -> list[list[Tensor]]:
    """Return the states after each step; two nodes that differ only in what they return share them."""
    key = ("states", site.node.inputs, *map(id, site.node.params.values()))
    if key not in site.bench.shared:
        sequence = _sequence(site, op, gates)
        site.bench.shared[key] = _steps(make(site, op, sequence), sequence)
    found: list[list[Tensor]] = site.bench.shared[key]
    return found


def _lstm(site: Site, op: LSTM) -> Tensor:
    hidden, cells = _states(site, op, 4, _lstm_step)
    return ops.stack(hidden if op.returns == "hidden" else cells, axis=0)


def _rnn(site: Site, op: RNN) -> Tensor:
    (states,) = _states(site, op, 1, _rnn_step)
    hidden = ops.stack(states, axis=0)
    if op.returns == "hidden":
        return hidden
    params = site.node.params
    return site.learned(
        layers.Dense(op.units, activation="tanh"), hidden, params["weight_o"].T, params["bias_o"], role="output"
    )


RECURRENT: dict[type[Op], Builder] = {LSTM: _lstm, RNN: _rnn}
