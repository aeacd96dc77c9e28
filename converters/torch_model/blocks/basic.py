"""Scales, biases, embeddings, maxima and input preprocessing."""

import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """y = x * weight (+ bias); the parameters have the shape that broadcasts against x."""

    def __init__(self, *shape: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight
        return y if self.bias is None else y + self.bias


class Bias(nn.Module):
    """y = x + bias; the bias has the shape that broadcasts against x."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class Preprocess(nn.Module):
    """y = (x - mean) * scale for images (N, C, H, W) of any number type; channels are reversed first if asked for."""

    def __init__(self, *mean_shape: int, reverse_channels: bool = False) -> None:
        super().__init__()
        self.reverse_channels = reverse_channels
        self.mean = nn.Buffer(torch.zeros(mean_shape))
        self.scale = nn.Buffer(torch.ones(mean_shape[0], 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        ordered = x.flip(1) if self.reverse_channels else x
        return (ordered.to(self.mean.dtype) - self.mean) * self.scale


class BiasedEmbedding(nn.Embedding):
    """Rows of a table, looked up by whole numbers stored as floats, plus a bias."""

    def __init__(self, entries: int, features: int) -> None:
        super().__init__(entries, features)
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.long()) + self.bias


class ArgMax(nn.Module):
    """The `top_k` largest values or their indices as floats, largest first; of equal values the highest index leads.

    With an `axis`: along it, `output` "indices" or "values". Without: over all axes but the batch, giving (N, 1,
    top_k, 1 ...) of at least three axes, or (N, 2, top_k, 1 ...) for `output="both"`.
    """

    def __init__(self, axis: int | None = None, top_k: int = 1, output: str = "indices") -> None:
        super().__init__()
        self.axis = axis
        self.top_k = top_k
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(x.shape[0], -1) if self.axis is None else x.movedim(self.axis, -1)
        # Backwards, a stable sort puts the highest index first among equals.
        values, places = rows.flip(-1).sort(dim=-1, descending=True, stable=True)
        values = values[..., : self.top_k]
        indices = (rows.shape[-1] - 1 - places[..., : self.top_k]).to(x.dtype)
        if self.axis is not None:
            return (values if self.output == "values" else indices).movedim(-1, self.axis)
        chosen = {"indices": [indices], "values": [values], "both": [indices, values]}[self.output]
        y = torch.stack(chosen, 1)
        return y.reshape(*y.shape, *(1,) * (x.ndim - 3))
