"""Pooling and its kin with any padding and with Caffe's rounding, for what torch.nn's layers do not cover."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Windows(nn.Module):
    """What pooling layers share: windows whose count is rounded up with `ceil_mode`, as Caffe does.

    `pads` holds (before, after) for each spatial axis. If anything is padded, a last window that would start behind
    the image is dropped; if nothing is, it stays, even without a pixel.
    """

    def __init__(
        self,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        pads: tuple[tuple[int, int], ...],
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.pads = pads
        self.ceil_mode = ceil_mode

    def count(self, axis: int, size: int) -> int:
        """Return the number of windows along a spatial axis of this size."""
        before, after = self.pads[axis]
        room = size + before + after - self.kernel[axis]
        steps = -(-room // self.stride[axis]) if self.ceil_mode else room // self.stride[axis]
        dropped = any(map(any, self.pads)) and steps * self.stride[axis] >= size + before
        return steps if dropped else steps + 1

    def windows(self, x: Tensor, outside: float) -> Tensor:
        """Return all windows, (N, C, *out, *kernel); cells outside the image hold `outside`."""
        room: list[int] = []
        for axis, (kernel, stride, (before, _)) in enumerate(zip(self.kernel, self.stride, self.pads, strict=True)):
            size = x.shape[2 + axis]
            reach = (self.count(axis, size) - 1) * stride + kernel
            room = [before, reach - size - before, *room]  # F.pad wants the last axis first
        x = F.pad(x, room, value=outside)
        for axis, (kernel, stride) in enumerate(zip(self.kernel, self.stride, strict=True), start=2):
            x = x.unfold(axis, kernel, stride)
        return x

    def lowest(self, x: Tensor) -> float:
        """Return what the maximum of a window without a pixel is."""
        return float(max(torch.finfo(torch.float32).min, torch.finfo(x.dtype).min))


class MaxPool(Windows):
    """The largest pixel of each window; a window without a pixel gives the lowest number."""

    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x, self.lowest(x)).amax(tuple(range(-len(self.kernel), 0)))


class PoolingIndices(Windows):
    """For each window the flat index (row * width + column) of its first largest pixel, a float; -1 without a pixel."""

    def forward(self, x: Tensor) -> Tensor:
        spatial = x.shape[2:]
        cells = torch.arange(prod(spatial), dtype=x.dtype, device=x.device).reshape(1, 1, *spatial)
        best, place = self.windows(x, self.lowest(x)).flatten(2 + len(spatial)).max(-1, keepdim=True)
        indices = self.windows(cells, -1).flatten(2 + len(spatial)).expand(*x.shape[:2], *place.shape[2:-1], -1)
        return indices.gather(-1, place).where(best > self.lowest(x), -1).squeeze(-1)


class AveragePool(Windows):
    """The sum of each window divided by its size, clipped to the padded image, or to the image itself with `inside`."""

    def __init__(
        self,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        pads: tuple[tuple[int, int], ...],
        *,
        ceil_mode: bool = False,
        inside: bool = False,
    ) -> None:
        super().__init__(kernel, stride, pads, ceil_mode=ceil_mode)
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        total = self.windows(x, 0).sum(tuple(range(-len(self.kernel), 0)))
        sizes = torch.ones((), dtype=x.dtype, device=x.device)
        for axis in range(len(self.kernel)):
            sizes = sizes[..., None] * self.lengths(axis, x.shape[2 + axis]).to(x)
        return total / sizes

    def lengths(self, axis: int, size: int) -> Tensor:
        """Return how many cells of each window along a spatial axis count; 0 or less for a window behind the image."""
        before, after = self.pads[axis]
        start = torch.arange(self.count(axis, size)) * self.stride[axis] - before
        low, high = (0, size) if self.inside else (-before, size + after)
        return (start + self.kernel[axis]).clamp(max=high) - start.clamp(min=low)


class Im2col(nn.Module):
    """Each window as a column: (N, C * kernel area, *out), channel slowest."""

    def __init__(
        self,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        pads: tuple[tuple[int, int], ...],
        dilation: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.pads = pads
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, [amount for pair in reversed(self.pads) for amount in pair])
        settings = zip(self.kernel, self.stride, self.dilation, strict=True)
        for axis, (kernel, stride, dilation) in enumerate(settings, start=2):
            x = x.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
        axes = len(self.kernel)
        x = x.permute(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
        return x.flatten(1, 1 + axes)


class MaxUnpooling(nn.Module):
    """Put each value where a pooling index says, zeros elsewhere; of equal indices the last one in row order stays."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        cells = indices.flatten(2).long()
        order = torch.arange(cells.shape[2], device=x.device).expand_as(cells)
        nobody = order.new_full((*x.shape[:2], self.height * self.width), -1)
        last = nobody.scatter_reduce(2, cells, order, "amax")
        y = x.flatten(2).gather(2, last.clamp(min=0)).where(last >= 0, 0)
        return y.unflatten(2, (self.height, self.width))


class RegionPooling(nn.Module):
    """Pool each region of interest to height x width bins; an empty bin gives 0.

    Maps (N, C, H, W) and regions (count, 5), rows image, x1, y1, x2, y2 in image coordinates that `spatial_scale`
    turns into map cells; with `one_based`, images and cells count from 1. Gives (count, C, height, width).
    """

    def __init__(
        self, height: int, width: int, spatial_scale: float, method: str = "max", *, one_based: bool = False
    ) -> None:
        super().__init__()
        self.height = height
        self.width = width
        self.spatial_scale = spatial_scale
        self.method = method
        self.one_based = one_based

    def forward(self, x: Tensor, regions: Tensor) -> Tensor:
        regions = regions.reshape(-1, 5)
        images = (regions[:, 0].long() - int(self.one_based)).tolist()
        if any(not 0 <= image < x.shape[0] for image in images):
            raise IndexError(f"regions name images that are not among the batch of {x.shape[0]}")
        rows = self.bins(regions[:, 2], regions[:, 4], self.height, x.shape[2])
        columns = self.bins(regions[:, 1], regions[:, 3], self.width, x.shape[3])
        y = x.new_zeros(len(images), x.shape[1], self.height, self.width)
        for region, image in enumerate(images):
            for row, (top, bottom) in enumerate(rows[region]):
                for column, (left, right) in enumerate(columns[region]):
                    if top < bottom and left < right:
                        window = x[image, :, top:bottom, left:right]
                        y[region, :, row, column] = window.amax((1, 2)) if self.method == "max" else window.mean((1, 2))
        return y

    def bins(self, start: Tensor, end: Tensor, count: int, size: int) -> list[list[list[int]]]:
        """Return for each region the (first, behind last) cell of each of its bins along one axis."""
        start, end = (self.cells(corner) for corner in (start, end))
        width = (end - start + 1).clamp(min=1).float() / count
        bin_start = torch.arange(count, device=width.device)
        low = (bin_start * width[:, None]).floor() + start[:, None]
        high = ((bin_start + 1) * width[:, None]).ceil() + start[:, None]
        edges: list[list[list[int]]] = torch.stack([low, high], -1).clamp(0, size).long().tolist()
        return edges

    def cells(self, corner: Tensor) -> Tensor:
        """Turn image coordinates into map cells, rounded half away from zero."""
        scaled = corner.double() * self.spatial_scale
        return scaled.sign() * (scaled.abs() + 0.5).floor() - int(self.one_based)
