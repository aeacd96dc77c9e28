"""Normalizations that torch.nn does not have, or not with these formulas."""

from torch import Tensor, nn
from torch.nn import functional as F


class BatchStatisticsNorm(nn.Module):
    """y = (x - m) / sqrt(v + epsilon), with m and v taken per channel over the batch at hand, in inference too."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.ndim))
        centred = x - x.mean(axes, keepdim=True)
        return centred / (centred.square().mean(axes, keepdim=True) + self.epsilon).sqrt()


class MeanVarianceNorm(nn.Module):
    """y = (x - m) / (s + epsilon), s the biased standard deviation, per image and channel or `across_channels`.

    Without `normalize_variance` only the mean is taken off.
    """

    def __init__(self, epsilon: float, *, across_channels: bool = False, normalize_variance: bool = True) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.across_channels = across_channels
        self.normalize_variance = normalize_variance

    def forward(self, x: Tensor) -> Tensor:
        kept = 1 if self.across_channels else 2
        rows = x.reshape(*x.shape[:kept], -1)
        centred = rows - rows.mean(-1, keepdim=True)
        if self.normalize_variance:
            centred = centred / (centred.square().mean(-1, keepdim=True).sqrt() + self.epsilon)
        return centred.reshape(x.shape)


class ChannelWindowNorm(nn.Module):
    """y = x * (k + alpha * S)^-beta, S the sum of squares over `before` channels before to `after` channels behind."""

    def __init__(self, before: int, after: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.before = before
        self.after = after
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        squares = F.pad(x.square(), (*(0, 0) * (x.ndim - 2), self.before, self.after))
        total = squares.unfold(1, self.before + self.after + 1, 1).sum(-1)
        return x * (self.k + self.alpha * total) ** -self.beta


class SpatialWindowNorm(nn.Module):
    """y = x * (1 + alpha * A)^-beta, A the average that `pool` takes of the squares around each pixel."""

    def __init__(self, pool: nn.Module, alpha: float, beta: float) -> None:
        super().__init__()
        self.pool = pool
        self.alpha = alpha
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.alpha * self.pool(x.square())) ** -self.beta


class L2Norm(nn.Module):
    """y = x / n: n = sqrt(sum of x^2 + epsilon) for `root="plus"`, max(sqrt(sum of x^2), epsilon) for "max".

    The sum runs over the channels at each position, or with `across_spatial` over all of an image.
    """

    def __init__(self, epsilon: float, root: str = "plus", *, across_spatial: bool = False) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.root = root
        self.across_spatial = across_spatial

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.ndim)) if self.across_spatial else (1,)
        total = x.square().sum(axes, keepdim=True)
        if self.root == "plus":
            return x / (total + self.epsilon).sqrt()
        return x / total.sqrt().clamp(min=self.epsilon)


class NormOffset(nn.Module):
    """y = x - alpha * max(sum over channels of x^2, 1e-8)^beta."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        total = x.square().sum(1, keepdim=True)
        return x - self.alpha * total.clamp(min=1e-8) ** self.beta
