"""Spatial transformers with the layouts of MatConvNet."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AffineGrid(nn.Module):
    """Sampling points of an affine map over the square [-1, 1]: y' = c1*y + c2*x + c5, x' = c3*y + c4*x + c6.

    (N, 6, 1, 1) to (N, width, 2, height); index 0 of the axis of two is y.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, theta: Tensor) -> Tensor:
        c = theta.reshape(-1, 6, 1, 1)
        y = self.positions(self.height).to(theta)
        x = self.positions(self.width).to(theta)[:, None]
        return torch.stack([c[:, 2 * i] * y + c[:, 2 * i + 1] * x + c[:, 4 + i] for i in range(2)], 2)

    def positions(self, count: int) -> Tensor:
        """Return `count` points from -1 to 1; a single one lies in the middle."""
        return torch.linspace(-1, 1, count, dtype=torch.float64) if count > 1 else torch.zeros(1)


class BilinearSampler(nn.Module):
    """Read maps (N, C, H, W) at points (N * k, width, 2, height), k grids for each image in turn; zeros outside.

    Index 0 of the axis of two is y; the corners of the square [-1, 1] are the centres of the corner pixels.
    """

    def forward(self, x: Tensor, grid: Tensor) -> Tensor:
        images = x.repeat_interleave(grid.shape[0] // x.shape[0], 0)
        points = grid.permute(0, 3, 1, 2).flip(-1)  # (N * k, height, width, xy)
        return F.grid_sample(images, points, align_corners=True)
