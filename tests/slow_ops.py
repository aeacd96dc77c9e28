"""A second meaning of the ops, as plain as can be: loops over every output, formulas from the papers, or SciPy.

Each takes the op, the inputs and the params, in double precision, and shares no code with `converters.ops`.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.special import expit, softmax

from converters import ops
from converters.ops import Array, Op

Params = dict[str, Array]
LOWEST = -3.4028234663852886e38


def cells(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*(range(n) for n in shape))


def pixel(x: Array, place: tuple[int, ...]) -> float:
    """The value at a place, 0 outside."""
    inside = all(0 <= i < n for i, n in zip(place, x.shape, strict=True))
    return float(x[place]) if inside else 0.0


def convolution(op: ops.Convolution, params: Params, x: Array) -> Array:
    images = x.reshape(-1, *x.shape[op.axis :])
    weight, out = params["weight"], op.output_shape(x.shape)
    y = np.zeros((len(images), *out[op.axis :]))
    per_group, channels = op.out_channels // op.groups, weight.shape[1]
    for image, o, *place in cells(y.shape):
        total = float(params["bias"][o]) if op.bias else 0.0
        for c, *tap in cells(weight.shape[1:]):
            axes = zip(place, tap, op.stride, op.dilation, op.pads, strict=True)
            where = tuple(i * s + k * d - before for i, k, s, d, (before, _) in axes)
            total += weight[(o, c, *tap)] * pixel(images[image, o // per_group * channels + c], where)
        y[(image, o, *place)] = total
    return y.reshape(out)


def convolution_transpose(op: ops.ConvolutionTranspose, params: Params, x: Array) -> Array:
    y = np.zeros(op.output_shape(x.shape))
    weight = params["weight"]
    per_group = x.shape[1] // op.groups
    for image, c, *place in cells(x.shape):
        for o, *tap in cells(weight.shape[1:]):
            axes = zip(place, tap, op.stride, op.dilation, op.pads, strict=True)
            where = tuple(i * s + k * d - before for i, k, s, d, (before, _) in axes)
            if all(0 <= i < n for i, n in zip(where, y.shape[2:], strict=True)):
                target = (image, c // per_group * weight.shape[1] + o, *where)
                y[target] += x[(image, c, *place)] * weight[(c, o, *tap)]
    return y + params["bias"].reshape(-1, *(1,) * (x.ndim - 2)) if op.bias else y


def dense(op: ops.Dense, params: Params, x: Array) -> Array:
    axis = range(x.ndim)[op.axis]
    weight = params["weight"].reshape(op.out_features, *x.shape[axis:])
    y = np.tensordot(x, weight, (list(range(axis, x.ndim)), list(range(1, weight.ndim))))
    return y + params["bias"] if op.bias else y


def im2col(op: ops.Im2col, _params: Params, x: Array) -> Array:
    y = np.zeros(op.output_shape(x.shape))
    taps = list(cells(op.kernel))
    for image, row, *place in cells(y.shape):
        tap = taps[row % len(taps)]
        axes = zip(place, tap, op.stride, op.dilation, op.pads, strict=True)
        where = tuple(i * s + k * d - before for i, k, s, d, (before, _) in axes)
        y[(image, row, *place)] = pixel(x[image, row // len(taps)], where)
    return y


def window(op: Any, x: Array, place: list[int]) -> tuple[list[range], float, float]:
    """The cells of a pooling window, and how many it has with padding and without, as in pooling_layer.cpp."""
    inside, padded_count, inside_count = [], 1.0, 1.0
    for i, k, s, (before, after), n in zip(place, op.kernel, op.stride, op.pads, x.shape[2:], strict=True):
        start = i * s - before
        end = min(start + k, n + after)
        padded_count *= end - start
        inside.append(range(max(start, 0), min(end, n)))
        inside_count *= min(end, n) - max(start, 0)
    return inside, padded_count, inside_count


def pooling(op: ops.Pooling, _params: Params, x: Array) -> Array:
    y = np.zeros(op.output_shape(x.shape))
    for image, c, *place in cells(y.shape):
        inside, padded_count, inside_count = window(op, x, place)
        values = [x[(image, c, *where)] for where in product(*inside)]
        if op.method == "max":
            result = max([LOWEST, *values])
        else:
            divisor = padded_count if op.divisor == "padded" else inside_count
            result = sum(values) / divisor if divisor else np.nan
        y[(image, c, *place)] = result
    return y


def pooling_indices(op: ops.PoolingIndices, _params: Params, x: Array) -> Array:
    y = np.zeros(op.output_shape(x.shape))
    for image, c, *place in cells(y.shape):
        best, found = LOWEST, -1
        for row, column in product(*window(op, x, place)[0]):
            if x[image, c, row, column] > best:
                best, found = x[image, c, row, column], row * x.shape[3] + column
        y[(image, c, *place)] = found
    return y


def max_unpooling(op: ops.MaxUnpooling, _params: Params, x: Array, indices: Array) -> Array:
    y = np.zeros((*x.shape[:2], *op.size))
    for where in cells(x.shape):
        row, column = divmod(int(indices[where]), op.size[1])
        y[(*where[:2], row, column)] = x[where]
    return y


def c_round(value: float) -> int:
    return int(np.trunc(value + np.copysign(0.5, value)))


def in_bin(index: int, start: int, length: int, bins: int, limit: int) -> list[int]:
    """The cells of one bin along one axis, in exact arithmetic: rounded down where it begins, up where it ends."""
    low, high = start + index * length // bins, start - (-(index + 1) * length // bins)
    return [cell for cell in range(limit) if low <= cell < high]


def region_pooling(op: ops.RegionPooling, _params: Params, x: Array, regions: Array) -> Array:
    y = np.zeros((len(regions), x.shape[1], *op.size))
    for n, region in enumerate(regions.reshape(-1, 5)):
        image = int(region[0]) - op.one_based
        x1, y1, x2, y2 = (c_round(float(corner) * op.spatial_scale) - op.one_based for corner in region[1:])
        height, width = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i, j in cells(op.size):
            rows = in_bin(i, y1, height, op.size[0], x.shape[2])
            columns = in_bin(j, x1, width, op.size[1], x.shape[3])
            if rows and columns:
                values = x[image][:, rows][:, :, columns]
                y[n, :, i, j] = values.max((1, 2)) if op.method == "max" else values.mean((1, 2))
    return y


def local_response(op: ops.LocalResponseNormalization, _params: Params, x: Array) -> Array:
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        near = [i for i in range(x.shape[1]) if c - op.before <= i <= c + op.after]
        y[:, c] = x[:, c] / (op.k + op.alpha * (x[:, near] ** 2).sum(1)) ** op.beta
    return y


def spatial_response(op: ops.SpatialResponseNormalization, _params: Params, x: Array) -> Array:
    ones = (1,) * len(op.kernel)
    averages = pooling(ops.Pooling(op.kernel, ones, op.pads, method="average", divisor=op.divisor), {}, x**2)
    return np.asarray(x / (1 + op.alpha * averages) ** op.beta)


def batch_normalization(op: ops.BatchNormalization, params: Params, x: Array) -> Array:
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        y[:, c] = (x[:, c] - params["mean"][c]) / np.sqrt(params["variance"][c] + op.epsilon)
        if op.affine:
            y[:, c] = y[:, c] * params["scale"][c] + params["bias"][c]
    return y


def batch_statistics(op: ops.BatchStatisticsNormalization, _params: Params, x: Array) -> Array:
    planes = [(x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + op.epsilon) for c in range(x.shape[1])]
    return np.stack(planes, 1)


def mean_variance(op: ops.MeanVarianceNormalization, _params: Params, x: Array) -> Array:
    y = np.zeros(x.shape)
    for where in cells(x.shape[: 1 if op.across_channels else 2]):
        centred = x[where] - x[where].mean()
        y[where] = centred / (x[where].std() + op.epsilon) if op.normalize_variance else centred
    return y


def l2_normalization(op: ops.L2Normalization, _params: Params, x: Array) -> Array:
    rows = x.reshape(len(x), -1, 1) if op.across_spatial else x.reshape(len(x), x.shape[1], -1)
    squares = (rows**2).sum(1, keepdims=True)
    norms = np.sqrt(squares + op.epsilon) if op.root == "plus" else np.maximum(np.sqrt(squares), op.epsilon)
    return np.asarray((rows / norms).reshape(x.shape))


def norm_offset(op: ops.NormOffset, _params: Params, x: Array) -> Array:
    return np.asarray(x - op.alpha * np.maximum((x**2).sum(1, keepdims=True), 1e-8) ** op.beta)


def arg_max(op: ops.ArgMax, _params: Params, x: Array) -> Array:
    rows = x.reshape(len(x), -1) if op.axis is None else np.moveaxis(x, op.axis, -1)
    indices = np.zeros((*rows.shape[:-1], op.top_k))
    for where in cells(rows.shape[:-1]):
        falling = sorted(((value, i) for i, value in enumerate(rows[where])), reverse=True)
        indices[where] = [i for _, i in falling[: op.top_k]]
    values = np.take_along_axis(rows, indices.astype(int), -1)
    if op.axis is not None:
        return np.moveaxis(values if op.output == "values" else indices, -1, op.axis)
    kept = {"indices": [indices], "values": [values], "both": [indices, values]}[op.output]
    return np.stack(kept, 1).reshape(op.output_shape(x.shape))


def reduction(op: ops.Reduction, _params: Params, x: Array) -> Array:
    axis = range(x.ndim)[op.axis]
    rows = x.reshape(*x.shape[:axis], -1)
    how: dict[str, Callable[[Array], Any]] = {
        "sum": np.sum,
        "mean": np.mean,
        "sum_absolute": lambda row: sum(map(abs, row)),
        "sum_squares": lambda row: row @ row,
    }
    return np.asarray(op.coefficient * np.apply_along_axis(how[op.operation], -1, rows))


def bilinear_resize(op: ops.BilinearResize, _params: Params, x: Array) -> Array:
    (top, bottom), (left, right) = op.pads
    cropped = x[:, :, -top : x.shape[2] + bottom, -left : x.shape[3] + right]
    out = op.output_shape(x.shape)
    grids = [
        np.linspace(0, n - 1, m) if m > 1 else np.zeros(1) for n, m in zip(cropped.shape[2:], out[2:], strict=True)
    ]
    points = np.meshgrid(*grids, indexing="ij")
    return np.array([[map_coordinates(plane, points, order=1) for plane in image] for image in cropped])


def bilinear_sampler(_op: ops.BilinearSampler, _params: Params, x: Array, grid: Array) -> Array:
    repeats = len(grid) // len(x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = []
    for i, points in enumerate(grid):
        rows, columns = ((points[:, k].T + 1) / 2 * (x.shape[2 + k] - 1) + 1 for k in range(2))
        planes = padded[i // repeats]
        y.append([map_coordinates(plane, [rows, columns], order=1, mode="grid-constant") for plane in planes])
    return np.array(y)


def affine_grid(op: ops.AffineGrid, _params: Params, theta: Array) -> Array:
    height, width = op.size
    y = np.zeros((len(theta), width, 2, height))
    for image, column, row in cells((len(theta), width, height)):
        v = -1 + 2 * row / (height - 1) if height > 1 else 0
        u = -1 + 2 * column / (width - 1) if width > 1 else 0
        c = theta[image, :, 0, 0]
        y[image, column, :, row] = c[0] * v + c[1] * u + c[4], c[2] * v + c[3] * u + c[5]
    return y


def projected(params: Params, time: int, inputs: tuple[Array, ...], *, static: bool) -> Array:
    now = np.asarray(inputs[0][time].reshape(inputs[0].shape[1], -1) @ params["weight_x"].T + params["bias"])
    if static:
        now = now + inputs[2].reshape(len(inputs[2]), -1) @ params["weight_static"].T
    return now


def lstm(op: ops.LSTM, params: Params, *inputs: Array) -> Array:
    x, going_on = inputs[:2]
    h, c = (inputs[-2][0], inputs[-1][0]) if op.initial else np.zeros((2, x.shape[1], op.units))
    collected = []
    for time in range(len(x)):
        flag, now = going_on[time][:, None], projected(params, time, inputs, static=op.static)
        gates = now + np.where(flag > 0, h, 0) @ params["weight_h"].T
        i, f, o, g = (gates[:, k * op.units : (k + 1) * op.units] for k in range(4))
        c = np.where(flag > 0, c * expit(f), 0) + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        collected.append(h if op.returns == "hidden" else c)
    return np.array(collected)


def rnn(op: ops.RNN, params: Params, *inputs: Array) -> Array:
    x, going_on = inputs[:2]
    h = inputs[-1][0] if op.initial else np.zeros((x.shape[1], op.units))
    collected = []
    for time in range(len(x)):
        now = projected(params, time, inputs, static=op.static)
        h = np.tanh(now + np.where(going_on[time][:, None] > 0, h, 0) @ params["weight_h"].T)
        collected.append(h if op.returns == "hidden" else np.tanh(h @ params["weight_o"].T + params["bias_o"]))
    return np.array(collected)


SLOW: dict[type[Op], Callable[..., Array]] = {
    ops.AffineGrid: affine_grid,
    ops.ArgMax: arg_max,
    ops.BatchNormalization: batch_normalization,
    ops.BatchStatisticsNormalization: batch_statistics,
    ops.BilinearResize: bilinear_resize,
    ops.BilinearSampler: bilinear_sampler,
    ops.Convolution: convolution,
    ops.ConvolutionTranspose: convolution_transpose,
    ops.Dense: dense,
    ops.ELU: lambda op, _, x: np.where(x > 0, x, op.alpha * (np.exp(np.minimum(x, 0)) - 1)),
    ops.Im2col: im2col,
    ops.L2Normalization: l2_normalization,
    ops.LSTM: lstm,
    ops.LocalResponseNormalization: local_response,
    ops.MaxUnpooling: max_unpooling,
    ops.MeanVarianceNormalization: mean_variance,
    ops.NearestUpsampling: lambda op, _, x: np.kron(x, np.ones((1, 1, *op.factors))),
    ops.NormOffset: norm_offset,
    ops.PReLU: lambda op, p, x: np.where(
        x > 0, x, x * p["slope"].reshape(() if op.shared else (1, -1, *(1,) * (x.ndim - 2)))
    ),
    ops.Pooling: pooling,
    ops.PoolingIndices: pooling_indices,
    ops.RNN: rnn,
    ops.ReLU: lambda op, _, x: np.where(x > 0, x, op.negative_slope * x),
    ops.Reduction: reduction,
    ops.RegionPooling: region_pooling,
    ops.Sigmoid: lambda _, __, x: expit(x),
    ops.Softmax: lambda op, _, x: softmax(x, op.axis),
    ops.Softplus: lambda _, __, x: np.logaddexp(x, 0),
    ops.SpatialResponseNormalization: spatial_response,
    ops.Swish: lambda op, _, x: x * expit(op.beta * x),
}
