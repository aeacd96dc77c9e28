"""Known mistakes, by the op they happen to: each computes the wrong value that it would give."""

from collections.abc import Iterator, Mapping

from converters import ops
from converters.ops import Op
from converters.parity.mistakes import anywhere, rows, values, windows
from converters.parity.mistakes.situation import Attempt, Mistake, Situation

__all__ = ["MISTAKES", "Attempt", "Mistake", "Situation", "attempts", "attempts_anywhere", "likely_attempts"]


def attempts(situation: Situation) -> Iterator[Attempt]:
    """Yield all mistakes that are known for a node, the most likely first."""
    yield from likely_attempts(situation)
    yield from attempts_anywhere(situation)


def attempts_anywhere(situation: Situation) -> Iterator[Attempt]:
    """Yield the mistakes that can happen to any value."""
    yield from anywhere.of_output(situation)


def likely_attempts(situation: Situation) -> Iterator[Attempt]:
    """Yield the mistakes that belong to a node's op and to its input, not those that can happen to any value."""
    for mistake in (anywhere.of_input, *MISTAKES.get(type(situation.node.op), ())):
        yield from mistake(situation)


MISTAKES: Mapping[type[Op], tuple[Mistake, ...]] = {
    ops.ArgMax: (rows.argmax,),
    ops.BatchNormalization: (values.batch_norm,),
    ops.Bias: (values.affine,),
    ops.BilinearResize: (values.resized,),
    ops.Concat: (rows.joined,),
    ops.Convolution: (windows.weighted, windows.moved, windows.grouped),
    ops.ConvolutionTranspose: (windows.weighted, windows.moved, windows.grouped),
    ops.Crop: (rows.cropped,),
    ops.Dense: (rows.dense,),
    ops.ELU: (values.slopes,),
    ops.Embedding: (rows.embedded,),
    ops.Flatten: (rows.flattened,),
    ops.GlobalPooling: (windows.pooled_globally,),
    ops.Im2col: (windows.moved,),
    ops.L2Normalization: (values.unit_length,),
    ops.LSTM: (rows.gates, rows.continued),
    ops.LocalResponseNormalization: (values.local_response,),
    ops.Maximum: (values.combined,),
    ops.MeanVarianceNormalization: (values.mean_variance,),
    ops.PReLU: (values.slopes,),
    ops.Permute: (rows.permuted,),
    ops.Pooling: (windows.pooled, windows.moved),
    ops.PoolingIndices: (windows.indexed, windows.moved),
    ops.Power: (values.powers,),
    ops.Preprocess: (anywhere.of_preprocess,),
    ops.Product: (values.combined,),
    ops.RNN: (rows.continued,),
    ops.ReLU: (values.slopes,),
    ops.Reshape: (rows.flattened,),
    ops.Scale: (values.affine,),
    ops.ShuffleChannels: (rows.shuffled,),
    ops.Sigmoid: (values.sigmoid,),
    ops.Softmax: (rows.softmax,),
    ops.SpatialResponseNormalization: (values.spatial_response,),
    ops.Sum: (values.combined,),
    ops.Swish: (values.slopes,),
}
