"""bfloat16, which NumPy has not: the upper halves of float32 values."""

import numpy as np

from converters.ops import Array


def widened(halves: Array) -> Array:
    """Return the float32 values whose upper 16 bits are these."""
    return np.asarray((halves.astype(np.uint32) << np.uint32(16)).view(np.float32))
