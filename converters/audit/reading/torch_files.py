"""`.pt` and `.pth` files: a state_dict, alone or inside a checkpoint; nothing pickled but tensors is ever loaded."""

import pickle
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from converters.audit.names import split
from converters.audit.tensors import Contents, Tensor
from converters.errors import FormatError, UnsupportedError
from converters.files.model_files import check_recognised, map_file
from converters.ops import Array

# Under what names training scripts keep a state_dict in a checkpoint, the likeliest first.
PLACES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module", "ema")
OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optim", "optimizers")
# What wrappers put before every name: DataParallel, torch.compile.
PREFIXES = ("module.", "_orig_mod.")
MAX_DEPTH = 3
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


def read(path: Path) -> Contents:
    """Read a `.pt` or `.pth`; FormatError for what is none, damaged, or would have to run code to be loaded."""
    state, where, left_out = _state_dict(_loaded(path), MAX_DEPTH)
    if state is None:
        raise FormatError(f"{path}: holds no state_dict: neither tensors by name, nor such a table under {PLACES[0]!r}")
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    problems = [f"{path}: '{name}' {_strange(value)}" for name, value in tensors.items() if _strange(value)]
    if problems:
        raise UnsupportedError(problems)
    plain = _without_prefixes(tensors)
    made = tuple(
        Tensor(name, tuple(value.shape), str(value.dtype).removeprefix("torch."), partial(_array, value), *split(name))
        for name, value in plain.items()
    )
    return Contents(path, f"PyTorch state_dict{f' ({where})' if where else ''}", made, left_out)


def _loaded(path: Path) -> Any:
    head = map_file(path)[:4096]
    if not head.startswith((_ZIP, _PICKLE)):
        check_recognised(path, head, "a PyTorch file")
        raise FormatError(f"{path}: is no PyTorch file (it begins with {head[:8]!r})")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=head.startswith(_ZIP) or None)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"'{named[1]}'" if named else "something"
        raise FormatError(
            f"{path}: holds {what} that is no tensor, and loading it would run code, which is never done; "
            "save the weights alone, in the program that wrote it: torch.save(model.state_dict(), 'weights.pt')"
        ) from error
    except Exception as error:  # PyTorch does not say what it may raise
        reason = str(error).strip().partition("\n")[0]
        if "TorchScript" in reason:
            reason = "is a TorchScript program; save torch.jit.load(...).state_dict() and audit that"
        raise FormatError(f"{path}: PyTorch cannot load it: {reason}") from error


def _state_dict(loaded: Any, depth: int) -> tuple[Mapping[str, Any] | None, str, tuple[str, ...]]:
    """Return the table of tensors, where in the checkpoint it is, and what was left out beside it."""
    if not isinstance(loaded, Mapping) or not depth:
        return None, "", ()
    own = any(isinstance(value, torch.Tensor) for value in loaded.values())
    others = () if own else tuple(name for name in loaded if name not in (*PLACES, *OPTIMIZERS))
    # A checkpoint may keep a tensor of its own beside the state_dict, the best accuracy for example.
    for place in (*PLACES, *others):
        state, inner, left_out = _state_dict(loaded.get(place), depth - 1)
        if state is not None:
            return state, f"{place}.{inner}" if inner else str(place), (*_beside(loaded, place), *left_out)
    return ({str(name): value for name, value in loaded.items()} if own else None), "", ()


def _beside(loaded: Mapping[Any, Any], place: Any) -> list[str]:
    """Say what a checkpoint holds besides the state_dict."""
    optimizers = [name for name in OPTIMIZERS if name in loaded]
    others = [key for key, value in loaded.items() if isinstance(value, Mapping) and key not in (place, *optimizers)]
    notes = [f"the state of the optimizer ('{name}') is left out" for name in optimizers]
    return [*notes, *(f"'{name}' beside '{place}' is left out" for name in others)]


def _without_prefixes(tensors: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(tensors)
    for prefix in (*PREFIXES, *PREFIXES):
        if found and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def _strange(tensor: Any) -> str:
    if tensor.is_quantized or tensor.layout != torch.strided:
        return "is quantized or sparse, which is not compared; save it dense and floating"
    if tensor.device.type == "meta":
        return "holds no values"
    known = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    whole = not tensor.dtype.is_floating_point and not tensor.dtype.is_complex
    return "" if tensor.dtype in known or whole else f"holds {tensor.dtype} values, which are not compared"


def _array(tensor: Any) -> Array:
    plain = tensor.detach()
    array: Array = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    return array
