"""Names of published networks: those of `prototxt`, and those that other packages know.

A package makes names known through an entry point of the group `faceport.models`, an object with two functions:
`names()` lists them, `find(name)` returns a `Published`, or None for a name that it does not know.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

import prototxt

GROUP = "faceport.models"


@dataclass(frozen=True, kw_only=True)
class Published:
    """What is known of a published network, and which of its files are here.

    `files` are those that can be read, in the order in which its format wants them: for Caffe the prototxt and the
    weights, or the prototxt alone. `advice` says how to come by what is missing. `mean` (channels,) and `scale` (one
    factor, or one per channel) are in the order of the network's channels, and empty where they are not known.
    `other_release` is the name of the same network in another format; `title` says in words what was published, "" for
    networks whose weights are our own. `doubt` says why the files may be others than the published ones, "" where a
    published hash confirms them.
    """

    name: str
    format: str
    title: str = ""
    doubt: str = ""
    files: tuple[Path, ...] = ()
    advice: str = ""
    channel_order: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    licence: str = ""
    other_release: str = ""


class Source(Protocol):
    """What an entry point of the group has to be."""

    def names(self) -> Iterable[str]:
        """List the names that `find` knows."""

    def find(self, name: str) -> Published | None:
        """Return what is known of a name, None for one that is not known."""


def find(name: str) -> Published | None:
    """Return what is known of a name: a network that comes with weights first, then what other packages know."""
    deploy = prototxt.DEPLOYS.get(name)
    if deploy is not None and deploy.weights is not None:
        return _packed(deploy)
    for source in sources():
        found = source.find(name)
        if found is not None:
            return found
    return _packed(deploy) if deploy is not None else None


def known() -> list[str]:
    """Return all names, those of `prototxt` first."""
    others = (name for source in sources() for name in source.names())
    return list(dict.fromkeys((*prototxt.DEPLOYS, *others)))


def may_be_name(word: str) -> bool:
    """Return whether a word could be a name: it has no suffix and no folder, and no file of this name is there."""
    path = Path(word)
    return not path.exists() and (word in prototxt.DEPLOYS or (not path.suffix and path.name == word))


def is_known(word: str) -> bool:
    """Return whether a word is the name of a published network, and no file."""
    return may_be_name(word) and find(word) is not None


def listed() -> str:
    """Return the names that come with this package, and where to see the others, for a message."""
    more = " and those that `weights list` shows" if sources() else ""
    return f"{', '.join(prototxt.DEPLOYS)}{more}"


@cache
def sources() -> tuple[Source, ...]:
    """Return what the installed packages offer under the group, each once."""
    return tuple(point.load() for point in dict.fromkeys(entry_points(group=GROUP)))


def _packed(deploy: prototxt.Deploy) -> Published:
    return Published(
        name=deploy.name,
        format="caffe",
        files=(deploy.prototxt, deploy.weights) if deploy.weights else (deploy.prototxt,),
        advice=f"name the caffemodel after it ({deploy.licence}; {deploy.source})",
        channel_order=deploy.channel_order,
        mean=deploy.mean,
        scale=(deploy.scale,),
        labels=deploy.labels,
        licence=deploy.licence,
    )
