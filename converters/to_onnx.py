"""Graph -> ONNX: standard ai.onnx operators only, the source's names for inputs, outputs and nodes.

The file explains itself in `metadata_props`: preprocessing, labels, licence, sources with their sha256, and under which
name each value of the graph stands in it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, ValueInfoProto, helper

from converters import formats, ops
from converters.description import as_text, described, tool_version
from converters.errors import ConversionError, UnsupportedError
from converters.ir import Feeds, Graph, Node, Runner
from converters.onnx_model import (
    activation,
    arithmetic,
    convolution,
    detection,
    normalization,
    pooling,
    recurrent,
    regions,
    sampling,
    shape,
)
from converters.onnx_model.building import AXIS_NAMES, FLOAT16, FLOAT32, Builder, Site, Value, finish, onnx_type
from converters.onnx_model.file import VALUES_KEY, write
from converters.onnx_model.sizes import AXES, UNNAMED, OpenSizes, open_sizes
from converters.ops import Array, Op

# From 18 on every op that has a form has a faithful one. Later ones gain nothing: AveragePool-19 counts wrongly in
# onnxruntime 1.21 and 1.22 where padding differs between axes (so it gets a Pad), and 1.17 does not know 21.
DEFAULT_OPSET = 18
OPSETS = range(13, 22)
HALF_LARGEST = float(np.finfo(np.float16).max)


def save(
    graph: Graph,
    path: str | Path,
    *,
    opset: int | None = None,
    dynamic: Sequence[str] = (),
    dtype: str = "float32",
    external_data: bool = False,
) -> list[Path]:
    """Write a graph as an ONNX model and return the files written: `path`, and `<path>.data` for external data.

    `dynamic` names the axes that stay open: "batch", "height", "width". With `dtype` "float16" weights are stored and
    most ops computed in half precision; inputs and outputs stay float32. External data is used above 2 GiB in any case.
    UnsupportedError lists everything that has no faithful form, `pinned_axes` tells beforehand what can stay open.
    """
    builder, model = _model(graph, opset, dynamic, dtype)
    # The sources' hashes are still being computed: what holds them is asked for when all else is written.
    return write(
        Path(path),
        model,
        list(builder.initializers.values()),
        lambda: as_text(described(graph)),
        external=external_data,
    )


def unsupported(
    graph: Graph, *, opset: int | None = None, dynamic: Sequence[str] = (), dtype: str = "float32"
) -> list[str]:
    """Return what `save` would refuse, one line per node, without writing anything."""
    try:
        _model(graph, opset, dynamic, dtype)
    except UnsupportedError as error:
        return error.problems
    return []


def pinned_axes(graph: Graph, axes: Sequence[str] = tuple(AXES), *, opset: int | None = None) -> dict[str, str]:
    """Return which of the axes "batch", "height", "width" cannot stay open in ONNX, and why; the others can."""
    fixed = unsupported(graph, opset=opset)
    problems = {axis: [p for p in unsupported(graph, opset=opset, dynamic=(axis,)) if p not in fixed] for axis in axes}
    return {axis: reasons[0] for axis, reasons in problems.items() if reasons}


def opened(_graph: Graph, path: str | Path, wanted: Sequence[str] | None = None) -> Runner:
    """Load a file that `save` wrote in onnxruntime on the CPU, unoptimised; return what runs it.

    That takes feeds and returns values by our names; `wanted` None means all of them. The file says itself which tensor
    is which value; other targets need the graph for that. Feeds may have another size where the file leaves axes open.
    """
    found: Runner = formats.load("converters.onnx_model.running").opened(Path(path), wanted)
    return found


def run(graph: Graph, path: str | Path, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, Array]:
    """Run a file that `save` wrote once, as `opened` says."""
    return opened(graph, path, wanted)(feeds)


def run_file(path: str | Path, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run any ONNX file in onnxruntime on the CPU, optimised as usual, and return its outputs by name."""
    return dict(formats.load("converters.onnx_model.running").run_file(Path(path), feeds))


def _model(graph: Graph, opset: int | None, dynamic: Sequence[str], dtype: str) -> tuple[Builder, ModelProto]:
    half = _checked(opset, dynamic, dtype)
    names = graph.tensor_names()
    builder = Builder(opset or DEFAULT_OPSET, half)
    builder.used.update(names.values(), graph.outputs, (node.name for node in graph.nodes))
    sizes = open_sizes(graph, dynamic)
    values = {
        name: _value(graph, sizes, name, name, np.dtype(graph.input_dtypes.get(name, FLOAT32))) for name in graph.inputs
    }
    problems: list[str] = []
    for node in graph.nodes:
        try:
            name, kind = _lowered(builder, graph, node, values, names)
        except UnsupportedError as error:
            problems += [f"layer '{node.layer}': {type(node.op).__name__} {problem}" for problem in error.problems]
            name, kind = names[node.name], FLOAT32
        values[node.name] = _value(graph, sizes, node.name, name, kind)
    if problems:
        raise UnsupportedError(problems)
    outputs = _finish_outputs(builder, graph, values, names)
    return builder, _described(builder, graph, sizes, values, outputs)


