"""Where PyTorch runs, and what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from heads.backbones.artefact import Hardware
from heads.errors import HeadsError

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def device(hardware: Hardware) -> torch.device:
    """Return PyTorch's device, its threads set; HeadsError where it is not there."""
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if hardware.gpu is not None and hardware.gpu >= count:
        raise HeadsError(f"{hardware.name} is not there: PyTorch finds {count or 'no'} GPUs; choose cpu")
    return torch.device(hardware.name)


@contextmanager
def inference() -> Iterator[None]:
    """Run without gradients, and in full float32; MemoryError where a batch is too large, HeadsError for the rest."""
    # TF32 keeps 10 bits of each factor: embeddings would differ from those of every other machine.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error).partition("\n")[0]) from error
        except Exception as error:
            # What a module raises is its own affair.
            if any(words in str(error).lower() for words in OUT_OF_MEMORY):
                raise MemoryError(str(error).partition("\n")[0]) from error
            reason = str(error).strip().partition("\n")[0]
            raise HeadsError(f"PyTorch cannot run it: {type(error).__name__}: {reason}") from error


def weights_type(tensors: dict[str, torch.Tensor]) -> str:
    """Return the number type of most weights."""
    counts: dict[torch.dtype, int] = {}
    for tensor in tensors.values():
        if tensor.is_floating_point():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    kind = max(counts, key=lambda one: counts[one]) if counts else torch.float32
    return str(kind).removeprefix("torch.")
