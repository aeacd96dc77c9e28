"""Written PyTorch modules: finding module and weights, and what both say of themselves."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from converters.description import from_text, preprocessing_read
from converters.errors import FormatError
from converters.formats import DISTRIBUTION
from converters.ir import Preprocessing
from converters.torch_model.execution import executed
from converters.torch_model.preprocessing_text import MEAN_IMAGE
from heads.errors import HeadsError

WEIGHTS = (".safetensors", ".pt", ".pth")
LARGEST_HEADER = 2**27
_INPUT = re.compile(r"^Input (.*): \((N|\d+), (\d+), (\d+), (\d+)\)(, uint8)?", re.MULTILINE)
_OUTPUT = re.compile(r"^Output (.*): (?:at most )?\(", re.MULTILINE)
_LICENCE = re.compile(r"^Licence: (.*)$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Written:
    """A module that was executed, its weights loaded: `model` is its network.

    `image` is (batch or None, channels, height, width) of its input, as far as the module says it, and `outputs` the
    names of its outputs; `ours` whether the converters wrote it.
    """

    files: tuple[Path, ...]
    source: str
    module: ModuleType
    model: torch.nn.Module
    preprocessing: Preprocessing
    licence: str
    ours: bool
    inputs: tuple[str, ...]
    image: tuple[int | None, ...]
    input_dtype: str
    outputs: tuple[str, ...]


def read_module(path: Path, device: torch.device) -> Written:
    """Execute a module and load its weights; HeadsError or FormatError where that cannot be."""
    text, weights = _pair(path)
    source = text.read_text(encoding="utf-8")
    try:
        module = executed(source, text)
        model = module.load().to(device).eval()
    except Exception as error:
        # Someone's code runs here, and raises what it likes.
        reason = str(error).strip().partition("\n")[0]
        raise HeadsError(f"{text}: the module cannot be loaded: {type(error).__name__}: {reason}") from error
    if not isinstance(model, torch.nn.Module):
        raise HeadsError(f"{text}: load() gives a {type(model).__name__}, expected a torch.nn.Module")
    told = _header(weights) if weights.suffix == ".safetensors" else {}
    described = module.__doc__ or ""
    inputs = _INPUT.findall(described)
    licence = _LICENCE.search(described)
    stated = inputs[0][1:5] if inputs else ("N",) * 4
    sizes = [None if size == "N" else int(size) for size in stated]
    return Written(
        files=(text, weights),
        source=source,
        module=module,
        model=model,
        preprocessing=_known(told, module, model, sizes),
        licence=str(told.get("licence", "") or (licence.group(1) if licence else "")),
        ours=f" by {DISTRIBUTION}" in described.partition("\n")[0],
        inputs=tuple(entry[0] for entry in inputs),
        image=tuple(sizes),
        input_dtype="uint8" if inputs and inputs[0][5] else "float32",
        outputs=tuple(_OUTPUT.findall(described)) or ("output",),
    )


def _pair(path: Path) -> tuple[Path, Path]:
    """Return the module and the weights that belong together."""
    if path.is_dir():
        modules = [text for text in sorted(path.glob("*.py")) if _weights_beside(text)]
        if len(modules) != 1:
            found = ", ".join(text.name for text in modules) or "none"
            raise HeadsError(
                f"{path}: a PyTorch folder has one module <name>.py with <name>.safetensors or <name>.pt beside it; "
                f"found: {found}"
            )
        path = modules[0]
    text = path.with_suffix(".py")
    weights = path if path.suffix != ".py" else _weights_beside(text)
    if not text.is_file():
        raise HeadsError(
            f"{path}: there is no module {text.name} beside it to load it with; the weights of an Inception-ResNet-v1 "
            "are opened as: inception-resnet-v1 WEIGHTS"
        )
    if weights is None:
        raise HeadsError(f"{text}: there are no weights beside it ({', '.join(text.stem + end for end in WEIGHTS)})")
    return text, weights


def _weights_beside(text: Path) -> Path | None:
    return next((file for end in WEIGHTS if (file := text.with_suffix(end)).is_file()), None)


def _header(weights: Path) -> dict[str, Any]:
    """Return the facts in a safetensors file. Source: the format's description in the library's README."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LARGEST_HEADER:
                raise FormatError(f"{weights}: is no safetensors file")
            header = json.loads(file.read(length))
    except ValueError as error:
        raise FormatError(f"{weights}: is no safetensors file: {error}") from error
    return from_text(header.get("__metadata__", {}))


def _known(
    told: Mapping[str, Any], module: ModuleType, model: torch.nn.Module, sizes: list[int | None]
) -> Preprocessing:
    """Return what the weights' file says, else what the module's constants say; the size is that of the input."""
    tensors = dict(model.named_buffers())

    def tensor(name: str) -> Any:
        if name not in tensors:
            raise ValueError(f"the network has no tensor '{name}'")
        return tensors[name].detach().cpu().numpy().astype(np.float32)

    said = told.get("preprocessing") or _constants(vars(module), tensors)
    size = said.get("size_height_width") or (sizes[2:] if all(sizes[2:]) else None)
    return preprocessing_read({"preprocessing": {**said, "size_height_width": size}}, tensor)


def _constants(named: Mapping[str, Any], tensors: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "channel_order": named.get("CHANNEL_ORDER"),
        "mean": named.get("MEAN", MEAN_IMAGE if MEAN_IMAGE in tensors else None),
        "scale": named.get("SCALE"),
        "size_height_width": named.get("INPUT_SIZE"),
    }
    if found["channel_order"] and found["mean"] is None and found["scale"] is not None:
        found["mean"] = [0.0] * len(found["scale"])
    return found
