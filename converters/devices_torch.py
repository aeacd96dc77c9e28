"""Whether PyTorch's devices really run: a product of matrices on each, and where its result lies."""

import torch

SIZE = 8


def devices() -> dict[str, str]:
    """Return for each device what is wrong with it: empty when it computed a product of matrices rightly."""
    return {name: _trial(name) for name in _names()}


def _names() -> list[str]:
    accelerators = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu", *accelerators, *(["mps"] if torch.backends.mps.is_available() else [])]


def _trial(name: str) -> str:
    device = torch.device(name)
    a = torch.arange(SIZE * SIZE, dtype=torch.float32, device=device).reshape(SIZE, SIZE)
    y = a @ a.T
    if y.device.type != device.type:
        return f"fell back to {y.device}"
    back = a.cpu()
    return "" if torch.allclose(y.cpu(), back @ back.T, rtol=1e-2) else "computes wrong values"
