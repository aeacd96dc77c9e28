"""Recurrent ops in ONNX: a Scan over time, since ONNX's own LSTM and RNN cannot start a sequence anew on the way."""

from collections.abc import Callable, Sequence

from onnx import TensorProto, helper

from converters.onnx_model.building import INFERRED, Site, Value
from converters.ops import LSTM, RNN

# A step of a Scan: the body's site, the projected input, the continuation and the states; returns the new states.
_Step = Callable[[Site, str, str, Sequence[str]], list[str]]


def lstm(site: Site, op: LSTM, *inputs: Value) -> str:
    """Scan with the hidden and the cell state."""
    weight_h = site.param("weight_h")
    parts = site.ints([op.units] * 4, "gates")

    def step(body: Site, now: str, going_on: str, states: Sequence[str]) -> list[str]:
        hidden, cell = states
        recurrent = body.add("Gemm", body.add("Mul", going_on, hidden), weight_h, transB=1)
        gates = body.add_many("Split", body.add("Add", now, recurrent), parts, outputs=4, axis=1)
        i, f, o = (body.add("Sigmoid", gate) for gate in gates[:3])
        kept = body.add("Mul", going_on, body.add("Mul", f, cell))
        new_cell = body.add("Add", kept, body.add("Mul", i, body.add("Tanh", gates[3])))
        return [body.add("Mul", o, body.add("Tanh", new_cell)), new_cell]

    return _scanned(site, op, inputs, step)[("hidden", "cell").index(op.returns)]


def rnn(site: Site, op: RNN, *inputs: Value) -> str:
    """Scan with the hidden state; the outputs are computed from all hidden states at once behind it."""
    weight_h = site.param("weight_h")

    def step(body: Site, now: str, going_on: str, states: Sequence[str]) -> list[str]:
        recurrent = body.add("Gemm", body.add("Mul", going_on, states[0]), weight_h, transB=1)
        return [body.add("Tanh", body.add("Add", now, recurrent))]

    (hidden,) = _scanned(site, op, inputs, step)
    if op.returns == "hidden":
        return hidden
    rows = site.add("Reshape", hidden, site.ints([INFERRED, op.units], "rows"))
    y = site.add("Gemm", rows, site.param("weight_o"), site.param("bias_o"), transB=1)
    return site.add("Tanh", site.reshape(y, [*site.sizes(inputs[0])[:2], op.units]))


def _scanned(site: Site, op: LSTM | RNN, inputs: Sequence[Value], step: _Step) -> list[str]:
    """Return all states of all times, (time, batch, units) each."""
    body = site.nested()
    kind = TensorProto.FLOAT
    states, (now, going_on) = _names(body, "state", op.states), _names(body, "now", 2)
    new = step(body, now, going_on, states)
    # What a loop hands on and what it collects need names of their own.
    collected = [body.add("Identity", name) for name in new]
    described = [helper.make_tensor_value_info(name, kind, None) for name in (*states, now, going_on, *new, *collected)]
    entries = op.states + 2
    graph = helper.make_graph(body.nodes, f"{site.label}/step", described[:entries], described[entries:])
    scan = [*_initial(site, op, inputs), _projected(site, op, inputs), site.unsqueeze(inputs[1].name, 2)]
    outputs = site.add_many("Scan", *scan, outputs=2 * op.states, body=graph, num_scan_inputs=2)
    return outputs[op.states :]


def _names(body: Site, what: str, count: int) -> list[str]:
    return [body.builder.fresh(f"{body.label}/{what}") for _ in range(count)]


def _initial(site: Site, op: LSTM | RNN, inputs: Sequence[Value]) -> list[str]:
    if op.initial:
        return [site.add("Squeeze", state.name, site.ints([0], "axis")) for state in inputs[2 + op.static :]]
    shape = site.vector([site.size(inputs[0], 1), op.units])
    return [site.add("Expand", site.constant(0.0, "zero"), shape)] * op.states


def _projected(site: Site, op: LSTM | RNN, inputs: Sequence[Value]) -> str:
    """Return W_x x + b (+ W_static s) for all times, (time, batch, gates)."""
    x = inputs[0]
    gates = site.node.params["bias"].size
    features = site.node.params["weight_x"].shape[1]
    rows = site.add("Reshape", x.name, site.ints([INFERRED, features], "rows"))
    y = site.add("Gemm", rows, site.param("weight_x"), site.param("bias"), transB=1)
    projected = site.reshape(y, [*site.sizes(x)[:2], gates])
    if not op.static:
        return projected
    flat = site.add("Flatten", inputs[2].name, axis=1)
    return site.add("Add", projected, site.add("Gemm", flat, site.param("weight_static"), transB=1))
