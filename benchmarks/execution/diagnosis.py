"""What `bench doctor` says: the machine, and all that would spoil a measurement here."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from benchmarks.execution.environment import DROPPED, KEPT
from benchmarks.machine import energy, facts, graphics, load, processor, software
from benchmarks.runners import RUNNERS
from benchmarks.runners import load as load_runner
from converters.doctor.diagnosis import clashes

# "broken" must be mended, "disturbs" makes figures worse or noisier, "missing" is not measured, "note" explains.
Kind = Literal["broken", "disturbs", "missing", "note"]
SHOWN_PROCESSES = 3
LEAST_FREE_MEMORY = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing to know before measuring, with what to do about it."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """The machine as results will describe it, and what was found; `healthy` unless something is broken."""

    machine: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Return whether nothing must be mended."""
        return all(finding.kind != "broken" for finding in self.findings)


def diagnose() -> Diagnosis:
    """Look at the machine for half a second; no framework is imported, `list_runners` tries them."""
    machine = facts.lasting()
    findings = tuple(finding for check in CHECKS for finding in check(machine))
    return Diagnosis(machine, tuple(sorted(findings, key=lambda each: ORDER.index(each.kind))))


def _clashes(_machine: Mapping[str, Any]) -> Iterator[Finding]:
    for problem in clashes():
        yield Finding("broken", problem)
    present = [name for name in software.SAME[2] if software.installed(name)]
    if len(present) > 1:
        yield Finding(
            "broken",
            f"{' and '.join(present)} are installed side by side: they write the same folder, and chance decides which "
            f"is used; pip uninstall {' '.join(present)}, then install one of them",
        )


def _load(machine: Mapping[str, Any]) -> Iterator[Finding]:
    busy = load.busy_processes()
    cores = sum(each.cores for each in busy)
    if busy:
        named = ", ".join(f"{each.name} ({each.cores:.2f} cores)" for each in busy[:SHOWN_PROCESSES])
        yield Finding("disturbs", f"other processes keep {cores:.2f} cores busy: {named}; stop them before measuring")
    average = load.load_average()
    if not busy and average is not None and average > machine["threads_available"]:
        yield Finding("disturbs", f"the load was {average:.1f} in the last minute; wait until it has fallen")


def _clock(machine: Mapping[str, Any]) -> Iterator[Finding]:
    governor = machine["governor"]
    if governor is not None and governor != "performance":
        yield Finding(
            "disturbs",
            f"the clock's governor is '{governor}': a core needs time to reach its clock; "
            "sudo cpupower frequency-set -g performance",
        )
    if machine["turbo"]:
        yield Finding("note", "turbo is on: the clock depends on heat and on how many cores are busy")
    if governor is None:
        yield Finding("note", "the kernel does not say how the clock is controlled; drift shows in the rounds alone")
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is not None and not battery.power_plugged:
        yield Finding("disturbs", "the machine runs on its battery, which lowers clocks; plug it in")


def _cores(machine: Mapping[str, Any]) -> Iterator[Finding]:
    quota, usable, logical = machine["processor_quota"], processor.usable_cores(), machine["logical_cores"]
    if quota is not None and quota < usable:
        yield Finding(
            "disturbs",
            f"a control group allows {quota:g} of {usable} processors' time: whoever uses more is stopped until the "
            f"next period; measure with at most {machine['threads_available']} threads",
        )
    if logical and usable < logical:
        yield Finding("note", f"this process may run on {usable} of {logical} logical cores")
    if machine["cores"] and usable > machine["cores"]:
        yield Finding(
            "note",
            f"{usable} logical cores share {machine['cores']} physical ones: more threads than those may be slower",
        )
    if machine["virtual"]:
        yield Finding(
            "note", "a virtual machine: what its host takes away, and how it slows us, is judged for each cell"
        )


def _memory(machine: Mapping[str, Any]) -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    if memory.available < LEAST_FREE_MEMORY * memory.total:
        yield Finding(
            "disturbs", f"only {memory.available / 2**20:.0f} MiB of memory are free; end what holds the rest"
        )
    limit = machine["memory_limit_bytes"]
    if limit is not None and limit < memory.total:
        yield Finding("note", f"a control group allows {limit / 2**20:.0f} MiB of memory")


def _variables(_machine: Mapping[str, Any]) -> Iterator[Finding]:
    dropped = sorted(name for name in os.environ if name.startswith(DROPPED) and name not in (*KEPT, "PYTHONPATH"))
    if dropped:
        yield Finding("note", f"set here, but kept from what is measured: {', '.join(dropped)}")
    if os.environ.get("LD_PRELOAD"):
        yield Finding("disturbs", f"LD_PRELOAD={os.environ['LD_PRELOAD']} changes every process; unset it")


def _gpus(machine: Mapping[str, Any]) -> Iterator[Finding]:
    problem = graphics.problem()
    if problem:
        yield Finding("note", f"no GPU can be looked at: {problem}")
    for index, gpu in enumerate(machine["gpus"]):
        state = graphics.state(index)
        if state.get("processes"):
            yield Finding("disturbs", f"cuda:{index} ({gpu['name']}) is used by {state['processes']} other processes")
        if state.get("throttled_by"):
            yield Finding("disturbs", f"cuda:{index} ({gpu['name']}) is throttled: {', '.join(state['throttled_by'])}")


def _energy(_machine: Mapping[str, Any]) -> Iterator[Finding]:
    problem = energy.problem("cpu")
    if problem:
        yield Finding("missing", f"energy of the processor: {problem}")


def _runners(_machine: Mapping[str, Any]) -> Iterator[Finding]:
    for name, (_, extra) in RUNNERS.items():
        package = load_runner(name).packages[0]
        if not software.version(package):
            how = f"; pip install faceport[{extra}]" if extra else ""
            yield Finding("missing", f"runner {name}: {package} is not installed{how}")


def _commit(_machine: Mapping[str, Any]) -> Iterator[Finding]:
    if software.commit().dirty:
        yield Finding("note", "the project's files differ from the last commit: results will be marked so")


ORDER: tuple[Kind, ...] = ("broken", "disturbs", "missing", "note")
CHECKS: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
    _clashes, _load, _clock, _cores, _memory, _variables, _gpus, _energy, _runners, _commit,
)  # fmt: skip
