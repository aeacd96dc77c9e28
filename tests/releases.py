"""The second release of a network, for tests: as MatConvNet would hold what was published for Caffe."""

from pathlib import Path
from typing import Any

import numpy as np

from converters import ops
from converters.ir import Graph, Node
from converters.ops import Array
from matlab_files import cell, conv, simplenn
from small_graphs import NO_PADS, ONES


def other_form(model: Graph, *, flip: bool = True, **fields: Any) -> Graph:
    """The network with convolutions for its dense layers, other names, no dropout, its first convolution flipped."""
    given, size = next(iter(model.inputs.items()))
    names, nodes = {given: "x0"}, list[Node]()
    for node in model:
        source = names[node.inputs[0]]
        if isinstance(node.op, (ops.Dropout, ops.Flatten)):
            names[node.name] = source
            continue
        names[node.name] = f"layer{len(nodes) + 1}"
        op, params = _convolved(model, node)
        if flip and node.inputs[0] == given:
            params["weight"] = params["weight"][:, ::-1]
        nodes.append(Node(names[node.name], op, (source,), params))
    outputs = {names[value]: names[value] for value in model.outputs.values()}
    return Graph("other", {"x0": size}, tuple(nodes), outputs, **fields)


def _convolved(model: Graph, node: Node) -> tuple[ops.Op, dict[str, Array]]:
    if not isinstance(node.op, ops.Dense):
        return node.op, dict(node.params)
    weight = node.params["weight"]
    read = model.shapes[node.inputs[0]][1:]
    shape = read if len(read) == 3 else (weight.shape[1], 1, 1)
    op = ops.Convolution(len(weight), shape[1:], ONES, NO_PADS, ONES)
    return op, {**node.params, "weight": weight.reshape(len(weight), *shape)}


def mat_release(path: Path, model: Graph, mean: Any, labels: tuple[str, ...] = ()) -> Path:
    """Write a network of convolutions, poolings, ReLUs, dense layers and a softmax as a SimpleNN that takes RGB."""
    other = other_form(model)
    layers = [_layer(node.name, turned) for node, turned in zip(_kept(model), other, strict=True)]
    height, width = next(iter(model.inputs.values()))[2:]
    normalization = {"imageSize": [float(height), float(width), 3.0], "averageImage": np.asarray(mean, np.float64)}
    meta: dict[str, Any] = {"normalization": normalization}
    if labels:
        meta["classes"] = {"description": cell(labels)}
    return simplenn(path, layers, meta=meta)


def _kept(model: Graph) -> list[Node]:
    return [node for node in model if not isinstance(node.op, (ops.Dropout, ops.Flatten))]


def _layer(name: str, node: Node) -> dict[str, Any]:
    op: Any = node.op
    if isinstance(op, ops.Convolution):
        filters = np.ascontiguousarray(node.params["weight"].transpose(2, 3, 1, 0))
        return conv(name, filters, node.params["bias"], pad=_sides(op.pads), stride=_numbers(op.stride))
    if isinstance(op, ops.Pooling):
        sizes = {"pool": _numbers(op.kernel), "stride": _numbers(op.stride), "pad": _sides(op.pads)}
        return {"name": name, "type": "pool", "method": "max" if op.method == "max" else "avg", **sizes}
    return {"name": name, "type": {ops.ReLU: "relu", ops.Softmax: "softmax"}[type(op)]}


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values]


def _sides(pads: Any) -> list[float]:
    return [float(side) for pair in pads for side in pair]
