"""The peak that NumPy reaches: its BLAS in a matrix product, the C library's memory copy on several threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.measuring.peak_trial import sizes_for

COPY_BYTES = 2**28
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class NumPyWork:
    """Products and copies with `threads` threads."""

    name: str
    threads: int
    sizes: tuple[int, ...] = (1024, 2048)

    def product(self, size: int) -> Callable[[], None]:
        """Return a product of two matrices (size, size)."""
        return product(size)

    def copy(self) -> tuple[Callable[[], None], int]:
        """Return a copy of 256 MiB, each thread copying a part: NumPy itself copies with one."""
        source = np.ones(COPY_BYTES // 4, np.float32)
        target = np.zeros_like(source)
        edges = np.linspace(0, source.size, self.threads + 1).astype(int)
        parts = [(target[a:b], source[a:b]) for a, b in pairwise(edges)]
        pool = ThreadPoolExecutor(self.threads)
        return lambda: void(list(pool.map(lambda part: np.copyto(*part), parts))), 2 * COPY_BYTES


def product(size: int) -> Callable[[], None]:
    """Return a product of two matrices (size, size) float32 of normal numbers, by as many threads as NumPy now has."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: void(np.matmul(a, b, out=out))


def void(_made: object) -> None:
    """Forget what was made."""


def work(settings: Settings) -> NumPyWork:
    """Return NumPy's work, with its BLAS bound to the threads asked for; RunnerError where it does not obey."""
    threadpool_limits(settings.threads)
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    wrong = [pool for pool in pools if pool["num_threads"] != settings.threads]
    if not pools or wrong:
        told = ", ".join(f"{pool['internal_api']} has {pool['num_threads']}" for pool in wrong) or "no BLAS is known"
        raise RunnerError(f"{settings.threads} threads were asked for, but {told}")
    blas = " and ".join(sorted(f"{pool['internal_api']} {pool['version']}" for pool in pools))
    return NumPyWork(f"numpy {np.__version__} ({blas})", settings.threads, sizes_for(settings.threads))
