"""What a runner has here: the versions of its packages, and the devices that really run."""

import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.measuring.failures import status_and_reason
from benchmarks.runners import load

NOT_INSTALLED = "not installed"


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
    """Return the version of each distribution as its metadata have it; nothing is imported."""
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
