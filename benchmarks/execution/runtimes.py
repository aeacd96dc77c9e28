"""Which runtimes there are here, and on which devices they really run: each is tried in a process of its own."""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.execution import child
from benchmarks.execution.environment import clean
from benchmarks.runners import RUNNERS, Device

# A first import of a framework from a slow disk may take a minute.
TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True)
class Found:
    """What a runtime has here; `problem` says why it cannot be used at all, "" if it can.

    `versions` are those of its distributions, the first being its own; `extra` is what to install for it.
    """

    runner: str
    versions: Mapping[str, str]
    devices: tuple[Device, ...]
    problem: str = ""
    extra: str = ""


def list_runners(progress: Callable[[str], None], names: Iterable[str] = tuple(RUNNERS)) -> list[Found]:
    """Try every runner and return what was found, in order; takes seconds for each.

    `progress` is called with each one's name before it is tried.
    """
    found = []
    for name in names:
        progress(name)
        found.append(found_of(name))
    return found


@cache
def found_of(name: str) -> Found:
    """Try one runner, once in the life of this process."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        answer = Path(folder) / "devices.json"
        command = child.python("benchmarks.measuring", "--devices", name, str(answer))
        ended = child.run(command, clean(), TIMEOUT_SECONDS)
        extra = RUNNERS[name][1] if name in RUNNERS else ""
        if not answer.exists():
            return Found(name, {}, (), _reason(ended), extra)
        return _found(name, json.loads(answer.read_text(encoding="utf-8")), extra)


def _reason(ended: child.Ended) -> str:
    if ended.timed_out:
        return f"did not answer within {TIMEOUT_SECONDS:.0f} s"
    how = f"was ended by {ended.signal_name}" if ended.signal_name else f"ended with exit code {ended.exit_status}"
    last = ended.tail.strip().rpartition("\n")[2]
    return f"{how} while its devices were tried{': ' + last if last else ''}"


def _found(name: str, told: Mapping[str, Any], extra: str) -> Found:
    devices = tuple(
        Device(each["name"], tuple(each["precisions"]), each["problem"]) for each in told["devices"]
    )  # fmt: skip
    return Found(name, told["versions"], devices, told["problem"], extra)
