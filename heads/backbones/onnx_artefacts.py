"""ONNX files as backbones: those the converters wrote, whose every value has a name, and those of others."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from converters.description import from_text, preprocessing_read
from converters.onnx_model.file import VALUES_KEY
from converters.onnx_model.frame import revealing
from heads.backbones.artefact import OTHERS, Artefact, Engine, Hardware, OpenShape, channels_first, image_shape
from heads.backbones.sessions import device_of, results, session
from heads.errors import HeadsError

Array = np.ndarray[Any, Any]


def found(path: Path, hardware: Hardware) -> Artefact:
    """Return what an ONNX file is as a backbone; FormatError or HeadsError where it is none."""
    model = ModelProto.FromString(revealing(path, []))
    told = from_text({entry.key: entry.value for entry in model.metadata_props})
    image = _image(model)
    shape, last = image_shape(_shape(image), image.name)
    tensors = _tensors(told, [output.name for output in model.graph.output], image.name)

    def load(nodes: Sequence[str]) -> Engine:
        return _loaded(path, model, image, [tensors[node] for node in nodes], hardware, last=last)

    return Artefact(
        files=(path, *_data_files(model, path)),
        image=shape,
        input_dtype="uint8" if _number_type(image) == np.uint8 else "float32",
        nodes=tuple(tensors),
        outputs=_outputs(model, tensors),
        load=load,
        preprocessing=preprocessing_read(told),
        licence=str(told.get("licence", "")),
        only_outputs="" if VALUES_KEY in told else OTHERS,
    )


def _image(model: ModelProto) -> ValueInfoProto:
    """Return the one input that is not a weight; old models list those among the inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise HeadsError(f"a backbone has one input, the image; this model has {len(inputs)}: {names}")
    _number_type(inputs[0])
    return inputs[0]


def _number_type(entry: ValueInfoProto) -> Any:
    kind = entry.type.tensor_type.elem_type
    if kind not in NUMBER_TYPES:
        raise HeadsError(
            f"the input '{entry.name}' takes {TensorProto.DataType.Name(kind)}, which no image is given in"
        )
    return NUMBER_TYPES[kind]


def _shape(entry: ValueInfoProto) -> OpenShape:
    dims = entry.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.WhichOneof("value") == "dim_value" else None for dim in dims)


def _tensors(told: Mapping[str, Any], outputs: Sequence[str], image: str) -> dict[str, str]:
    """Return which tensor each node is: every value where the file says so, else its outputs."""
    values: dict[str, str] = json.loads(told[VALUES_KEY]) if VALUES_KEY in told else {}
    known = {value: tensor for value, tensor in values.items() if tensor != image}
    return known | {name: name for name in outputs if name not in known.values()}


def _outputs(model: ModelProto, tensors: Mapping[str, str]) -> tuple[str, ...]:
    """Return the nodes that are the outputs; one that bears the output's name comes before others of the same value."""
    names = []
    for output in model.graph.output:
        same = [node for node, tensor in tensors.items() if tensor == output.name]
        names.append(output.name if output.name in same else same[0])
    return tuple(names)


def _data_files(model: ModelProto, path: Path) -> Iterator[Path]:
    """Name the files beside the model that hold its weights."""
    places = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location" and entry.value != path.name
    }
    for place in sorted(places):
        if not (path.parent / place).is_file():
            raise HeadsError(f"{path}: its weights lie in {place}, which is not beside it")
        yield path.parent / place


def _loaded(
    path: Path, model: ModelProto, image: ValueInfoProto, tensors: list[str], hardware: Hardware, *, last: bool
) -> Engine:
    made = session(_ending_at(model, tensors).SerializeToString(), hardware, path.parent)
    kind = _number_type(image)

    def compute(batch: Array) -> list[Array]:
        turned = batch.transpose(0, 2, 3, 1) if last else batch
        values = results(made, tensors, {image.name: np.ascontiguousarray(turned, kind)})
        return [channels_first(value) for value in values] if last else values

    return Engine(compute, lambda: device_of(made, hardware), _weights_type(model), _shape(image)[0])


def _ending_at(model: ModelProto, tensors: Sequence[str]) -> ModelProto:
    """Return the model with these outputs alone, and without the nodes that nothing of it needs."""
    needed, kept = set(tensors), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(_read(node))
            kept.append(node)
    short = ModelProto()
    short.CopyFrom(model)
    for field, entries in {
        "node": kept[::-1],
        "initializer": [tensor for tensor in model.graph.initializer if tensor.name in needed],
        "output": [ValueInfoProto(name=name) for name in tensors],
    }.items():
        short.graph.ClearField(field)
        getattr(short.graph, field).extend(entries)
    return short


def _read(node: NodeProto) -> Iterator[str]:
    """Name every tensor that a node reads; branches and bodies of loops read from outside too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _read(inner)
            yield from (output.name for output in graph.output)


def _weights_type(model: ModelProto) -> str:
    """Return the number type of most weights."""
    counts: Counter[int] = Counter()
    for tensor in model.graph.initializer:
        counts[tensor.data_type] += int(np.prod(tensor.dims))
    kind = counts.most_common(1)[0][0] if counts else TensorProto.FLOAT
    return str(helper.tensor_dtype_to_np_dtype(kind).name)


NUMBER_TYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
    TensorProto.UINT8: np.uint8,
}
