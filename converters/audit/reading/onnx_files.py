"""`.onnx` files: initializers and constants with the nodes that use them, as views of the mapped file or of its data.

Needs neither ONNX's library nor a protobuf runtime. Field numbers are those of onnx.proto.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from mmap import mmap
from pathlib import Path

from converters.audit.names import split
from converters.audit.reading.onnx_tensors import Part, Stored, parts, texts
from converters.audit.tensors import Contents, Tensor
from converters.errors import FormatError
from converters.files.model_files import check_recognised, map_file
from converters.onnx_model.wire import GRAPH_INITIALIZER, MODEL_GRAPH, fields

GRAPH_NODE = 1
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OP_TYPE, NODE_ATTRIBUTE = 1, 2, 3, 4, 5
ATTRIBUTE_TENSOR = 5
# What an operator's inputs are; the others are no trained arrays, or might be settings of the graph as well.
_OPERANDS: dict[str, dict[int, str]] = {
    "Conv": {1: "weight", 2: "bias"},
    "ConvTranspose": {1: "weight", 2: "bias"},
    "Gemm": {1: "weight", 2: "bias"},
    "MatMul": {0: "weight", 1: "weight"},
    "BatchNormalization": {1: "scale", 2: "bias", 3: "mean", 4: "variance"},
    "InstanceNormalization": {1: "scale", 2: "bias"},
    "PRelu": {1: "slope"},
    "Gather": {0: "weight"},
    "LSTM": {1: "weight_x", 2: "weight_h", 3: "bias"},
    "RNN": {1: "weight_x", 2: "weight_h", 3: "bias"},
}
# These only hand an array on, in another shape or type.
_PASSED_ON = ("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze", "Flatten")
MAX_HOPS = 4


@dataclass(frozen=True)
class Use:
    """A node that reads an array: what it is, at which place it reads it, and what it is called."""

    op_type: str
    place: int
    node: str


@dataclass
class _Node:
    op_type: str
    name: str
    inputs: list[str]
    outputs: list[str]
    constant: Part | None = None


@dataclass
class _Model:
    """What is known of a file after one pass over its fields."""

    path: Path
    view: mmap
    nodes: list[_Node] = field(default_factory=list)
    initializers: list[Part] = field(default_factory=list)


def read(path: Path) -> Contents:
    """Read an `.onnx` file; FormatError for what is none, or damaged."""
    view = map_file(path)
    check_recognised(path, view[:4096], "an ONNX model")
    model = _Model(path, view)
    try:
        _scan(model)
        stored = [Stored(path, view, part) for part in model.initializers]
        stored += [Stored(path, view, node.constant, node.outputs[0]) for node in model.nodes if node.constant]
        uses = _uses(model.nodes)
        names = {tensor.name for tensor in stored}
        tensors = tuple(_tensor(tensor, uses, names) for tensor in stored)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise FormatError(f"{path}: is a damaged ONNX model, or none: {error}") from error
    problems = [problem for tensor in stored for problem in tensor.problems]
    if problems:
        raise FormatError(problems)
    return Contents(path, "ONNX", tensors)


def _scan(model: _Model) -> None:
    graphs = parts(model.view, 0, len(model.view)).get(MODEL_GRAPH, [])
    if not graphs:
        raise ValueError("there is no graph in it")
    for graph in graphs:
        for number, _, start, stop in fields(model.view, graph.start, graph.stop):
            if number == GRAPH_NODE:
                model.nodes.append(_node(model.view, start, stop))
            elif number == GRAPH_INITIALIZER:
                model.initializers.append(Part(start, stop))


def _node(view: mmap, start: int, stop: int) -> _Node:
    held = parts(view, start, stop)
    op_type, name = ("".join(texts(view, held.get(number, []))[-1:]) for number in (NODE_OP_TYPE, NODE_NAME))
    inputs, outputs = (texts(view, held.get(number, [])) for number in (NODE_INPUT, NODE_OUTPUT))
    node = _Node(op_type, name, inputs, outputs)
    if op_type == "Constant" and outputs:
        for attribute in held.get(NODE_ATTRIBUTE, []):
            said = parts(view, attribute.start, attribute.stop)
            node.constant = next(iter(said.get(ATTRIBUTE_TENSOR, [])), node.constant)
    return node


def _uses(nodes: list[_Node]) -> dict[str, list[Use]]:
    """Return who reads each value, past nodes that only hand it on."""
    direct: dict[str, list[tuple[_Node, int]]] = {}
    for node in nodes:
        for place, name in enumerate(node.inputs):
            direct.setdefault(name, []).append((node, place))
    return {name: list(_readers(name, direct, MAX_HOPS)) for name in direct}


def _readers(name: str, direct: Mapping[str, list[tuple[_Node, int]]], hops: int) -> Iterator[Use]:
    for node, place in direct.get(name, []):
        if node.op_type in _PASSED_ON and place == 0 and node.outputs and hops:
            yield from _readers(node.outputs[0], direct, hops - 1)
        else:
            yield Use(node.op_type, place, node.name or "".join(node.outputs[:1]))


def _called(use: Use) -> str:
    """Return a node's name without the operator's that exporters put at its end: /conv1_1/Conv becomes conv1_1."""
    before, _, last = use.node.rpartition("/")
    return before.strip("/") if before.strip("/") and last.startswith(use.op_type) else use.node


def _tensor(stored: Stored, uses: Mapping[str, list[Use]], names: set[str]) -> Tensor:
    layer, slot = split(stored.name, names)
    known = [use for use in uses.get(stored.name, []) if use.place in _OPERANDS.get(use.op_type, {})]
    if known:
        # Behind MatMul stands an Add of its own for the bias; its name is all that ties it to the layer.
        layer = layer if slot and layer else _called(known[0])
        slot = _OPERANDS[known[0].op_type][known[0].place]
    return Tensor(
        stored.name, stored.shape, stored.dtype, partial(Stored.array, stored), layer, slot, constant=not known
    )
