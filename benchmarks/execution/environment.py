"""The environment variables of a child: ours without those that would change a measurement behind its back."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import benchmarks

# What tunes thread pools, number formats, allocators and frameworks, by how it begins.
DROPPED = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_", "TBB_", "DNNL_", "ONEDNN_",
    "TF_", "XLA_", "ORT_", "OPENCV_", "OV_", "OPENVINO_", "TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "KERAS_", "ATEN_",
    "CUBLAS_", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "MALLOC_",
    "GLIBC_TUNABLES", "NPY_", "COVERAGE_", "PYTHON",
)  # fmt: skip
# Of those, what only says where things lie; a GPU may well be chosen from outside.
KEPT = ("PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "KERAS_HOME", "TORCH_HOME", "OPENCV_LOG_LEVEL")
# Read by OpenMP and BLAS libraries when they are loaded; frameworks have settings of their own, which runners make.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ALWAYS = {
    "PYTHONHASHSEED": "0",
    "PYTHONFAULTHANDLER": "1",  # a crash, or a process ended for hanging, says where it was
    "PYTHONUNBUFFERED": "1",
    "PYTHONSAFEPATH": "1",  # a folder `benchmarks` where somebody happens to stand is not ours
}


def clean(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without what tunes runtimes, and with what every child gets."""
    given = os.environ if inherited is None else inherited
    kept = {name: value for name, value in given.items() if name in KEPT or not name.startswith(DROPPED)}
    return kept | ALWAYS | {"PYTHONPATH": os.pathsep.join(_module_folders(given.get("PYTHONPATH", "")))}


def _module_folders(inherited: str) -> list[str]:
    """Return where a child looks for modules first: our own, those of the environment, then where we stand if we do."""
    here = str(Path.cwd())
    folders = [str(Path(benchmarks.__file__ or "").resolve().parent.parent)]
    folders += [str(Path(folder).resolve()) for folder in inherited.split(os.pathsep) if folder]
    folders += [here] if {"", here} & set(sys.path) else []
    return list(dict.fromkeys(folders))


def variables(threads: int, of_runner: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set for a cell, and that its result records; a runner's own have the last word."""
    return ALWAYS | dict.fromkeys(THREADS, str(threads)) | dict(of_runner)
