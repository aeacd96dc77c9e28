"""How a cell ended: from what became of its process, and what it wrote, to one status and its reason."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.execution.child import Ended
from benchmarks.machine.graphics import POWER_LIMIT
from benchmarks.records.result import Measured


def of(ended: Ended, written: Path, timeout_seconds: float) -> Measured:
    """Return what a process measured, or why it did not; what it wrote before it broke down is kept."""
    status, reason = _breakdown(ended, timeout_seconds)
    found, unreadable = _read(written)
    if found is not None and not status:
        return found
    if found is not None:
        return found.model_copy(update={"status": status, "reason": f"{reason}, after it had measured"})
    if status:
        return Measured.model_validate({"status": status, "reason": reason})
    return Measured(status="failed", reason=unreadable)


def _breakdown(ended: Ended, timeout_seconds: float) -> tuple[str, str]:
    """Return status and reason of a process that did not end by itself with exit code 0, two empty words if it did."""
    if ended.timed_out:
        return "timed out", f"had not ended after {timeout_seconds:g} s"
    if ended.out_of_memory:
        return "out of memory", "the kernel ended it for want of memory"
    if ended.signal_name:
        return "crashed", f"was ended by {ended.signal_name}"
    if ended.exit_status:
        last = ended.tail.strip().rpartition("\n")[2]
        return "failed", f"ended with exit code {ended.exit_status}{': ' + last if last else ''}"
    return "", ""


def _read(written: Path) -> tuple[Measured | None, str]:
    """Return what the process wrote, or why that is of no use."""
    try:
        told: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return Measured.model_validate(told), ""
    except FileNotFoundError:
        return None, "ended without a word of what it measured"
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return None, f"wrote what is no JSON: {error}"
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return None, f"wrote what is no measurement: {where}: {first['msg'].lower()}"


def unmade(kind: str, reason: str) -> Measured:
    """Return the outcome for a cell whose artefact could not be made."""
    return Measured(status="failed", reason=f"its model could not be made ({kind}): {reason}")


def disturbances(state: Mapping[str, Any], busy_fraction: float) -> list[str]:
    """Return what others did to the machine while it measured, one reason each; `state` is from `machine.facts`."""
    gpu: Mapping[str, Any] = state.get("gpu", {})
    told = (
        ("other processes kept {:.2f} cores busy", state["others_cores"]),
        ("its host gave {:.2f} cores to others", state["stolen_cores"]),
    )
    found = [
        f"the machine was busy: {text.format(cores)}, at most {busy_fraction:g} are allowed"
        for text, cores in told
        if cores is not None and cores > busy_fraction
    ]
    if gpu.get("processes"):
        found.append(f"the GPU was shared: {gpu['processes']} other processes use it")
    heat = [reason for reason in gpu.get("throttled_by") or () if reason != POWER_LIMIT]
    return found + ([f"the GPU was throttled: {', '.join(heat)}"] if heat else [])
