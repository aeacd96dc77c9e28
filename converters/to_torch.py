"""A graph as a PyTorch module that a person can read and edit, and its weights beside it.

The files are written from text and mapped arrays alone: PyTorch is needed to run them, and for `.pt` and `.pt2`.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from converters import formats, ops
from converters.errors import ConversionError, UnsupportedError
from converters.ir import Feeds, Graph, Node, Runner
from converters.ops import Array, Op
from converters.roles import map_inputs
from converters.torch_model import activation, arithmetic, convolution, normalization, pooling, sequence, shape
from converters.torch_model.layer import Layer, Site
from converters.torch_model.names import file_stem
from converters.torch_model.network import Network
from converters.torch_model.plan import needed
from converters.torch_model.shape_texts import batch_inputs
from converters.torch_model.weights import write_safetensors

EXECUTION = "converters.torch_model.execution"
STATE_DICT, PROGRAM, WEIGHTS = ".pt", ".pt2", ".safetensors"
UNTRACEABLE = (ops.DetectionOutput, ops.RegionPooling)


def save(graph: Graph, path: Path, *, dtype: str = "float32", dynamic: Sequence[str] = ("batch",)) -> list[Path]:
    """Write a graph and return the files written.

    `path` is a folder for `<name>.py` and `<name>.safetensors`; or ends in `.pt`, for a state_dict with the module
    that loads it beside it; or in `.pt2`, for an exported program whose axes `dynamic` ("batch", "height", "width")
    are open. Modules take every size that the network allows. With `dtype="float16"` weights and computation are
    float16. UnsupportedError lists all that cannot be written.
    """
    path = Path(path)
    weights = STATE_DICT if path.suffix == STATE_DICT else WEIGHTS
    network = Network(graph, _layers(graph, half=dtype == "float16"), weights, dtype)
    if path.suffix == PROGRAM:
        _check_traceable(graph)
        formats.load(EXECUTION).save_program(path, graph, network, _open_axes(graph, dynamic))
        return [path]
    if path.suffix == STATE_DICT:
        formats.load(EXECUTION).save_state(path, network)
        return [path, _save_text(path.with_suffix(".py"), network)]
    path.mkdir(exist_ok=True)
    module = path / f"{file_stem(graph.name)}.py"
    write_safetensors(module.with_suffix(WEIGHTS), network.state, network.metadata, dtype)
    return [_save_text(module, network), module.with_suffix(WEIGHTS)]


def _check_traceable(graph: Graph) -> None:
    problems = [
        f"layer '{node.layer}': {type(node.op).__name__} loops as often as the values say, which an exported program "
        f"cannot; write a module instead (a folder, or {STATE_DICT})"
        for node in needed(graph)
        if isinstance(node.op, UNTRACEABLE)
    ]
    if problems:
        raise UnsupportedError(problems)


def _save_text(path: Path, network: Network) -> Path:
    path.write_text(network.text, encoding="utf-8", newline="\n")
    return path


def opened(graph: Graph, path: str | Path, wanted: Collection[str] | None = None) -> Runner:
    """Load what `save` wrote to `path`; return what runs it.

    That takes feeds and returns values (or those `wanted` and the outputs) by their names in `graph`: a module gives
    the value of every node that its outputs need, an exported program its outputs alone. Feeds are converted to the
    number type of the weights. The module's code is executed. ConversionError when there is no module at `path`, or
    PyTorch cannot load or run it.
    """
    path = Path(path)
    execution = formats.load(EXECUTION)
    file = path if path.suffix == PROGRAM else _module_file(graph, path)
    with _refusals(file):
        runner: Runner = (
            execution.opened_program(file, graph)
            if file.suffix == PROGRAM
            else execution.opened_module(file, graph, wanted)
        )

    def run(feeds: Feeds) -> dict[str, Array]:
        with _refusals(file):
            return runner(feeds)

    return run


@contextmanager
def _refusals(file: Path) -> Iterator[None]:
    """Turn whatever goes wrong in a module, or in PyTorch, into one line: neither says what it may raise."""
    try:
        yield
    except ConversionError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConversionError(f"{file}: PyTorch cannot run it: {type(error).__name__}: {reason}") from error


def run(graph: Graph, path: str | Path, feeds: Feeds, wanted: Collection[str] | None = None) -> dict[str, Array]:
    """Run what `save` wrote to `path` once, as `opened` says."""
    return opened(graph, path, wanted)(feeds)


def unsupported(graph: Graph) -> list[str]:
    """Return what keeps a graph from being written, one line for each node; empty when nothing does."""
    try:
        _layers(graph, half=False)
    except UnsupportedError as error:
        return error.problems
    return []


def _layers(graph: Graph, half: bool) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    problems: list[str] = []
    for node in needed(graph):
        try:
            found[node.name] = _layer(graph, node, half)
        except UnsupportedError as error:
            problems += [f"layer '{node.layer}': {problem}" for problem in error.problems]
    if problems:
        raise UnsupportedError(problems)
    return found


def _layer(graph: Graph, node: Node, half: bool) -> Layer:
    if type(node.op) not in LAYERS:
        raise UnsupportedError(f"{type(node.op).__name__} has no form in PyTorch here")
    return LAYERS[type(node.op)](node.op, Site(graph.input_shapes(node), node.params, half))


def _module_file(graph: Graph, path: Path) -> Path:
    if not path.is_dir():
        module = path.with_suffix(".py")
        if not module.is_file():
            raise ConversionError(f"{path}: there is no module {module.name} to load it with")
        return module
    named = path / f"{file_stem(graph.name)}.py"
    others = sorted(path.glob("*.py"))
    if not named.exists() and len(others) != 1:
        found = ", ".join(other.name for other in others) or "no module"
        raise ConversionError(f"{path}: expected the module {named.name} there, found {found}")
    return named if named.exists() else others[0]


def _open_axes(graph: Graph, dynamic: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return which axes of which inputs stay open."""
    places = {"batch": (0, batch_inputs(graph)), "height": (2, map_inputs(graph)), "width": (3, map_inputs(graph))}
    unknown = [axis for axis in dynamic if axis not in places]
    if unknown:
        raise ConversionError(f"no axis '{unknown[0]}'; choose from {', '.join(places)}")
    found: dict[str, tuple[int, ...]] = {}
    for axis in dynamic:
        place, names = places[axis]
        for name in names:
            found[name] = (*found.get(name, ()), place)
    return found


