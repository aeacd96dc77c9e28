"""Keras -> ONNX through tf2onnx, for any model that Keras loads: Sequential, functional, with several outputs.

Inputs and outputs keep their names, order and layout. tf2onnx copies every constant many times over (a VGG-Face of
580 MB took it beyond 18 GB), so large weights stay out of its sight: it takes them for inputs, and they are streamed
into the file as initializers afterwards.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

from converters import formats
from converters.errors import ConversionError, UnsupportedError
from converters.keras_model import running
from converters.keras_model.library import keras, quietly
from converters.keras_model.names import Names
from converters.keras_model.tensorflow_library import tf
from converters.onnx_model.building import Initializer
from converters.onnx_model.file import write
from converters.ops import Array

# isort: split
import tf2onnx

OPSETS = range(13, 19)
LARGE_BYTES = 1 << 20
_NUMBERED = re.compile(r"(__\d+)+(?=$|:)|:0$")


def save(
    model: str | Path, path: str | Path, *, opset: int | None = None, inputs_as_nchw: Sequence[str] = ()
) -> list[Path]:
    """Write a Keras model as ONNX and return the files written: `path`, and `<path>.data` above 2 GiB.

    `model` is a `.keras` file, or a `.weights.h5` with its architecture beside it. Open axes stay open. The inputs
    named in `inputs_as_nchw` take channels-first maps in ONNX; all others have Keras' layout. UnsupportedError for an
    opset that tf2onnx does not write, or a layer that it does not know; FormatError where Keras cannot load the file.
    """
    if opset is not None and opset not in OPSETS:
        raise UnsupportedError(f"opset {opset}: tf2onnx writes {OPSETS[0]} to {OPSETS[-1]}")
    source = Path(model)
    loaded = running.load(source)
    network = _converted(loaded, source, opset or OPSETS[-1], inputs_as_nchw)
    _describe(network.proto, loaded, source)
    return write(Path(path), network.proto, network.initializers)


def differences(
    model: str | Path, path: str | Path, feeds: Mapping[str, Array], *, inputs_as_nchw: Sequence[str] = ()
) -> dict[str, float]:
    """Run both models on the same feeds, in Keras' layout, and return max |difference| / max |Keras'| per output."""
    expected = running.run_file(Path(model), feeds)
    turned = {name: a.transpose(0, 3, 1, 2) if name in inputs_as_nchw else a for name, a in feeds.items()}
    got: dict[str, Array] = formats.load("converters.onnx_model.running").run_file(Path(path), turned)
    if list(got) != list(expected):
        raise ConversionError(f"{path}: has the outputs {', '.join(got)}, expected {', '.join(expected)}")
    return {name: _difference(got[name], array) for name, array in expected.items()}


def _difference(got: Array, expected: Array) -> float:
    if got.shape != expected.shape:
        raise ConversionError(f"an output has shape {list(got.shape)}, expected {list(expected.shape)}")
    equal = (got == expected) | (np.isnan(got) & np.isnan(expected))
    difference = float(np.abs(got[~equal].astype(np.float64) - expected[~equal]).max(initial=0.0))
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    return difference / largest if largest and difference else difference


@dataclass
class _Network:
    """A model without its large weights, and those beside it."""

    proto: ModelProto
    initializers: list[Initializer]


def _converted(model: Any, source: Path, opset: int, inputs_as_nchw: Sequence[str]) -> _Network:
    tensors = running.input_tensors(model, source)
    inputs = [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in tensors]
    unknown = [name for name in inputs_as_nchw if name not in {spec.name for spec in inputs}]
    if unknown:
        raise ConversionError(f"the model has no input '{unknown[0]}'; it has {', '.join(s.name for s in inputs)}")
    large = [v for v in model.variables if np.prod(v.shape, dtype=int) * tf.as_dtype(v.dtype).size >= LARGE_BYTES]
    weights = [tf.TensorSpec(v.shape, v.dtype, name=f"large_weight_{i}") for i, v in enumerate(large)]
    flat, names = keras.Model(tensors, model.outputs, name=model.name), running.output_names(model)

    @tf.function(input_signature=inputs + weights)  # type: ignore[untyped-decorator]  # TensorFlow has no types here
    def call(*given: Any) -> dict[str, Any]:
        values = list(zip(large, given[len(inputs) :], strict=True))
        with keras.StatelessScope(state_mapping=values):
            found = flat(list(given[: len(inputs)]), training=False)
        return dict(zip(names, keras.tree.flatten(found), strict=True))

    proto = _traced(call, inputs + weights, opset, inputs_as_nchw)
    _reorder_outputs(proto, names)
    return _Network(proto, _with_weights(proto, {spec.name: v for spec, v in zip(weights, large, strict=True)}))


def _traced(call: Any, signature: Sequence[Any], opset: int, inputs_as_nchw: Sequence[str]) -> ModelProto:
    try:
        with quietly("tensorflow", "tf2onnx"), warnings.catch_warnings(), _uncompiled():
            warnings.simplefilter("ignore")  # tf2onnx asks NumPy for names that NumPy warns of
            proto, _ = tf2onnx.convert.from_function(
                call, input_signature=signature, opset=opset, inputs_as_nchw=list(inputs_as_nchw) or None
            )
    except (ValueError, NotImplementedError, KeyError, TypeError, tf.errors.OpError) as error:
        raise UnsupportedError(f"tf2onnx cannot convert the model: {error}") from error
    # What tf2onnx does not know it logs and leaves in the model under TensorFlow's name.
    foreign = sorted({node.op_type for node in proto.graph.node if node.domain or not onnx.defs.has(node.op_type)})
    if foreign:
        raise UnsupportedError(f"tf2onnx has no ONNX form for TensorFlow's {', '.join(foreign)}")
    return proto


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Trace through functions that Keras has XLA compile: grouped convolutions, which TensorFlow lacks on the CPU."""

    def plain(call: Any = None, **_settings: Any) -> Any:
        return call or (lambda later: later)

    before = tf.function
    tf.function = plain
    try:
        yield
    finally:
        tf.function = before


