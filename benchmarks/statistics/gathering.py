"""Results by what they are results of: one network on one runner with one setting and one batch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from benchmarks.cells import Settings
from benchmarks.errors import BenchError
from benchmarks.records.result import Result, Timing
from benchmarks.statistics.rows import Row

# What is timed call by call, by the scenario that tells of single calls best.
TIMED = ("latency", "throughput")


@dataclass(frozen=True)
class Identity:
    """What makes two results those of the same thing, whatever the scenario, the round and the run.

    `version` is that of the runtime, "" where nothing told it.
    """

    model: str
    model_sha256: str
    runner: str
    version: str
    machine: str
    settings: Settings


@dataclass(frozen=True)
class Group:
    """All results of one identity at one batch."""

    identity: Identity
    batch: int
    results: tuple[Result, ...]

    def of(self, scenario: str) -> tuple[Result, ...]:
        """Return the results that count for a row in one scenario, in order of runs and rounds.

        Of twins the first is the row, like all others measured once in each round; the second shows the noise only.
        """
        found = [result for result in self.results if result.scenario == scenario]
        alone = [result for result in found if not result.twin]
        return tuple(sorted(alone or [result for result in found if result.twin == "A"], key=_turn))

    @property
    def second_twins(self) -> tuple[Result, ...]:
        """Return the results that show the noise only."""
        return tuple(result for result in self.results if result.twin == "B")

    @property
    def single_calls(self) -> tuple[Result, ...]:
        """Return the results that a row's median and percentiles come from."""
        return next((found for scenario in TIMED if (found := self.of(scenario))), ())

    @property
    def many_calls(self) -> tuple[Result, ...]:
        """Return the results that a row's images per second come from."""
        return next((found for scenario in reversed(TIMED) if (found := self.of(scenario))), ())

    @property
    def counted(self) -> tuple[Result, ...]:
        """Return all results that count for a row."""
        scenarios = dict.fromkeys(result.scenario for result in self.results)
        return tuple(result for scenario in scenarios for result in self.of(scenario))


def gather(results: Iterable[Result]) -> list[Group]:
    """Return the results group by group, peaks of the machine aside; BenchError for one turn with two outcomes."""
    found: dict[tuple[Identity, int], list[Result]] = defaultdict(list)
    for identity, result in _identified(once(results)):
        found[identity, result.batch].append(result)
    return [Group(identity, batch, tuple(parts)) for (identity, batch), parts in found.items()]


def once(results: Iterable[Result]) -> list[Result]:
    """Return results without those that were given twice; BenchError where one turn has two outcomes."""
    found: dict[tuple[str, str, str], Result] = {}
    problems = [
        f"run {result.run}, round {result.round}: two different results of {result.runner}, {result.scenario}, "
        f"batch {result.batch} (key {result.key}); one of them was changed: keep one of the two files"
        for result in results
        if found.setdefault((result.run, result.scenario, result.key), result) != result
    ]
    if problems:
        raise BenchError(problems)
    return list(found.values())


def _identified(results: Sequence[Result]) -> list[tuple[Identity, Result]]:
    """Return each result with its identity; a process that died before it told its version has that of the others."""
    named = [(_identity(result), result) for result in results if result.scenario != "peak"]
    versions: dict[Identity, set[str]] = defaultdict(set)
    for identity, _ in named:
        versions[replace(identity, version="")].add(identity.version)
    found = []
    for identity, result in named:
        known = versions[replace(identity, version="")] - {""}
        same = replace(identity, version=next(iter(known))) if not identity.version and len(known) == 1 else identity
        found.append((same, result))
    return found


def _identity(result: Result) -> Identity:
    return Identity(
        result.model,
        result.model_sha256,
        result.runner,
        version(result),
        machine_name(result.machine),
        Settings(**result.asked),
    )


def identity_of(row: Row) -> Identity:
    """Return what a row is of."""
    asked = {each.name: getattr(row, each.name) for each in fields(Settings)}
    return Identity(row.model, row.model_sha256, row.runner, row.version, row.machine, Settings(**asked))


def version(result: Result) -> str:
    """Return the version of a result's runtime: that of the configuration, else the first one the process told."""
    told = result.configuration.get("versions") or result.measured.versions
    return str(next(iter(told.values()), "")) if isinstance(told, Mapping) else ""


def machine_name(machine: Mapping[str, Any]) -> str:
    """Return what a machine is called in tables: its own name, else that of its processor."""
    return str(machine.get("name") or machine.get("processor") or "unknown machine")


def turn(result: Result) -> str:
    """Return "run/round": results of the same turn lie side by side in time."""
    return f"{result.run}/{result.round}"


def _turn(result: Result) -> tuple[str, int]:
    return result.run, result.round


def timing(result: Result) -> Timing:
    """Return the calls of a result that is valid."""
    assert result.measured.timing is not None
    return result.measured.timing


def round_medians_ms(results: Iterable[Result]) -> dict[str, float]:
    """Return the median latency of each round by "run/round"."""
    return {turn(result): float(np.median(timing(result).latency_ms)) for result in results}