LAYERS: dict[type[Op], Callable[[Any, Site], Layer]] = {
    ops.AbsoluteValue: activation.absolute_value,
    ops.AffineGrid: shape.affine_grid,
    ops.ArgMax: arithmetic.arg_max,
    ops.BatchNormalization: normalization.batch_normalization,
    ops.BatchReindex: shape.batch_reindex,
    ops.BatchStatisticsNormalization: normalization.batch_statistics,
    ops.Bias: arithmetic.bias,
    ops.BiasBy: arithmetic.bias_by,
    ops.BilinearResize: shape.bilinear_resize,
    ops.BilinearSampler: shape.bilinear_sampler,
    ops.Clip: activation.clip,
    ops.Concat: shape.concat,
    ops.Constant: arithmetic.constant,
    ops.Convolution: convolution.convolution,
    ops.ConvolutionTranspose: convolution.convolution_transpose,
    ops.Crop: shape.crop,
    ops.Dense: convolution.dense,
    ops.DetectionOutput: sequence.detection_output,
    ops.Dropout: activation.dropout,
    ops.ELU: activation.elu,
    ops.Embedding: convolution.embedding,
    ops.Exponential: activation.exponential,
    ops.Filter: shape.keep_selected,
    ops.Flatten: shape.flatten,
    ops.GlobalPooling: pooling.global_pooling,
    ops.Identity: activation.identity,
    ops.Im2col: convolution.im2col,
    ops.L2Normalization: normalization.l2,
    ops.LSTM: sequence.lstm,
    ops.LocalResponseNormalization: normalization.local_response,
    ops.Logarithm: activation.logarithm,
    ops.MaxUnpooling: pooling.max_unpooling,
    ops.Maximum: arithmetic.maximum,
    ops.MeanVarianceNormalization: normalization.mean_variance,
    ops.NearestUpsampling: shape.nearest_upsampling,
    ops.NormOffset: normalization.norm_offset,
    ops.PReLU: activation.prelu,
    ops.Pad: shape.pad,
    ops.Permute: shape.permute,
    ops.Pooling: pooling.pooling,
    ops.PoolingIndices: pooling.pooling_indices,
    ops.Power: activation.power,
    ops.Preprocess: arithmetic.preprocess,
    ops.PriorBox: sequence.prior_box,
    ops.Product: arithmetic.product,
    ops.RNN: sequence.rnn,
    ops.ReLU: activation.relu,
    ops.Reduction: arithmetic.reduction,
    ops.RegionPooling: pooling.region_pooling,
    ops.Reshape: shape.reshape,
    ops.Scale: arithmetic.scale,
    ops.ScaleBy: arithmetic.scale_by,
    ops.ShuffleChannels: shape.shuffle_channels,
    ops.Sigmoid: activation.sigmoid,
    ops.Slice: shape.cut,
    ops.Softmax: activation.softmax,
    ops.Softplus: activation.softplus,
    ops.SpatialResponseNormalization: normalization.spatial_response,
    ops.Sum: arithmetic.sum_of,
    ops.Swish: activation.swish,
    ops.TanH: activation.tanh,
    ops.Threshold: activation.threshold,
    ops.Tile: shape.tile,
}
