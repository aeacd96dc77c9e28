"""Where Arrow, in which pandas keeps text and Parquet its columns, takes memory from."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


@contextmanager
def given_back() -> Iterator[None]:
    """Let Arrow take memory from the system's allocator: its own keeps much of what it once took."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
