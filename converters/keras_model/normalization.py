"""Ops that divide by a statistic (stored, of the batch, of the neighbourhood, of the vector itself), in float32."""

from functools import reduce

from converters.keras_model.assembly import Builder, Site
from converters.keras_model.layout import Tensor, from_channels_last, stored_axis, to_channels_last
from converters.keras_model.library import layers, ops
from converters.keras_model.pooling import average
from converters.ops import (
    BatchNormalization,
    BatchStatisticsNormalization,
    L2Normalization,
    LocalResponseNormalization,
    MeanVarianceNormalization,
    NormOffset,
    Op,
    SpatialResponseNormalization,
)


def _batch_normalization(site: Site, op: BatchNormalization) -> Tensor:
    params = site.node.params
    axis = stored_axis(1, site.rank)
    layer = layers.BatchNormalization(axis, epsilon=op.epsilon, center=op.affine, scale=op.affine, dtype="float32")
    affine = (params["scale"], params["bias"]) if op.affine else ()
    return site.learned(layer, site.wide, *affine, params["mean"], params["variance"])


def _centred(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return ops.subtract(x, ops.mean(x, axes, keepdims=True))


def _spatial_axes(site: Site) -> tuple[int, ...]:
    return tuple(stored_axis(axis, site.rank) for axis in range(2, site.rank))


def _batch_statistics(site: Site, op: BatchStatisticsNormalization) -> Tensor:
    axes = (0, *_spatial_axes(site))
    centred = _centred(site.wide, axes)
    variance = ops.mean(ops.square(centred), axes, keepdims=True)
    return ops.divide(centred, ops.sqrt(ops.add(variance, op.epsilon)))


def _mean_variance(site: Site, op: MeanVarianceNormalization) -> Tensor:
    axes = tuple(range(1, site.rank)) if op.across_channels else _spatial_axes(site)
    # A mean over no axes is the value itself, but Keras takes an empty tuple for all axes.
    centred = _centred(site.wide, axes) if axes else ops.subtract(site.wide, site.wide)
    if not op.normalize_variance:
        return centred
    square = ops.square(centred)
    deviation = ops.sqrt(ops.mean(square, axes, keepdims=True) if axes else square)
    return ops.divide(centred, ops.add(deviation, op.epsilon))


def _local_response(site: Site, op: LocalResponseNormalization) -> Tensor:
    axis = stored_axis(1, site.rank)
    channels = site.fixed(site.shape[1:2])[0]
    before, after = (min(reach, channels - 1) for reach in (op.before, op.after))
    squares = ops.square(site.wide)
    if before == after == channels - 1:
        total = ops.sum(squares, axis, keepdims=True)
    else:
        room = ops.pad(squares, [[before, after] if i == axis else [0, 0] for i in range(site.rank)])
        at = [
            tuple(slice(start, start + channels) if i == axis else slice(None) for i in range(site.rank))
            for start in range(before + after + 1)
        ]
        total = reduce(ops.add, [room[view] for view in at])
    return _divided_by_power(site.wide, ops.add(ops.multiply(total, op.alpha), op.k), op.beta)


def _divided_by_power(x: Tensor, base: Tensor, beta: float) -> Tensor:
    return ops.multiply(x, ops.power(base, -beta))


def _spatial_response(site: Site, op: SpatialResponseNormalization) -> Tensor:
    x = to_channels_last(site.wide)
    mean = average(op.pooling(), ops.square(x), site.shape)
    return from_channels_last(_divided_by_power(x, ops.add(ops.multiply(mean, op.alpha), 1.0), op.beta))


def _l2(site: Site, op: L2Normalization) -> Tensor:
    axes = tuple(range(1, site.rank)) if op.across_spatial else (stored_axis(1, site.rank),)
    total = ops.sum(ops.square(site.wide), axes, keepdims=True)
    root = ops.sqrt(ops.add(total, op.epsilon)) if op.root == "plus" else ops.maximum(ops.sqrt(total), op.epsilon)
    return ops.divide(site.wide, root)


def _norm_offset(site: Site, op: NormOffset) -> Tensor:
    total = ops.maximum(ops.sum(ops.square(site.wide), stored_axis(1, site.rank), keepdims=True), 1e-8)
    return ops.subtract(site.wide, ops.multiply(ops.power(total, op.beta), op.alpha))


NORMALIZATION: dict[type[Op], Builder] = {
    BatchNormalization: _batch_normalization,
    BatchStatisticsNormalization: _batch_statistics,
    L2Normalization: _l2,
    LocalResponseNormalization: _local_response,
    MeanVarianceNormalization: _mean_variance,
    NormOffset: _norm_offset,
    SpatialResponseNormalization: _spatial_response,
}
