"""Recurrent layers over (time, batch, features) with a continuation input that is 0 where a sequence starts."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResettableLSTM(nn.Module):
    """An LSTM that forgets where `continuation` (time, batch) is 0; gates are input, forget, output, candidate.

    `static` (batch, ...) is read at every step; `state` holds initial hidden and cell states, each (1, batch, units).
    Returns all hidden and all cell states, each (time, batch, units).
    """

    def __init__(self, features: int, units: int, static_features: int = 0) -> None:
        super().__init__()
        self.units = units
        self.weight_x = nn.Parameter(torch.zeros(4 * units, features))
        self.bias = nn.Parameter(torch.zeros(4 * units))
        if static_features:
            self.weight_static = nn.Parameter(torch.zeros(4 * units, static_features))
        self.weight_h = nn.Parameter(torch.zeros(4 * units, units))

    def forward(
        self, x: Tensor, continuation: Tensor, static: Tensor | None = None, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        projected = F.linear(x.flatten(2), self.weight_x, self.bias)
        if static is not None:
            projected = projected + F.linear(static.flatten(1), self.weight_static)
        h, c = (s.squeeze(0) for s in state) if state else (x.new_zeros(x.shape[1], self.units) for _ in range(2))
        hidden, cells = [], []
        for now, keep in zip(projected, continuation[..., None], strict=True):
            i, f, o, g = (now + F.linear(keep * h, self.weight_h)).chunk(4, -1)
            c = keep * (f.sigmoid() * c) + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hidden.append(h)
            cells.append(c)
        return torch.stack(hidden), torch.stack(cells)


class ResettableRNN(nn.Module):
    """A recurrent layer, h = tanh(...), o = tanh(W_o h + b_o), that forgets where `continuation` (time, batch) is 0.

    `static` (batch, ...) is read at every step; `state` (1, batch, units) is the initial one. Returns all outputs and
    all hidden states, each (time, batch, units).
    """

    def __init__(self, features: int, units: int, static_features: int = 0) -> None:
        super().__init__()
        self.units = units
        self.weight_x = nn.Parameter(torch.zeros(units, features))
        self.bias = nn.Parameter(torch.zeros(units))
        if static_features:
            self.weight_static = nn.Parameter(torch.zeros(units, static_features))
        self.weight_h = nn.Parameter(torch.zeros(units, units))
        self.weight_o = nn.Parameter(torch.zeros(units, units))
        self.bias_o = nn.Parameter(torch.zeros(units))

    def forward(
        self, x: Tensor, continuation: Tensor, static: Tensor | None = None, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        projected = F.linear(x.flatten(2), self.weight_x, self.bias)
        if static is not None:
            projected = projected + F.linear(static.flatten(1), self.weight_static)
        h = x.new_zeros(x.shape[1], self.units) if state is None else state.squeeze(0)
        hidden = []
        for now, keep in zip(projected, continuation[..., None], strict=True):
            h = (now + F.linear(keep * h, self.weight_h)).tanh()
            hidden.append(h)
        states = torch.stack(hidden)
        return F.linear(states, self.weight_o, self.bias_o).tanh(), states
