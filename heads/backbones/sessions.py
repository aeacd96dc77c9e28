"""Sessions of onnxruntime: optimised, on the device that was asked for or not at all."""

from pathlib import Path
from typing import Any

import onnxruntime

from converters.onnx_model.running import FATAL_ONLY, REFUSALS
from heads.backbones.artefact import Hardware
from heads.errors import HeadsError

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
OUT_OF_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "bad allocation")


def session(model: bytes | Path, hardware: Hardware, folder: Path | None = None) -> Any:
    """Load a model; `folder` is where weights lie that are not in it. HeadsError where that cannot be.

    onnxruntime falls back to the CPU when it cannot load what the GPU needs: what it chose is read back.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if hardware.threads:
        options.intra_op_num_threads = hardware.threads
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder.resolve()))
    wanted = _providers(hardware)
    try:
        made = onnxruntime.InferenceSession(model, options, providers=wanted)
    except REFUSALS as error:
        raise HeadsError(f"onnxruntime cannot load it: {error}") from error
    if hardware.gpu is not None and made.get_providers()[0] != CUDA:
        raise HeadsError(
            f"{hardware.device} was asked for, but onnxruntime fell back to {made.get_providers()[0]}; "
            "`convert doctor` says what is missing"
        )
    return made


def _providers(hardware: Hardware) -> list[Any]:
    if hardware.gpu is None:
        return [CPU]
    if CUDA not in onnxruntime.get_available_providers():
        raise HeadsError(
            f"{hardware.device} is not there: this onnxruntime runs on the CPU alone; "
            "install the extra onnx-gpu in place of onnx, or choose cpu"
        )
    # TF32 keeps 10 bits of each factor: embeddings would differ from those of every other machine.
    return [(CUDA, {"device_id": str(hardware.gpu), "use_tf32": "0"}), CPU]


def device_of(made: Any, hardware: Hardware) -> str:
    """Return the device that a session really uses."""
    return f"cuda:{hardware.gpu or 0}" if made.get_providers()[0] == CUDA else "cpu"


def results(made: Any, names: list[str], feeds: dict[str, Any]) -> list[Any]:
    """Run a session; MemoryError where a batch is too large, HeadsError for anything else it refuses."""
    try:
        found: list[Any] = made.run(names, feeds)
    except REFUSALS as error:
        if any(words in str(error).lower() for words in OUT_OF_MEMORY):
            raise MemoryError(str(error)) from error
        raise HeadsError(f"onnxruntime cannot run it on these images: {error}") from error
    return found
