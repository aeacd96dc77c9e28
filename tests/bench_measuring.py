"""Stands in for `python -m benchmarks.measuring`: ends at once, in the way that the runner's name says.

Only the standard library, so that it starts in no time: `python bench_measuring.py TASK.json MEASURED.json`.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PARITY = {"ok": True, "images": 12, "difference": 0.0, "tolerance": 1e-5, "cosine": 1.0, "disagreements": 0}
TIMING = {
    "batch": 1, "latency_ms": [3.0] * 11, "wait_ms": [0.0] * 11, "warm_up_ms": [], "wall_seconds": 0.033,
    "processor_seconds": 0.033,
}  # fmt: skip


def measured(**fields: Any) -> dict[str, Any]:
    return {"status": "ok", "parity": PARITY, "timing": TIMING, **fields}


def honest() -> dict[str, Any]:
    return measured()


def telling() -> dict[str, Any]:
    return measured(facts={"environment": dict(os.environ)})


def scribbling() -> dict[str, Any]:
    for number in range(2000):
        sys.stderr.write(f"warning {number}\n")
    return measured()


def raising() -> dict[str, Any]:
    return {"status": "failed", "reason": "ValueError: of another shape"}


def refusing() -> dict[str, Any]:
    return {"status": "refused", "reason": "there is no device 'cuda:0' here"}


def out_of_memory() -> dict[str, Any]:
    return {"status": "out of memory", "reason": "MemoryError: 512 GiB"}


def exiting() -> dict[str, Any]:
    sys.stderr.write("native check failed\n")
    sys.exit(3)


def segfaulting() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def killed() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def hanging() -> dict[str, Any]:
    time.sleep(3600)
    return {}


def with_child() -> dict[str, Any]:
    """Leave a process behind that would run on."""
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    return measured()


def inventing() -> dict[str, Any]:
    return measured(speed="very high")


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main(task: Path, answer: Path) -> None:
    runner = json.loads(task.read_text(encoding="utf-8"))["runner"].rpartition(":")[2]
    if runner == "Silent":
        return
    if runner == "Garbled":
        write(answer, '{"status": "ok", ')
        return
    write(answer, json.dumps(WAYS["Honest" if runner == "Ungrateful" else runner]()))
    if runner == "Ungrateful":  # dies when everything is over, as frameworks do that take themselves apart badly
        segfaulting()


WAYS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "Honest": honest,
    "Slower": honest,
    "Telling": telling,
    "Scribbling": scribbling,
    "Raising": raising,
    "Refusing": refusing,
    "OutOfMemory": out_of_memory,
    "Exiting": exiting,
    "Segfaulting": segfaulting,
    "Killed": killed,
    "Hanging": hanging,
    "WithChild": with_child,
    "Inventing": inventing,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
