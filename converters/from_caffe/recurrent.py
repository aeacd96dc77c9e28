"""LSTM and RNN. Bottoms: x, continuation[, static input][, initial states]; tops: outputs[, final states]."""

from converters.errors import ShapeError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import LSTM, RNN, Array, Op, Slice


def _inputs(layer: LayerReading, states: int) -> tuple[int, bool, bool]:
    settings = layer.settings("recurrent_param")
    units, exposed = settings.get("num_output"), settings.get("expose_hidden")
    if units < 1:
        raise ShapeError(f"num_output is {units}, but must be positive")
    least = 2 + states * exposed
    layer.expect_bottoms(least, least + 1)
    wanted_tops = 1 + states * exposed
    if layer.tops != wanted_tops:
        raise ShapeError(
            f"has {layer.tops} tops, expected {wanted_tops} {'with' if exposed else 'without'} expose_hidden"
        )
    return units, len(layer.bottoms) == least + 1, exposed


def _learned(layer: LayerReading, op: Op) -> dict[str, Array]:
    settings = layer.settings("recurrent_param")
    op.output_shape(*(layer.shape_of(value) for value in layer.bottoms))
    fillers = {"weight": settings.message("weight_filler"), "bias": settings.message("bias_filler")}
    names = op.param_shapes(*(layer.shape_of(value) for value in layer.bottoms))
    return layer.learned(op, layer.bottoms, {name: fillers[name.split("_")[0]] for name in names})


def _last(layer: LayerReading, sequence: str) -> Made:
    steps = layer.shape[0]
    return Made(Slice(0, steps - 1, steps), (sequence,))


def lstm(layer: LayerReading) -> list[Made]:
    """Hidden states; with expose_hidden also the last hidden and the last cell state."""
    units, static, exposed = _inputs(layer, 2)
    hidden, cell = (LSTM(units, static, exposed, returns) for returns in ("hidden", "cell"))
    params = _learned(layer, hidden)
    if not exposed:
        return [Made(hidden, layer.bottoms, params)]
    states = [layer.node(suffix, op, layer.bottoms, params) for suffix, op in (("hidden", hidden), ("cell", cell))]
    return [Made(hidden, layer.bottoms, params), *(_last(layer, value) for value in states)]


def rnn(layer: LayerReading) -> list[Made]:
    """Outputs; with expose_hidden also the last hidden state."""
    units, static, exposed = _inputs(layer, 1)
    op = RNN(units, static, exposed)
    params = _learned(layer, op)
    if not exposed:
        return [Made(op, layer.bottoms, params)]
    hidden = layer.node("hidden", RNN(units, static, exposed, "hidden"), layer.bottoms, params)
    return [Made(op, layer.bottoms, params), _last(layer, hidden)]


LAYERS: dict[str, LayerFunction] = {"LSTM": lstm, "RNN": rnn}
