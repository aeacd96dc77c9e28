"""Which kind of model the words of a command name."""

from pathlib import Path
from typing import Any

from converters import formats
from converters.conversion import names
from converters.errors import did_you_mean
from converters.files.model_files import check_regular
from heads.backbones.artefact import Artefact, Hardware
from heads.errors import HeadsError


def find_artefact(words: tuple[str, ...], hardware: Hardware) -> Artefact:
    """Return the model that words name: a path, `inception-resnet-v1` and its weights, a known name or sources.

    HeadsError or ConversionError where they name none.
    """
    path = Path(words[0])
    if words[0] == INCEPTION and not path.exists():
        return _made("heads.backbones.inception_artefacts", words, hardware)
    if path.is_dir():
        module = SAVED_MODEL if (path / "saved_model.pb").exists() else TORCH
    else:
        suffix = next((suffix for suffix in MODULES if words[0].lower().endswith(suffix)), None)
        if suffix is None:
            _check_name(words[0])
            return _made("heads.backbones.sources", words, hardware)
        check_regular(path)
        module = MODULES[suffix]
    if len(words) > 1:
        raise HeadsError(f"{path}: is a whole model; {', '.join(words[1:])} cannot be used with it")
    return _made(module, path, hardware)


def _made(module: str, what: Any, hardware: Hardware) -> Artefact:
    found: Artefact = formats.load(module).found(what, hardware)
    return found


def _check_name(word: str) -> None:
    if not names.may_be_name(word) or word == INCEPTION or names.find(word) is not None:
        return
    hint = did_you_mean(word, (*names.known(), INCEPTION))
    raise HeadsError(f"'{word}' is neither a file nor a known network{hint} ({INCEPTION}, {names.listed()})")


INCEPTION = "inception-resnet-v1"
SAVED_MODEL, KERAS = "heads.backbones.saved_models", "heads.backbones.keras_artefacts"
TORCH, PROGRAM = "heads.backbones.torch_artefacts", "heads.backbones.torch_programs"
MODULES = {
    ".onnx": "heads.backbones.onnx_artefacts",
    ".keras": KERAS,
    ".weights.h5": KERAS,
    ".h5": KERAS,
    ".hdf5": KERAS,
    ".pt2": PROGRAM,
    ".pt": TORCH,
    ".pth": TORCH,
    ".py": TORCH,
    ".safetensors": TORCH,
}
