"""`python -m benchmarks.measuring.peak_trial ASKED.json ANSWERED.json`: the peak of a library, alone in its process."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Protocol

from benchmarks.cells import Settings
from benchmarks.errors import RunnerError
from benchmarks.measuring import processor
from benchmarks.measuring.outcome import write_json

MODULES = {"numpy": "benchmarks.measuring.peak_numpy", "torch": "benchmarks.measuring.peak_torch"}
LEAST, WARM_UP = 3, 1
# A library that takes more cores than it was given would raise the peak; one that takes fewer is no peak.
TOO_MANY, TOO_FEW = 1.3, 0.7


def sizes_for(threads: int) -> tuple[int, ...]:
    """Return the sizes of matrices to try on processors: more threads need larger ones to be busy."""
    return (1024, 2048) if threads <= 4 else (1024, 2048, 4096)


class Work(Protocol):
    """A library's matrix products and copy, ready to be called; each call is complete when it returns."""

    name: str
    sizes: Sequence[int]

    def product(self, size: int) -> Callable[[], None]:
        """Return a product of two matrices (size, size)."""

    def copy(self) -> tuple[Callable[[], None], int]:
        """Return a copy that is far larger than any cache, and its bytes, read and written ones counted."""


@dataclass
class Samples:
    """Figures of each repetition: a rate per second, and how many cores were wanted."""

    rates: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def repeated(call: Callable[[], None], amount: float, seconds: float) -> Samples:
    """Return how much is done per second in calls that each do `amount`, for `seconds` after a warm-up."""
    for _ in range(WARM_UP):
        call()
    found = Samples()
    end = perf_counter() + seconds
    while len(found.rates) < LEAST or perf_counter() < end:
        before = processor.read()
        start = perf_counter()
        call()
        taken = perf_counter() - start
        found.cores.append(processor.wanted_cores(before, processor.read()))
        found.rates.append(amount / taken)
    return found


def measured(work: Work, settings: Settings, seconds: float) -> dict[str, object]:
    """Return the samples of the size that is fastest, of the copy, and what is wrong with them, if anything is."""
    share = seconds / (len(work.sizes) + 1)
    products = [repeated(work.product(size), float(size) ** 3, share) for size in work.sizes]
    best = max(products, key=lambda samples: max(samples.rates))
    call, amount = work.copy()
    copies = repeated(call, amount, share)
    return {
        "name": work.name,
        "multiply_adds_per_second": best.rates,
        "bytes_per_second": copies.rates,
        "product_cores": best.cores,
        "problem": threads_problem(best.cores, settings) if settings.device == "cpu" else "",
    }


def threads_problem(cores: Sequence[float], settings: Settings) -> str:
    """Return what is wrong with the number of cores that a product wanted, in the median of its repetitions."""
    middle = sorted(cores)[len(cores) // 2]
    if TOO_FEW * settings.threads <= middle <= TOO_MANY * settings.threads:
        return ""
    asked = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    return f"{asked} asked for, but the matrix product kept {middle:.1f} cores busy"


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked, and write what came of it."""
    asked, place = map(Path, arguments)
    told = json.loads(asked.read_text("utf-8"))
    settings = Settings(**told["settings"])
    try:
        work = import_module(MODULES[told["library"]]).work(settings)
        write_json(measured(work, settings, told["seconds"]), place)
    except RunnerError as error:
        write_json({"problem": "; ".join(error.problems)}, place)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
