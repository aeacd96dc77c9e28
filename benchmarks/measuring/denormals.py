"""Are numbers too small for float32's full precision kept, or taken for zero?"""

from typing import Any

import numpy as np


def flushes() -> bool:
    """Tell whether this thread takes denormal results for zero; a library can turn that on for the whole process."""
    product = np.full(4, 1e-38, np.float32) * np.full(4, 0.1, np.float32)
    return not product.any()


def observed(asked: str) -> dict[str, Any]:
    """Return the fields of `ReadBack` for the calling thread; a runtime's others may differ, so none is refused."""
    seen = "flush" if flushes() else "keep"
    return {"asked": asked, "got": seen, "ok": True if seen == asked else None, "how": "computed in the calling thread"}
