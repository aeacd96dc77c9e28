"""What a runner has here: the versions of its packages, and the devices that really run."""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.measuring.failures import status_and_reason
from benchmarks.runners import load


def devices(name: str) -> dict[str, Any]:
    """Return `runner`, `versions`, `devices` (name, precisions, problem) and a `problem`, "" for none."""
    found: dict[str, Any] = {"runner": name, "versions": {}, "devices": [], "problem": ""}
    try:
        kind = load(name)
        found["versions"] = versions(kind.packages)
        found["devices"] = [asdict(each) for each in kind.devices()]
    except Exception as error:  # noqa: BLE001 - whatever a runtime throws is why it cannot be used
        traceback.print_exc()
        found["problem"] = status_and_reason(error, name)[1]
    return found


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the version of each distribution that is installed, as its metadata have it; nothing is imported."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):  # some runtimes come as one of several distributions
            found[package] = version(package)
    return found
