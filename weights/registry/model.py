"""A published model as models.toml tells it: facts only, nothing of what lies on this machine."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# How the files of a model are read. "caffe" and "matconvnet" can be converted; the others can be fetched and audited.
FORMATS = ("caffe", "matconvnet", "keras-h5", "pytorch")
# The parts that a model's files play; "weights" and "prototxt" make a Caffe network, "weights" alone any other.
ROLES = ("prototxt", "weights", "mean", "labels", "other")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file that belongs to a model: what it is called here, the part it plays, and what its bytes should be.

    `within` is its path inside the archive that it comes in, "" for a file that is downloaded as it is. Where the path
    was published by nobody it is a pattern ("*.caffemodel") that one file of the archive fits. An empty hash was
    published by nobody.
    """

    name: str
    role: str
    within: str = ""
    size_bytes: int | None = None
    sha256: str = ""

    def lies_at(self, path: str) -> bool:
        """Return whether this is the file at a path inside the archive; `*` in `within` stands for anything."""
        # Archives made on a Mac hold a `._name` beside each file, which would fit the pattern as well.
        shadow = PurePosixPath(path).name.startswith("._")
        return path == self.within or ("*" in self.within and not shadow and fnmatchcase(path, self.within))


@dataclass(frozen=True, kw_only=True)
class Download:
    """One thing to be downloaded: a file, or an archive that holds several. `urls` are mirrors, in order of preference;
    without any, nobody published an address that could be confirmed, and `weights add` takes files a person has.

    `name` is the file name under which it is kept while it is unpacked. `licence_url` aside, no address is ever opened
    that is not in `urls`.
    """

    name: str
    urls: tuple[str, ...]
    size_bytes: int | None = None
    sha256: str = ""
    md5: str = ""
    archive: bool = False
    members: tuple[Member, ...]

    @property
    def published_hash(self) -> str:
        """Return the hash that was published, as pooch writes it ("sha256:..." or "md5:..."), or ""."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}" if self.md5 else ""


@dataclass(frozen=True, kw_only=True)
class PixelFacts:
    """How pixels (0..255) become the network's input: resize the short side, crop, order channels, subtract, multiply.

    `mean` and `scale` are in the network's channel order, and empty where they are not known; a single scale is that of
    all channels. 0 stands for a step that is not there.
    """

    channel_order: str
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = (1.0,)
    resize: int = 0
    crop: tuple[int, int] = (0, 0)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The terms of the published weights; `non_commercial` ones have to be accepted before anything is fetched."""

    name: str
    text: str
    url: str = ""
    non_commercial: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """One model of models.toml. `family` names those that share a paper and a purpose.

    `prototxt` names a network of the package `prototxt` that stands in where none is downloaded. `labels` are short
    lists; longer ones come in a file. `embeddings` maps nodes to dimensions. `other_release` names a model that is the
    same network in another format, where one was published. `good_for` says what the model is known to be good for,
    `traps` what people fell into, each with its source.
    """

    name: str
    title: str
    family: str
    task: str
    format: str
    licence: Licence
    paper: str
    page: str
    downloads: tuple[Download, ...]
    pixels: PixelFacts | None = None
    prototxt: str = ""
    labels: tuple[str, ...] = ()
    embeddings: dict[str, int] = field(default_factory=dict)
    other_release: str = ""
    good_for: str = ""
    traps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[Member, ...]:
        """Return the files of all downloads, in their order."""
        return tuple(member for download in self.downloads for member in download.members)

    @property
    def needed(self) -> tuple[Member, ...]:
        """Return the files without which there is no network: the weights, and the prototxt where none is packed."""
        roles = ("weights",) if self.prototxt else ("prototxt", "weights")
        return tuple(member for member in self.members if member.role in roles)

    @property
    def fetchable(self) -> bool:
        """Return whether there is an address for all that is needed."""
        needed = set(self.needed)
        return all(download.urls for download in self.downloads if needed & set(download.members))

    @property
    def size_bytes(self) -> int | None:
        """Return what has to be downloaded in all, None where a part of it is unknown."""
        sizes = [download.size_bytes for download in self.downloads]
        return None if None in sizes else sum(size or 0 for size in sizes)
