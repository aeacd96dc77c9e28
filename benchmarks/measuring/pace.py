"""`python -m benchmarks.measuring.pace ANSWERED.json`: how fast a fixed matrix product runs on this machine just now.

A process of its own, as a library of ours in the parent would keep threads beside what is measured. How many threads
it has, its environment says.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.measuring.outcome import write_json
from benchmarks.measuring.peak_numpy import product
from benchmarks.measuring.peak_trial import repeated

# Matrices that together lie in the caches of a core or two, as the tiles of a convolution do.
SIZE = 1024
SECONDS = 0.25


def main(arguments: Sequence[str]) -> int:
    """Write the median of what was reached, in multiply-adds a second."""
    rates = repeated(product(SIZE), float(SIZE) ** 3, SECONDS).rates
    write_json({"multiply_adds_per_second": median(rates)}, Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