def _reorder_outputs(proto: ModelProto, names: Sequence[str]) -> None:
    by_name = {output.name: output for output in proto.graph.output}
    if set(by_name) != set(names):
        raise UnsupportedError(f"tf2onnx calls the outputs {', '.join(by_name)}, expected {', '.join(names)}")
    ordered = [by_name[name] for name in names]
    del proto.graph.output[:]
    proto.graph.output.extend(ordered)


def _with_weights(proto: ModelProto, weights: Mapping[str, Any]) -> list[Initializer]:
    """Turn the inputs that stand for weights into initializers; where a Transpose reads one, it is done here."""
    graph = proto.graph
    kept = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(kept)
    arrays = {name: np.asarray(keras.ops.convert_to_numpy(variable)) for name, variable in weights.items()}
    paths = {name: variable.path for name, variable in weights.items()}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in weights]:
        whole, turned = node.input[0], node.output[0]
        arrays[turned] = arrays[whole].transpose(_permutation(node, arrays[whole].ndim))
        paths[turned] = f"{paths[whole]}/transposed"
        graph.node.remove(node)
    _merge_equal_constants(graph)
    names = _rename(proto, paths)
    read = {name for node in graph.node for name in node.input}
    return [
        Initializer(names[name], array.shape, array, array.dtype)
        for name, array in arrays.items()
        if names[name] in read
    ]


def _merge_equal_constants(graph: GraphProto) -> None:
    """Keep one of each constant: which of them tf2onnx merges itself differs from run to run."""
    first: dict[tuple[Any, ...], str] = {}
    same: dict[str, str] = {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        key = (tensor.data_type, array.shape, array.tobytes())
        same[tensor.name] = first.setdefault(key, tensor.name)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def _permutation(node: NodeProto, rank: int) -> list[int]:
    given = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    return given.get("perm", list(range(rank))[::-1])


def _rename(proto: ModelProto, wanted: Mapping[str, str]) -> dict[str, str]:
    """Give tensors and nodes names that do not count what else this process has converted; return old name -> new.

    Inputs and outputs keep theirs, and `wanted` has names for others. A constant is called after its first reader:
    which one of equal constants tf2onnx has kept, the name it gave tells.
    """
    graph = proto.graph
    unique, nodes = Names(), Names()
    names = {value.name: unique.unique(value.name) for value in (*graph.input, *graph.output)}
    names |= {name: unique.unique(wanted[name]) for name in wanted if name not in names}
    for node in graph.node:
        node.name = nodes.unique(_NUMBERED.sub("", node.name))
        for name in filter(None, node.output):
            names[name] = names.get(name) or unique.unique(_NUMBERED.sub("", name))
        for place, name in enumerate(node.input):
            if name and name not in names:
                names[name] = unique.unique(f"{names[node.output[0]]}/{place}")
        for ends in (node.input, node.output):
            ends[:] = [names.get(name, name) for name in ends]
    _keep_constants(graph, names)
    _name_open_sizes(graph)
    return names


def _keep_constants(graph: GraphProto, names: Mapping[str, str]) -> None:
    read = sorted((tensor for tensor in graph.initializer if tensor.name in names), key=lambda t: names[t.name])
    for tensor in read:
        tensor.name = names[tensor.name]
    graph.ClearField("initializer")
    graph.initializer.extend(read)


def _name_open_sizes(graph: GraphProto) -> None:
    graph.ClearField("value_info")
    for value in (*graph.input, *graph.output):
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                size.dim_param = f"{value.name}_{axis}"


def _describe(proto: ModelProto, model: Any, source: Path) -> None:
    """Name the model, and hand on what a file that this package wrote says of itself."""
    proto.graph.name = model.name
    proto.graph.ClearField("doc_string")
    proto.ClearField("doc_string")
    told = running.record_or_nothing(source)
    helper.set_model_props(
        proto, {key: told[key] if isinstance(told[key], str) else json.dumps(told[key]) for key in _TOLD if key in told}
    )


_TOLD = ("preprocessing", "labels", "source_format", "source_sha256", "licence")
