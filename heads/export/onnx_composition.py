"""A backbone that is an ONNX file, with what comes before and after it, as one ONNX file of standard operators.

The backbone's large arrays are not loaded: they are streamed into the new file from where they lie. What comes before
and after is written by the converters, as any network is, and put together with it here.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, inliner, numpy_helper

from converters import formats, to_onnx
from converters.description import as_text, from_text, tool_version
from converters.ir import Graph, unique_name
from converters.onnx_model.building import Initializer, onnx_type
from converters.onnx_model.file import VALUES_KEY, write
from converters.onnx_model.frame import revealing
from converters.ops import Array, Shape
from heads.backbones import Backbone
from heads.backbones.artefact import image_shape
from heads.errors import HeadsError
from heads.export.pieces import IMAGE, PROBABILITY, Composition, joined

STANDARD = ("", "ai.onnx")
FLOAT32 = np.dtype(np.float32)


def compose(parts: Composition, path: Path) -> list[Path]:
    """Write the whole to `path` and return the files written; HeadsError with all that keeps it from being written.

    Its batch is open where the backbone's is. Its metadata say which tensor is the embedding, the logit and the
    probability. Weights go into `<path>.data` where all would be larger than 2 GiB.
    """
    model, after = _readable(parts.backbone), joined(parts.name, parts.after)
    opset = _checked_opset(parts.backbone, model)
    tensors = _tensors(model, after.graph.inputs)
    used = _names(model.graph)
    freed = {name: unique_name(f"{name}/2", used) for name in (IMAGE, *after.names) if name in used}
    _rename(model.graph, freed)
    tensors = {node: freed.get(tensor, tensor) for node, tensor in tensors.items()}
    assembly = _Assembly(opset, used={IMAGE, *_names(model.graph)})
    image = _image(model)
    dynamic = () if image.type.tensor_type.shape.dim[0].WhichOneof("value") == "dim_value" else ("batch",)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = _Part(parts.before, dynamic, Path(folder))
        given = assembly.add(part, {IMAGE: IMAGE})
        assembly.cast(given[next(iter(parts.before.outputs.values()))], image.name, _dtype(image))
        assembly.add_model(_ending_at(model, list(tensors.values())), parts.backbone)
        wide = {node: assembly.widened(tensor) for node, tensor in tensors.items()}
        called = assembly.add(_Part(after.graph, dynamic, Path(folder)), wide)
        values = {outside: called[value] for outside, value in after.names.items()}
        whole = _model(assembly, parts, dynamic)
        told = as_text({**parts.facts, VALUES_KEY: {IMAGE: IMAGE, **values}})
        return write(path, whole, list(assembly.arrays.values()), lambda: told)


def channels_last(path: Path) -> bool:
    """Return whether the image that a model takes has its channels last."""
    dims = _image(_readable(path)).type.tensor_type.shape.dim
    sizes = [dim.dim_value if dim.WhichOneof("value") == "dim_value" else None for dim in dims]
    return image_shape(sizes, "image")[1]


def said_by(path: Path) -> dict[str, Any]:
    """Return what a model says of itself."""
    model = ModelProto.FromString(revealing(path, []))
    return from_text({entry.key: entry.value for entry in model.metadata_props})


def node_shapes(_path: Path, backbone: Backbone) -> dict[str, Shape]:
    """Return the shapes of the embedding's nodes, channels first, by running an empty image."""
    empty = np.zeros((backbone.engine.batch or 1, *backbone.input_shape), backbone.input_dtype)
    return dict(zip(backbone.nodes, (value.shape for value in backbone.engine.compute(empty)), strict=True))


@dataclass(frozen=True, eq=False)
class _Part:
    """A graph of ours that is to be written, and where."""

    graph: Graph
    dynamic: Sequence[str]
    folder: Path

    def written(self, opset: int) -> ModelProto:
        path = self.folder / f"{self.graph.name}.onnx"
        to_onnx.save(self.graph, path, opset=opset, dynamic=self.dynamic)
        model: ModelProto = onnx.load(path)
        return model


@dataclass
class _Assembly:
    """An ONNX graph in the making: nodes in order, arrays, and every name that is taken."""

    opset: int
    nodes: list[NodeProto] = field(default_factory=list)
    arrays: dict[str, Initializer] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def fresh(self, wanted: str) -> str:
        name = unique_name(wanted, self.used)
        self.used.add(name)
        return name

    def add(self, part: _Part, bound: Mapping[str, str]) -> dict[str, str]:
        """Append what a graph computes from these tensors, and return which tensor each of its values is."""
        model = part.written(self.opset)
        tensors = _values(model)
        called = {tensors[value]: tensor for value, tensor in bound.items()}
        for tensor in model.graph.initializer:
            called[tensor.name] = self.fresh(tensor.name)
            self.store(called[tensor.name], numpy_helper.to_array(tensor))
        for node in model.graph.node:
            called |= {name: self.fresh(name) for name in node.output}
            self.nodes.append(_renamed(node, called))
        return {value: called[tensor] for value, tensor in tensors.items()}

    def add_model(self, model: ModelProto, path: Path) -> None:
        """Append a whole model whose large arrays lie where it says, beside `path`."""
        self.nodes += model.graph.node
        for tensor in model.graph.initializer:
            self.store(tensor.name, _array(tensor, path))

    def store(self, name: str, array: Array) -> None:
        self.arrays[name] = Initializer(name, array.shape, array, array.dtype)

    def cast(self, given: str, wanted: str, dtype: Any) -> None:
        """Let the tensor `wanted` be the tensor `given` in this number type."""
        same = dtype in (FLOAT32, np.uint8)
        node = "Identity" if same else "Cast"
        kind = {} if same else {"to": onnx_type(dtype)}
        self.nodes.append(helper.make_node(node, [given], [wanted], self.fresh(f"{wanted}/{node}"), **kind))

    def widened(self, tensor: str) -> str:
        """Return a float32 tensor of the same values."""
        name = self.fresh(f"{tensor}/float32")
        self.nodes.append(helper.make_node("Cast", [tensor], [name], name, to=TensorProto.FLOAT))
        return name


