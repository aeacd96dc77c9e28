"""The machine's pace: how fast one fixed computation runs beside the cells, for what slows a machine unseen.

A host may slow its guests by half, through shared cores, caches and clocks, without counting any of it as stolen time;
heat does the same. The computation is always the same, so the fastest that a run has seen is what the machine can do.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from benchmarks.execution import child, environment
from benchmarks.machine import processor

# What is recorded for each cell, and what of it says why there is no figure.
PACE, PROBLEM = "pace", "problem"
TIMEOUT_SECONDS = 60.0
RETRY_SECONDS = 5.0
# How long a run waits for a quiet machine in all: a disturbance lasts for minutes, or it is how the machine is.
PATIENCE_SECONDS = 300.0
# One that is so young still holds: the pace after a cell is that before the next.
YOUNG_SECONDS = 1.0

Taken = Mapping[str, Any]


class Pace:
    """Takes the pace of the machine, and knows the fastest of the run: `fastest`, in multiply-adds a second.

    A pace that is slower by more than `allowed_fraction` is waited out, for at most `patience_seconds` in all of the
    run; `tell` is told so. From a fraction of 1 on no pace is ever taken. `known` are paces that the run took before.
    """

    def __init__(
        self,
        allowed_fraction: float,
        patience_seconds: float = PATIENCE_SECONDS,
        *,
        known: Iterable[Taken] = (),
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._allowed = allowed_fraction
        self.fastest = 0.0
        self._patience = patience_seconds
        self._tell = tell
        self._latest: Taken = {}
        self._when = 0.0
        for taken in known:
            self._learn(taken)

    @property
    def watched(self) -> bool:
        """Return whether paces are taken at all."""
        return self._allowed < 1

    def before(self) -> Taken:
        """Return the pace now, after waiting for a better one while there is patience."""
        young = monotonic() - self._when < YOUNG_SECONDS
        taken = self._latest if young and not self._problem(self._latest) else self.take()
        while self._patience > 0 and PROBLEM not in taken and (slowed := self._problem(taken)):
            self._tell(f"waiting: {slowed}")
            start = monotonic()
            sleep(RETRY_SECONDS)
            taken = self.take()
            self._patience -= monotonic() - start
        return taken

    def take(self) -> Taken:
        """Return the pace now: multiply_adds_per_second, or the problem why there is none."""
        if not self.watched:
            return {}
        taken = _taken()
        self._learn(taken)
        self._latest, self._when = taken, monotonic()
        return taken

    def reason(self, state: Mapping[str, Any]) -> str:
        """Return why a measurement beside these paces of `state` is not to be believed, "" if it is.

        What was fast enough at first may turn out to be slow: ask again when the run has seen more.
        """
        return next(filter(None, map(self._problem, state.get(PACE, ()))), "")

    def _learn(self, taken: Taken) -> None:
        self.fastest = max(self.fastest, rate(taken))

    def _problem(self, taken: Taken) -> str:
        if PROBLEM in taken:
            return f"the machine's pace could not be taken: {taken[PROBLEM]}"
        needed = 1 - self._allowed
        if not taken or rate(taken) >= needed * self.fastest:
            return ""
        told = f"a fixed matrix product ran at {rate(taken) / self.fastest:.0%} of the fastest in this run"
        return f"the machine was slowed: {told}, at least {needed:.0%} are expected"


def rate(taken: Taken) -> float:
    """Return a pace that was taken, in multiply-adds a second; 0 for none."""
    return float(taken.get("multiply_adds_per_second", 0.0))


def _taken() -> dict[str, Any]:
    """Run the computation in a process of its own, with as many threads as can run at once."""
    with tempfile.TemporaryDirectory(prefix="pace-") as folder:
        written = Path(folder) / "pace.json"
        variables = environment.variables(processor.threads_available(), {})
        command = child.python("benchmarks.measuring.pace", str(written))
        ended = child.run(command, {**environment.clean(), **variables}, TIMEOUT_SECONDS)
        if written.exists():
            found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
            return found
        last = ended.tail.strip().rpartition("\n")[2]
        return {PROBLEM: f"not within {TIMEOUT_SECONDS:g} s" if ended.timed_out else last or "no reason is known"}
