"""Which instructions of an x86 processor a runtime uses: how it is bound, and what its own names for them say."""

from collections.abc import Iterable

from benchmarks.cells import ALL_INSTRUCTIONS, AVX2

# Read by oneDNN, which is part of OpenVINO and of PyTorch, when it is first used.
ONEDNN = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
# In the names of instruction sets and of kernels: what is newer than AVX2.
NEWER = ("avx512", "avx10", "amx")


def told_by(names: Iterable[str]) -> str:
    """Return "all" where something newer than AVX2 is among these names, else "avx2"."""
    newer = any(word in name.lower() for name in names for word in NEWER)
    return ALL_INSTRUCTIONS if newer else AVX2
