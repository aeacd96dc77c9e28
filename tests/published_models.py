"""A registry of small made-up models, its files, and a server on loopback that has them."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

import prototxt
from cases import matconvnet_case
from converters.conversion import names
from weights import naming
from weights.store import place

TINY = prototxt.find("vgg-face-tiny")
assert TINY.weights is not None
NETWORK, WEIGHTS = TINY.prototxt, TINY.weights
LABELS = tuple(f"Person {number}" for number in range(164))
NOWHERE = "http://127.0.0.1:9"  # the port of `discard`: nothing answers there

TABLE = """
[families.tiny]
task = "identity"
paper = "None, these are made up"
page = "https://example.org/tiny"
traps = ["They recognize nobody."]

[families.tiny.licence]
name = "research only"
text = "Made up for tests, and to be accepted all the same."
non_commercial = true

[models.tiny-face]
family = "tiny"
title = "A network of random numbers"
format = "caffe"
other_release = "tiny-mat"
embeddings = {{ fc7 = 256 }}
good_for = "nothing at all"
traps = ["Its weights are random."]
notes = ["It comes in an archive."]

[models.tiny-face.pixels]
channel_order = "BGR"
mean = [10.0, 20.0, 30.0]
scale = [0.5]
resize = 70
crop = [64, 64]

[[models.tiny-face.downloads]]
name = "tiny_face.tar.gz"
urls = ["{url}/tiny_face.tar.gz"]
md5 = "{archive_md5}"
archive = true
members = [
  {{ name = "net.prototxt", role = "prototxt", within = "tiny/net.prototxt" }},
  {{ name = "net.caffemodel", role = "weights", within = "*.caffemodel" }},
  {{ name = "names.txt", role = "labels", within = "tiny/names.txt" }},
]

[models.tiny-age]
family = "tiny"
title = "A network whose prototxt is packed"
task = "age"
format = "caffe"
prototxt = "age-net"
good_for = "nothing at all"

[models.tiny-age.licence]
name = "CC0"
text = "Anything goes."

[[models.tiny-age.downloads]]
name = "age.caffemodel"
role = "weights"
urls = ["{url}/age.caffemodel"]

[[models.tiny-age.downloads]]
name = "age.prototxt"
role = "prototxt"
urls = []

[models.tiny-mat]
family = "tiny"
title = "A network of random numbers, MatConvNet"
format = "matconvnet"
other_release = "tiny-face"
good_for = "nothing at all"

[models.tiny-mat.pixels]
channel_order = "BGR"
mean = [1.0, 2.0, 3.0]

[[models.tiny-mat.downloads]]
name = "net.mat"
role = "weights"
urls = ["{url}/net.mat"]
sha256 = "{mat_sha256}"

[models.tiny-keras]
family = "tiny"
title = "A file of others"
format = "keras-h5"
good_for = "nothing at all"

[[models.tiny-keras.downloads]]
name = "net.h5"
role = "weights"
urls = []
size_bytes = 10
"""


@dataclass(frozen=True)
class Published:
    """What was published: `folder` holds the files as they lie on the server, `store` is where they are to be kept."""

    folder: Path
    store: Path

    @property
    def archive(self) -> Path:
        return self.folder / "tiny_face.tar.gz"

    @property
    def mat(self) -> Path:
        return self.folder / "net.mat"


def publish(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str = NOWHERE) -> Published:
    """Write the files and the table, and make the table the registry, the store an empty folder."""
    made = Published(folder / "published", folder / "store")
    made.folder.mkdir()
    made.archive.write_bytes(archive())
    made.mat.write_bytes(matconvnet_case("net_vggface_caffe").files[0].read_bytes())
    registry = folder / "registry.toml"
    registry.write_text(
        TABLE.format(url=url, archive_md5=digest(made.archive, "md5"), mat_sha256=digest(made.mat)), encoding="utf-8"
    )
    monkeypatch.setenv("FACEPORT_REGISTRY", str(registry))
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(made.store))
    monkeypatch.setattr(names, "sources", lambda: (naming,))
    return made


def archive() -> bytes:
    """Return tiny-face's archive."""
    content = {
        "tiny/net.prototxt": NETWORK.read_bytes(),
        "tiny/VGG.caffemodel": WEIGHTS.read_bytes(),
        "tiny/._VGG.caffemodel": b"what a Mac puts beside each file",
        "tiny/names.txt": "\n".join(LABELS).encode(),
        "tiny/README": b"not asked for",
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def digest(path: Path, kind: str = "sha256") -> str:
    return hashlib.new(kind, path.read_bytes()).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        del format, args


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def is_source(module: ModuleType) -> bool:
    """Return whether a module is what an entry point of `faceport.models` has to be."""
    return callable(getattr(module, "names", None)) and callable(getattr(module, "find", None))