def _checked(opset: int | None, dynamic: Sequence[str], dtype: str) -> bool:
    """Refuse options that mean nothing; return whether half precision is wanted."""
    problems = [
        f"'{axis}' is no axis that can stay open; choose from {', '.join(AXES)}" for axis in dynamic if axis not in AXES
    ]
    if opset is not None and opset not in OPSETS:
        problems.append(f"opset {opset} is not written; choose one from {OPSETS[0]} to {OPSETS[-1]}")
    if dtype not in ("float32", "float16"):
        problems.append(f"'{dtype}' is no number type that is written; choose float32 or float16")
    if problems:
        raise ConversionError(problems)
    return dtype == "float16"


def _value(graph: Graph, sizes: OpenSizes, value: str, name: str, dtype: Any) -> Value:
    return Value(name, sizes.shape(graph, value), dtype, sizes.symbols[value])


def _lowered(
    builder: Builder, graph: Graph, node: Node, values: Mapping[str, Value], names: Mapping[str, str]
) -> tuple[str, Any]:
    """Say one node in ONNX; return the name and the number type of its tensor."""
    lower = OPS.get(type(node.op))
    if lower is None:
        raise UnsupportedError("has no faithful form in ONNX")
    inputs = [values[name] for name in node.inputs]
    dtype = _compute_type(builder, node.op, inputs)
    inputs = [builder.cast(x, dtype) if x.dtype.kind == "f" else x for x in inputs]
    name = names[node.name]
    # An output is float32 in any case: its half form needs another name.
    hidden = dtype == FLOAT16 and node.name in graph.outputs.values()
    site = Site(builder, node, builder.fresh(f"{name}/float16") if hidden else name, dtype, [])
    _check_range(site)
    finish(site, lower(site, node.op, *inputs))
    builder.nodes += site.nodes
    return site.label, dtype


def _compute_type(builder: Builder, op: Op, inputs: Sequence[Value]) -> Any:
    if isinstance(op, MOVING):
        return FLOAT16 if inputs and all(x.dtype == FLOAT16 for x in inputs) else FLOAT32
    return FLOAT16 if builder.half and isinstance(op, IN_HALF) else FLOAT32


def _check_range(site: Site) -> None:
    if site.dtype != FLOAT16:
        return
    for name, array in site.node.params.items():
        largest = max(float(array.max(initial=0)), -float(array.min(initial=0)))
        if largest >= HALF_LARGEST + 16 and np.isfinite(largest):
            raise UnsupportedError(
                f"cannot be stored as float16: {name} reaches {largest:.6g}, beyond {HALF_LARGEST:.0f}"
            )


def _finish_outputs(
    builder: Builder, graph: Graph, values: Mapping[str, Value], names: Mapping[str, str]
) -> dict[str, str]:
    """Return value by name in the file for each output, after adding the Casts and Identities that make these names."""
    outputs = {}
    for outside, value in graph.outputs.items():
        name = names[value] if outside in graph.inputs else outside
        tensor = values[value]
        if tensor.name != name:
            kind = {"to": onnx_type(FLOAT32)} if tensor.dtype == FLOAT16 else {}
            operator = "Cast" if kind else "Identity"
            builder.nodes.append(
                helper.make_node(operator, [tensor.name], [name], builder.fresh(f"{name}/{operator}"), **kind)
            )
        outputs[name] = value
    return outputs


def _described(
    builder: Builder, graph: Graph, sizes: OpenSizes, values: Mapping[str, Value], outputs: Mapping[str, str]
) -> ModelProto:
    inputs = [_info(name, values[name].dtype, graph.shapes[name], sizes.symbols[name]) for name in graph.inputs]
    results = [_info(name, FLOAT32, graph.shapes[value], sizes.symbols[value]) for name, value in outputs.items()]
    imports = [helper.make_opsetid("", builder.opset)]
    model = helper.make_model(
        helper.make_graph(builder.nodes, graph.name or "network", inputs, results),
        opset_imports=imports,
        ir_version=helper.find_min_ir_version_for(imports),
        producer_name=formats.DISTRIBUTION,
        producer_version=tool_version(),
    )
    helper.set_model_props(model, {VALUES_KEY: json.dumps({name: value.name for name, value in values.items()})})
    return model


