"""Files of vectors with their keys: Parquet, so that one rename makes both appear and other programs open them.

Columns: `key` (sha256 in hexadecimal), `path` (where the image was first seen) and `embedding`, float32 lists of one
size. Nothing is compressed: that makes vectors of networks a few percent smaller, and reading half as long again.
Pages carry checksums. No column may hold nulls, which saves a fifth of the time that reading lists takes.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from heads.arrow_memory import given_back
from heads.errors import HeadsError, MismatchError
from heads.provenance import EmbeddingSpec

Array = np.ndarray[Any, Any]

# Small groups keep memory small on both sides and are read no slower.
GROUP_BYTES = 2**20
# Arrow keeps the memory of pages: some 4 MB of these, 12 MB of those of its own choice.
PAGE_BYTES = 2**17
SPEC, SPEC_KEY = b"embedding_spec", b"embedding_spec_key"


def group_rows(dimension: int) -> int:
    """Return how many vectors are read and written at once."""
    return max(1, GROUP_BYTES // (4 * dimension))


def write_shard(
    file: BinaryIO, spec: EmbeddingSpec, keys: Sequence[bytes], paths: Sequence[str], vectors: Array
) -> None:
    """Write vectors (n, dimension) float32 under their keys, and what they are made from."""
    with given_back():
        flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
        schema = _schema(spec)
        columns = [
            pa.array([key.hex() for key in keys], pa.string()),
            pa.array(paths, pa.string()),
            pa.FixedSizeListArray.from_arrays(flat, type=schema.field("embedding").type),
        ]
        pq.write_table(
            pa.table(columns, schema=schema),
            file,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
            row_group_size=group_rows(spec.dimension),
            data_page_size=PAGE_BYTES,
        )


def _schema(spec: EmbeddingSpec) -> Any:
    number = pa.field("element", pa.float32(), nullable=False)
    fields = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(number, spec.dimension), nullable=False),
    ]
    return pa.schema(fields, {SPEC: json.dumps(spec.to_json()), SPEC_KEY: spec.key})


def read_keys(path: Path, spec: EmbeddingSpec) -> list[str]:
    """Return the keys of all vectors in a file, in order.

    HeadsError names the file where it is damaged, MismatchError where its vectors are not made as `spec` says.
    """
    with _opened(path, spec) as file:
        keys: list[str] = file.read(columns=["key"], use_threads=False).column(0).to_pylist()
        return keys


def read_vectors(path: Path, spec: EmbeddingSpec) -> Iterator[Array]:
    """Yield the vectors of a file in order, some rows (n, dimension) float32 at a time, not to be written to.

    The same errors as those of `read_keys`; checksums are compared.
    """
    with _opened(path, spec) as file:
        for group in range(file.num_row_groups):
            for chunk in file.read_row_group(group, columns=["embedding"], use_threads=False).column(0).chunks:
                yield chunk.flatten().to_numpy().reshape(len(chunk), -1)


@contextmanager
def _opened(path: Path, spec: EmbeddingSpec) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(SPEC_KEY, b"").decode() != spec.key:
                raise MismatchError(
                    f"{path}: holds embeddings of another kind than the store it lies in; move it out of the folder"
                )
            yield file
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno:
            raise HeadsError(f"{path}: cannot be read: {os.strerror(error.errno)}") from error
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise HeadsError(
            f"{path}: is damaged ({first}); delete this file and run `heads embed` again, "
            "which computes its embeddings anew and keeps all others"
        ) from error
