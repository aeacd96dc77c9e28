"""Which versions are installed, and which code of this project measures."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import benchmarks
import converters

# Distributions that bring the same module; the first is what runners name.
SAME = (
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-training"),
    ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos"),
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
)
# The packages whose code decides what a measurement does; statistics and tables only read it.
DECIDING = ("measuring", "runners", "artefacts", "cells.py")


def installed(distribution: str) -> str:
    """Return the version of exactly this distribution, "" where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def version(distribution: str) -> str:
    """Return the version of a distribution or of one that brings the same, "" where there is none of them."""
    return next(iter(versions([distribution]).values()), "")


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of those that are installed, by the name under which they are."""
    found = {}
    for wanted in distributions:
        names = (wanted, *(other for group in SAME if wanted in group for other in group))
        there = next((name for name in names if installed(name)), None)
        if there:
            found[there] = installed(there)
    return found


@cache
def code_sha256() -> str:
    """Return a sha256 over the code that measures and that makes what is measured: figures of other code are others."""
    digest = hashlib.sha256()
    for root, parts in ((_folder(benchmarks), DECIDING), (_folder(converters), ("",))):
        for path in sorted(found for part in parts for found in _sources(root / part)):
            digest.update(f"{path.relative_to(root.parent).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _folder(package: object) -> Path:
    return Path(str(package.__file__)).parent  # type: ignore[attr-defined]  # a package of ours has a file


def _sources(path: Path) -> Iterable[Path]:
    return [path] if path.suffix == ".py" else path.rglob("*.py")


class Commit(NamedTuple):
    """The state of the project's working tree: "" and False where it is installed without git."""

    name: str = ""
    dirty: bool = False


def commit() -> Commit:
    """Return what git says of the folder that this code runs from.

    A commit alone does not tell what was measured with while a tree is dirty: `code_sha256` does.
    """
    root = _folder(benchmarks).parent
    name = _git(root, "rev-parse", "HEAD")
    if not name or _git(root, "rev-parse", "--show-toplevel") != str(root.resolve()):
        return Commit()  # installed somewhere inside another project, whose commit says nothing
    return Commit(name, bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *words: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    done = subprocess.run(  # noqa: S603 - fixed words
        [program, "--no-optional-locks", "-C", str(root), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
