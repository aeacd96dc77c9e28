"""Whether what the table says of a model can be true, and suffices to fetch it, check it and read it."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import prototxt
from converters.errors import did_you_mean
from weights.registry.model import FORMATS, ROLES, Download, Member, PixelFacts, PublishedModel

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# What is known of a model's files lies beside them under this name (weights.store.place.RECORD).
RESERVED = "files.json"
DIGITS = {"sha256": 64, "md5": 32}
CHANNELS = {"RGB": 3, "BGR": 3, "gray": 1}


def problems(model: PublishedModel) -> Iterator[str]:
    """Give everything that is wrong with a model, one line each."""
    if not NAME.fullmatch(model.name):
        yield "a name is made of small letters, digits and hyphens"
    if model.name in prototxt.DEPLOYS and prototxt.DEPLOYS[model.name].weights:
        yield "this is the name of a network that comes with its weights"
    if model.format not in FORMATS:
        near = did_you_mean(model.format, FORMATS)
        yield f"the format is '{model.format}'{near}; expected one of {', '.join(FORMATS)}"
    yield from _prototxt_problems(model)
    yield from _parts_problems(model)
    yield from _unique("download", [download.name for download in model.downloads])
    yield from _unique("file", [member.name for member in model.members])
    for download in model.downloads:
        yield from (f"{download.name}: {problem}" for problem in _download_problems(download))
    if model.pixels is not None:
        yield from _pixel_problems(model.pixels)
    yield from (f"the embedding '{node}' has {size} values" for node, size in model.embeddings.items() if size < 1)


def other_release_problem(model: PublishedModel, models: dict[str, PublishedModel]) -> str | None:
    """Return what is wrong with the other release that a model names, None if nothing is."""
    name = model.other_release
    if not name:
        return None
    if name not in models:
        return f"the other release is '{name}', which is no model{did_you_mean(name, models)}"
    if models[name].format == model.format:
        return f"the other release is '{name}', in the same format, {model.format}"
    return None


def _prototxt_problems(model: PublishedModel) -> Iterator[str]:
    if not model.prototxt:
        return
    if model.format != "caffe":
        yield f"a prototxt is named, but the format is {model.format}"
    elif model.prototxt not in prototxt.DEPLOYS:
        near = did_you_mean(model.prototxt, prototxt.DEPLOYS)
        yield f"the prototxt is '{model.prototxt}', which does not come with the package{near}"


def _parts_problems(model: PublishedModel) -> Iterator[str]:
    parts = [member.role for member in model.members]
    for role in set(parts) - set(ROLES):
        yield f"a file is '{role}'{did_you_mean(role, ROLES)}; expected one of {', '.join(ROLES)}"
    for role in ("weights", "prototxt", "labels", "mean"):
        if parts.count(role) > 1:
            yield f"{parts.count(role)} files are '{role}', expected one"
    if "weights" not in parts:
        yield "none of its files is 'weights'"
    if model.format == "caffe" and "prototxt" not in parts and not model.prototxt:
        yield "a Caffe network needs a file that is 'prototxt', or 'prototxt' to name one of the package"
    if model.format != "caffe" and "prototxt" in parts:
        yield f"a file is 'prototxt', but the format is {model.format}"


def _unique(what: str, names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{names.count(name)} {what}s are called {name}"


def _download_problems(download: Download) -> Iterator[str]:
    yield from _file_problems(download.name)
    for url in download.urls:
        if not re.fullmatch(r"https?://[^/\s]+/\S+", url):
            yield f"the address is '{url}', expected http:// or https://, a host and a path"
    yield from _hash_problems(sha256=download.sha256, md5=download.md5)
    if not download.members:
        yield "no file comes out of it"
    for member in download.members:
        yield from (f"{member.name}: {problem}" for problem in _member_problems(member, download))


def _member_problems(member: Member, download: Download) -> Iterator[str]:
    yield from _file_problems(member.name)
    yield from _hash_problems(sha256=member.sha256)
    if not download.archive:
        if member.within or len(download.members) != 1 or member.name != download.name:
            yield "what is no archive is one file of the same name"
        return
    path = PurePosixPath(member.within)
    if not member.within:
        yield "'within' is missing: its path in the archive"
    elif path.is_absolute() or ".." in path.parts or "\\" in member.within:
        yield f"its path in the archive is '{member.within}', which leads out of it"


def _file_problems(name: str) -> Iterator[str]:
    if not FILE_NAME.fullmatch(name) or name == RESERVED:
        yield f"'{name}' cannot be the name of a file here"


def _hash_problems(**hashes: str) -> Iterator[str]:
    for kind, digest in hashes.items():
        if digest and not re.fullmatch(rf"[0-9a-f]{{{DIGITS[kind]}}}", digest):
            yield f"the {kind} is '{digest}', expected {DIGITS[kind]} digits out of 0-9 and a-f"


def _pixel_problems(pixels: PixelFacts) -> Iterator[str]:
    if pixels.channel_order not in CHANNELS:
        yield f"pixels: the channel order is '{pixels.channel_order}', expected one of {', '.join(CHANNELS)}"
        return
    channels = CHANNELS[pixels.channel_order]
    if len(pixels.mean) not in (0, channels):
        yield f"pixels: the mean has {len(pixels.mean)} values, expected {channels} for {pixels.channel_order}"
    if len(pixels.scale) not in (0, 1, channels):
        yield f"pixels: the scale has {len(pixels.scale)} values, expected 1 or {channels} for {pixels.channel_order}"
    if any(factor == 0 for factor in pixels.scale):
        yield "pixels: a scale of 0 would blank out the image"
    if (pixels.crop[0] == 0) != (pixels.crop[1] == 0):
        yield f"pixels: the crop is {pixels.crop[0]}x{pixels.crop[1]}"