def _info(name: str, dtype: Any, shape: Sequence[int], symbols: Sequence[str | None]) -> ValueInfoProto:
    """Describe an input or output; an open size that equals no input's is named after its place."""
    dims: list[int | str] = []
    for axis, (size, symbol) in enumerate(zip(shape, symbols, strict=True)):
        own = f"{name}_{AXIS_NAMES.get(axis, axis)}" if symbol == UNNAMED else symbol
        dims.append(size if own is None else own)
    return helper.make_tensor_value_info(name, onnx_type(dtype), dims)


# In half precision these compute; the rest (indices, boxes, statistics, exponentials) stays float32, between Casts.
IN_HALF = (
    ops.AbsoluteValue, ops.Bias, ops.BiasBy, ops.BilinearResize, ops.Clip, ops.Convolution, ops.ConvolutionTranspose,
    ops.Dense, ops.ELU, ops.GlobalPooling, ops.Maximum, ops.NearestUpsampling, ops.PReLU, ops.Pooling, ops.Product,
    ops.ReLU, ops.Scale, ops.ScaleBy, ops.Sigmoid, ops.Sum, ops.Swish, ops.TanH,
)  # fmt: skip
# These keep the number type of their inputs, so that indices survive them.
MOVING = (
    ops.Concat, ops.Crop, ops.Dropout, ops.Filter, ops.Flatten, ops.Identity, ops.Pad, ops.Permute, ops.Reshape,
    ops.ShuffleChannels, ops.Slice, ops.Tile,
)  # fmt: skip

OPS: dict[type[Op], Callable[..., str]] = {
    ops.AbsoluteValue: activation.absolute,
    ops.AffineGrid: sampling.affine_grid,
    ops.ArgMax: arithmetic.arg_max,
    ops.BatchNormalization: normalization.batch_normalization,
    ops.BatchReindex: shape.batch_reindex,
    ops.BatchStatisticsNormalization: normalization.batch_statistics,
    ops.Bias: arithmetic.bias,
    ops.BiasBy: arithmetic.bias_by,
    ops.BilinearResize: sampling.bilinear_resize,
    ops.BilinearSampler: sampling.bilinear_sampler,
    ops.Clip: activation.clip,
    ops.Concat: shape.concat,
    ops.Constant: arithmetic.constant,
    ops.Convolution: convolution.convolution,
    ops.ConvolutionTranspose: convolution.convolution_transpose,
    ops.Crop: shape.crop,
    ops.Dense: convolution.dense,
    ops.DetectionOutput: detection.detection_output,
    ops.Dropout: activation.unchanged,
    ops.ELU: activation.elu,
    ops.Embedding: convolution.embedding,
    ops.Exponential: activation.exponential,
    ops.Filter: shape.filter_,
    ops.Flatten: shape.flatten,
    ops.GlobalPooling: pooling.global_pooling,
    ops.Identity: activation.unchanged,
    ops.Im2col: convolution.im2col,
    ops.L2Normalization: normalization.l2_normalization,
    ops.LSTM: recurrent.lstm,
    ops.LocalResponseNormalization: normalization.local_response,
    ops.Logarithm: activation.logarithm,
    ops.MaxUnpooling: pooling.max_unpooling,
    ops.Maximum: arithmetic.maximum,
    ops.MeanVarianceNormalization: normalization.mean_variance,
    ops.NearestUpsampling: sampling.nearest_upsampling,
    ops.NormOffset: normalization.norm_offset,
    ops.PReLU: activation.prelu,
    ops.Pad: shape.pad,
    ops.Permute: shape.permute,
    ops.Pooling: pooling.pooling,
    ops.PoolingIndices: pooling.pooling_indices,
    ops.Power: activation.power,
    ops.Preprocess: arithmetic.preprocess,
    ops.PriorBox: detection.prior_box,
    ops.Product: arithmetic.product,
    ops.RNN: recurrent.rnn,
    ops.ReLU: activation.relu,
    ops.Reduction: arithmetic.reduction,
    ops.RegionPooling: regions.region_pooling,
    ops.Reshape: shape.reshape,
    ops.Scale: arithmetic.scale,
    ops.ScaleBy: arithmetic.scale_by,
    ops.ShuffleChannels: shape.shuffle_channels,
    ops.Sigmoid: activation.sigmoid,
    ops.Slice: shape.slice_,
    ops.Softmax: activation.softmax,
    ops.Softplus: activation.softplus,
    ops.SpatialResponseNormalization: normalization.spatial_response,
    ops.Sum: arithmetic.total,
    ops.Swish: activation.swish,
    ops.TanH: activation.tanh,
    ops.Threshold: activation.threshold,
    ops.Tile: shape.tile,
}
