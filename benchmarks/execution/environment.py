"""The environment variables of a child: ours without those that would change a measurement behind its back."""

import os
from collections.abc import Mapping

# What tunes thread pools, number formats, allocators and frameworks, by how it begins.
DROPPED = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_", "TBB_", "DNNL_", "ONEDNN_",
    "TF_", "XLA_", "ORT_", "OPENCV_", "OV_", "OPENVINO_", "TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "KERAS_", "ATEN_",
    "CUBLAS_", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "MALLOC_",
    "GLIBC_TUNABLES", "COVERAGE_", "PYTHON",
)  # fmt: skip
# Of those, what only says where things lie; a GPU may well be chosen from outside.
KEPT = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONUSERBASE",
    "PYTHONNOUSERSITE",
    "KERAS_HOME",
    "TORCH_HOME",
    "OPENCV_LOG_LEVEL",
)
# Read by OpenMP and BLAS libraries when they are loaded; frameworks have settings of their own, which runners make.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ALWAYS = {
    "PYTHONHASHSEED": "0",
    "PYTHONFAULTHANDLER": "1",  # a crash, or a process ended for hanging, says where it was
    "PYTHONUNBUFFERED": "1",
}


def clean(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without what tunes runtimes, and with what every child gets."""
    given = os.environ if inherited is None else inherited
    kept = {name: value for name, value in given.items() if name in KEPT or not name.startswith(DROPPED)}
    return kept | ALWAYS


def variables(threads: int, of_runner: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set for a cell, and that its result records; a runner's own have the last word."""
    return ALWAYS | dict.fromkeys(THREADS, str(threads)) | dict(of_runner)
