"""What a runtime does with numbers too small for float32's full precision: fed to it, and judged by what comes out."""

import numpy as np
from numpy.typing import NDArray

# Enough that all threads of a runtime take part.
PROBE_SIZE = 1 << 20
# Half of it is below the smallest normal float32, 1.18e-38.
PROBE_VALUE = 1.2e-38


def probe() -> NDArray[np.float32]:
    """Return what is to be multiplied by a half."""
    return np.full(PROBE_SIZE, PROBE_VALUE, np.float32)


def treatment(halved: NDArray[np.float32]) -> str:
    """Return "keep", "flush", or "mixed" where threads differ, by what came out."""
    zeros = int(np.count_nonzero(halved == 0))
    if zeros == 0:
        return "keep"
    return "flush" if zeros == halved.size else "mixed"
