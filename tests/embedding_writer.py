"""A program that embeds slowly and writes often, to be killed: folder of images, folder of embeddings, where to die.

    python embedding_writer.py IMAGES FOLDER [STEP COUNT]

With a STEP of the writer ("hidden": a file is written but not renamed; "renamed": it is) it kills itself the COUNTth
time.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedding_cases import StandIn, table_of
from heads.embeddings import appearing, sink, store
from heads.embeddings.extraction import EmbedOptions, embed


def die_at(step: str, count: int) -> None:
    left = [count]
    whole = appearing.appearing

    def reached() -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def dying(path: Path) -> Iterator[Path]:
        with whole(path) as hidden:
            yield hidden
            if step == "hidden":
                reached()
        if step == "renamed":
            reached()

    store.appearing = dying


def main() -> None:
    images, folder = map(Path, sys.argv[1:3])
    sink.SHARD_SECONDS = 0.0
    if sys.argv[3:]:
        die_at(sys.argv[3], int(sys.argv[4]))
    table = table_of(images, sorted(path.name for path in images.iterdir()))
    print("begins", flush=True)
    result = embed(StandIn(seconds=0.05), table, folder, EmbedOptions(batch_size=2, threads=1))
    print(result.computed, result.reused)


if __name__ == "__main__":
    main()
