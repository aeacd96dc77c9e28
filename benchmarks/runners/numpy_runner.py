"""NumPy: the graph's own meaning, which everything else is compared with, as the slowest row of a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.runners import subnormals
from benchmarks.runners.runner import (
    Array,
    CallPath,
    Device,
    Runner,
    as_float32,
    page_in,
)

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class NumPy(Runner):
    """`Graph.run` of the source files, in float32; only the products of matrices use several threads."""

    packages: ClassVar = ("numpy",)
    call_paths: ClassVar = {"run": CallPath(extra="the reference: one NumPy expression for each node")}

    @classmethod
    def artefact(cls, settings: Settings) -> str:
        """Return the kind for what the frontends of converters read."""
        del settings
        return "source"

    @classmethod
    def environment(cls, settings: Settings) -> dict[str, str]:
        """Return the variables that BLAS libraries read when they are loaded."""
        threads = dict.fromkeys(THREAD_VARIABLES, str(settings.threads))
        # OpenBLAS's threads wait for work 2^28 ticks of the processor's clock unless told to wait 2^4.
        return threads if settings.spinning else threads | {"OPENBLAS_THREAD_TIMEOUT": "4"}

    @classmethod
    def devices(cls) -> list[Device]:
        """Return the CPU, which computed a product of matrices."""
        a = np.arange(64, dtype=np.float32).reshape(8, 8)
        right = np.array_equal(a @ a, np.einsum("ij,jk->ik", a.astype(np.float64), a.astype(np.float64)))
        return [Device("cpu", problem="" if right else "computes wrong values")]

    def import_library(self) -> None:
        """Import what reads networks, and bound the threads of BLAS."""
        self.refuse_impossible()
        from threadpoolctl import threadpool_limits

        from converters.conversion import sources
        from converters.options import Options

        self._sources, self._options = sources, Options
        # Kept: limits end when the object does.
        self._bounded = threadpool_limits(self.settings.threads)

    def read_weights(self) -> None:
        """Map the files; they are read through first, since mapping alone brings nothing into memory."""
        paths = _distinct(list(self.files.values()))
        for path in paths:
            page_in(path)
        model = self._sources.find_model([str(path) for path in paths])
        self._read = self._sources.read(model, self._options())

    def build(self) -> None:
        """Cut the network at the nodes; there is nothing to compile."""
        from benchmarks.runners.source_graph import ended

        (self._input,) = self._read.inputs
        self._graph = ended(self._read, self.nodes)

    def prepare(self, batch: Array) -> Any:
        """Return the batch with the graph resized to it; weights are shared."""
        return self._graph.with_inputs({self._input: batch.shape}), np.ascontiguousarray(batch, np.float32)

    def run(self, feed: Any) -> Any:
        """Compute every value up to the nodes."""
        graph, array = feed
        values = graph.output_values(graph.run({self._input: array}))
        return list(values.values())

    def values(self, answer: Any) -> dict[str, Array]:
        """Return the values by node."""
        return {name: as_float32(value) for name, value in zip(self.nodes, answer, strict=True)}

    def read_back(self) -> dict[str, Any]:
        """Ask BLAS for its threads, and NumPy for what it computed in."""
        from threadpoolctl import threadpool_info

        threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        types = {array.dtype.name for node in self._graph for array in node.params.values()}
        halved = subnormals.probe() * np.float32(0.5)
        return {
            "device": "cpu",
            "precision": "fp32-strict" if types == {"float32"} else "+".join(sorted(types)),
            "denormals": subnormals.treatment(halved),
            **({"threads": threads.pop()} if len(threads) == 1 else {}),
        }

    def facts(self) -> dict[str, Any]:
        """Return which BLAS NumPy calls."""
        from threadpoolctl import threadpool_info

        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        return {"blas": sorted({f"{pool['internal_api']} {pool['version']}" for pool in pools})}


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are named, once each: a MatConvNet network has a single one."""
    found = list(dict.fromkeys(paths))
    if not found:
        raise RunnerError("NumPy needs the network's files; none is given")
    return found
