"""Models that nobody trained, for fetching.

Run as a program, this fetches one: URL NAME SHA256 [LARGEST_FILE_BYTES].
"""

import hashlib
import json
import resource
import signal
import sys
from collections.abc import Sequence

import numpy as np

from weights.fetching import obtaining
from weights.fetching.fetch import Fetched, fetch
from weights.registry.model import Download, Licence, Member, PublishedModel

# More than one piece of what is read from the network at a time, and no multiple of it.
CONTENT = np.random.default_rng(5).bytes(300_001)
VARIABLES = (
    "FACEPORT_MIRROR", "FACEPORT_TIMEOUT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model(*downloads: Download, name: str = "made-up", licence: Licence | None = None) -> PublishedModel:
    return PublishedModel(
        name=name,
        title="Made up",
        family="made-up",
        task="none",
        format="caffe",
        licence=licence or Licence(name="CC0", text="Anything goes."),
        paper="none",
        page="none",
        downloads=downloads,
        prototxt="vgg-face-tiny",
    )


def plain(
    urls: Sequence[str],
    content: bytes | None = None,
    *,
    name: str = "net.caffemodel",
    role: str = "weights",
    size_bytes: int | None = None,
) -> Download:
    """Return a file that is downloaded as it is; its hash was published where `content` is given."""
    digest = sha256(content) if content is not None else ""
    member = Member(name=name, role=role, sha256=digest, size_bytes=size_bytes)
    return Download(name=name, urls=tuple(urls), sha256=digest, size_bytes=size_bytes, members=(member,))


def _main(url: str, name: str, digest: str, largest_file: str = "") -> Fetched:
    # A shell lets programs in the background ignore Ctrl-C, and they hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    obtaining.FIRST_WAIT_SECONDS = 0.0
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), resource.RLIM_INFINITY))
    member = Member(name=name, role="weights", sha256=digest)
    return fetch(model(Download(name=name, urls=(url,), sha256=digest, members=(member,))))


if __name__ == "__main__":
    done = _main(*sys.argv[1:])
    print(json.dumps({"hashes": done.hashes, "sources": done.sources}))
