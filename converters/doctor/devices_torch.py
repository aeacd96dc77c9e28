"""Whether PyTorch's devices really run: a product of matrices on each, and where its result lies."""

import torch

SIZE = 8


def devices() -> list[str]:
    """Name the devices that PyTorch claims to have."""
    accelerators = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu", *accelerators, *(["mps"] if torch.backends.mps.is_available() else [])]


def trial(name: str) -> str:
    """Say what is wrong with a device; empty when it computed a product of matrices rightly."""
    device = torch.device(name)
    a = torch.arange(SIZE * SIZE, dtype=torch.float32, device=device).reshape(SIZE, SIZE)
    y = a @ a.T
    if y.device.type != device.type:
        return f"fell back to {y.device}"
    back = a.cpu()
    return "" if torch.allclose(y.cpu(), back @ back.T, rtol=1e-2) else "computes wrong values"