def _readable(path: Path) -> ModelProto:
    """Return a model with its large arrays left where they lie, and without functions of its own."""
    model = ModelProto.FromString(revealing(path, []))
    if model.functions:
        model = inliner.inline_local_functions(model)
    foreign = sorted(
        {f"{node.domain}.{node.op_type}" for node in _all_nodes(model.graph.node) if node.domain not in STANDARD}
    )
    if foreign:
        raise HeadsError(
            f"{path}: holds {', '.join(foreign)}, which only some runtimes know; an exported file has standard "
            "operators alone. Export it from the sources: name them with --backbone"
        )
    return model


def _checked_opset(path: Path, model: ModelProto) -> int:
    opset = next((entry.version for entry in model.opset_import if entry.domain in STANDARD), 0)
    if opset not in to_onnx.OPSETS:
        first, last = to_onnx.OPSETS[0], to_onnx.OPSETS[-1]
        raise HeadsError(
            f"{path}: is of opset {opset}; a head can be joined to opsets {first} to {last}. "
            "onnx.version_converter changes it, or export from the sources: name them with --backbone"
        )
    return int(opset)


def _image(model: ModelProto) -> ValueInfoProto:
    """Return the one input that is not a weight; old models list those among the inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return next(entry for entry in model.graph.input if entry.name not in weights)


def _dtype(entry: ValueInfoProto) -> Any:
    return np.dtype(helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type))


def _values(model: ModelProto) -> dict[str, str]:
    """Return which tensor each value is, where the file says so."""
    told = {entry.key: entry.value for entry in model.metadata_props}
    found: dict[str, str] = json.loads(told.get(VALUES_KEY, "{}"))
    return found


def _tensors(model: ModelProto, nodes: Iterable[str]) -> dict[str, str]:
    """Return which tensor each of the embedding's nodes is."""
    known = {output.name: output.name for output in model.graph.output} | _values(model)
    missing = [node for node in nodes if node not in known]
    if missing:
        raise HeadsError([f"the backbone has no node '{node}'" for node in missing])
    return {node: known[node] for node in nodes}


def _ending_at(model: ModelProto, tensors: Sequence[str]) -> ModelProto:
    """Return the model without the nodes and arrays that these tensors do not need."""
    needed, kept = set(tensors), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(_read(node))
            kept.append(node)
    short = ModelProto()
    short.graph.node.extend(kept[::-1])
    short.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    return short


def _read(node: NodeProto) -> Iterator[str]:
    """Name every tensor that a node reads; branches and bodies of loops read from outside too."""
    yield from node.input
    for graph in _inner_graphs(node):
        for inner in graph.node:
            yield from _read(inner)
        yield from (output.name for output in graph.output)


def _inner_graphs(node: NodeProto) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for graph in _inner_graphs(node):
            yield from _all_nodes(graph.node)


def _names(graph: Any) -> set[str]:
    """Return every name of a graph, those inside branches and loops too: none may be given twice."""
    found = {entry.name for entries in (graph.input, graph.output, graph.initializer) for entry in entries}
    for node in graph.node:
        found |= {node.name, *node.input, *node.output}
        for inner in _inner_graphs(node):
            found |= _names(inner)
    return found


def _rename(graph: Any, called: Mapping[str, str]) -> None:
    """Give tensors and nodes other names, inside branches and loops too."""
    for entries in (graph.input, graph.output, graph.initializer, graph.value_info):
        for entry in entries:
            entry.name = called.get(entry.name, entry.name)
    for node in graph.node:
        node.name = called.get(node.name, node.name)
        for names in (node.input, node.output):
            names[:] = [called.get(name, name) for name in names]
        for inner in _inner_graphs(node):
            _rename(inner, called)


def _renamed(node: NodeProto, called: Mapping[str, str]) -> NodeProto:
    new = NodeProto()
    new.CopyFrom(node)
    new.input[:] = [called.get(name, name) for name in node.input]
    new.output[:] = [called.get(name, name) for name in node.output]
    new.name = new.output[0]
    return new


def _array(tensor: TensorProto, path: Path) -> Array:
    """Return the values of an initializer, mapped where they lie in a file."""
    if tensor.data_location != TensorProto.EXTERNAL:
        array: Array = numpy_helper.to_array(tensor)
        return array
    told = {entry.key: entry.value for entry in tensor.external_data}
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    place = path.parent / told["location"]
    return np.memmap(place, dtype.newbyteorder("<"), "r", int(told.get("offset", 0)), tuple(tensor.dims))


def _model(assembly: _Assembly, parts: Composition, dynamic: Sequence[str]) -> ModelProto:
    shape = next(iter(parts.before.inputs.values()))
    batch: int | str = dynamic[0] if dynamic else shape[0]
    graph = helper.make_graph(
        assembly.nodes,
        parts.name,
        [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [batch, *shape[1:]])],
        [helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, [batch, 1])],
    )
    imports = [helper.make_opsetid("", assembly.opset)]
    return helper.make_model(
        graph,
        opset_imports=imports,
        ir_version=helper.find_min_ir_version_for(imports),
        producer_name=formats.DISTRIBUTION,
        producer_version=tool_version(),
    )
