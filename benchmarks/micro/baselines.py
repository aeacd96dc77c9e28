"""The stored baseline: ratios of several runs of unchanged code, and what a new run is beside them.

Nothing here compares seconds: a time stored on another machine, or in another hour, says nothing about a change.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from scipy.stats import t as students_t
from tabulate import tabulate

from benchmarks.errors import BenchError
from benchmarks.micro.pairs import Ratio
from converters.files.whole_file import whole_file

FEWEST_RUNS = 5
# Of runs of the same code, so many lie within the stored interval.
CONFIDENCE = 0.95
# Runs of the same code an hour apart differ by up to a tenth, however close together runs in a row lie.
LEAST_REACH = 1.1
# Far above what a busy machine does to ratios, and below what a mistake in the code does.
TRIPWIRE = 2.0
STORE = "python -m benchmarks.micro.store_baseline"
WORDS = {None: "~", True: "slower", False: "faster"}
Run = Mapping[str, Ratio]


class Strict(BaseModel):
    """A part of the file: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stored(Strict):
    """One benchmark in each stored run: the run's median ratio and quartiles (low, high)."""

    yardstick: str
    medians: list[float] = Field(min_length=FEWEST_RUNS)
    quartiles: list[tuple[float, float]]

    @model_validator(mode="after")
    def _sound(self) -> "Stored":
        if not all(math.isfinite(median) and median > 0 for median in self.medians):
            raise ValueError("a ratio is a number above 0")
        if len(self.medians) != len(self.quartiles):
            raise ValueError(f"{len(self.medians)} medians, but {len(self.quartiles)} pairs of quartiles")
        return self

    @property
    def middle(self) -> float:
        """Return the geometric mean of the runs."""
        return statistics.geometric_mean(self.medians)

    @property
    def reach(self) -> float:
        """Return the factor up to which one more run of the same code may differ: Student's, for logarithms."""
        logarithms = [math.log(median) for median in self.medians]
        count = len(logarithms)
        spread = statistics.stdev(logarithms) * math.sqrt(1 + 1 / count)
        return max(math.exp(float(students_t.ppf((1 + CONFIDENCE) / 2, count - 1)) * spread), LEAST_REACH)

    @property
    def interval(self) -> tuple[float, float]:
        """Return where one more run of the same code lies, with CONFIDENCE."""
        return self.middle / self.reach, self.middle * self.reach


class Baseline(Strict):
    """Several runs of one state of the code: on which machine, with which versions, from which commit, and when."""

    machine: dict[str, Any]
    versions: dict[str, str]
    commit: str
    dirty: bool
    date: str
    benchmarks: dict[str, Stored]


@dataclass(frozen=True)
class Line:
    """One benchmark now and as stored; `reason` says why there is no ratio, if there is none."""

    name: str
    now: Ratio | None
    stored: Stored | None
    reason: str = ""

    @property
    def factor(self) -> float | None:
        """Return now / stored, None where they cannot be compared."""
        if self.now is None or self.stored is None or self.now.yardstick != self.stored.yardstick:
            return None
        return self.now.median / self.stored.middle

    @property
    def slower(self) -> bool | None:
        """Return whether this run is slower (True) or faster (False) than stored; None where that cannot be told."""
        if self.now is None or self.stored is None or self.factor is None:
            return None
        low, high = self.stored.interval
        within_runs = low <= self.now.median <= high
        within_pairs = self.now.low <= self.stored.middle <= self.now.high
        return None if within_runs or within_pairs else self.factor > 1

    def verdict(self) -> str:
        """Return one word for the table."""
        if self.now is None:
            return self.reason or "no ratio"
        if self.stored is None:
            return "new"
        if self.factor is None:
            return "another yardstick"
        return "TOO SLOW" if self.too_slow() else WORDS[self.slower]

    def too_slow(self) -> bool:
        """Return whether the tripwire is passed, beyond doubt."""
        return bool(self.slower) and (self.factor or 0) > TRIPWIRE

    def problem(self) -> str:
        """Return why the run fails, "" where it does not."""
        if self.now is None:
            ours = not self.reason
            return f"{self.name}: measured no ratio; call the fixture `against` in it" if ours else ""
        if self.stored is not None and self.factor is None:
            return (
                f"{self.name}: is measured against '{self.now.yardstick}', the baseline against "
                f"'{self.stored.yardstick}'; store a new baseline: {STORE}"
            )
        if self.stored is None or not self.too_slow():
            return ""
        low, high = self.stored.interval
        return (
            f"{self.name}: takes {self.factor:.1f} times what it took ({self.now.median:.3g} of "
            f"'{self.now.yardstick}', expected {low:.3g} to {high:.3g}); find what became slow, or if it is meant "
            f"store a new baseline: {STORE}"
        )


def compare(expected: Sequence[str], now: Run, stored: Mapping[str, Stored], reasons: Mapping[str, str]) -> list[Line]:
    """Return a line for every benchmark that was to run, whatever became of it; `reasons` tell of those without ratio.

    pytest-benchmark itself leaves a benchmark that failed out of its files.
    """
    return [Line(name, now.get(name), stored.get(name), reasons.get(name, "")) for name in expected]


def table(lines: Sequence[Line]) -> str:
    """Return the lines as text; ratios are to the yardstick beside them."""
    heads = ["benchmark", "one call", "yardstick", "now", "middle half", "stored", "now / stored", ""]
    text: str = tabulate([_cells(line) for line in lines], heads, tablefmt="simple", disable_numparse=True)
    return text


def _cells(line: Line) -> list[str]:
    now, stored, factor = line.now, line.stored, line.factor
    return [
        line.name,
        _duration(now.call_seconds) if now else "",
        now.yardstick if now else "",
        f"{now.median:.3g}" if now else "",
        f"{now.low:.3g} to {now.high:.3g}" if now else "",
        "{:.3g} to {:.3g}".format(*stored.interval) if stored else "",
        f"{factor:.2f}" if factor else "",
        line.verdict(),
    ]


def _duration(seconds: float) -> str:
    unit, factor = next(((unit, factor) for unit, factor in UNITS if seconds * factor >= 1), UNITS[-1])
    return f"{seconds * factor:.3g} {unit}"


def read_baseline(path: Path) -> Baseline:
    """Read a baseline; BenchError where it is missing or damaged."""
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BenchError(f"{path}: there is no baseline; store one: {STORE}") from None
    except ValidationError as error:
        places = [
            f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}; store the baseline anew: {STORE}"
            for each in error.errors()
        ]
        raise BenchError(places) from error


def merged(runs: Sequence[Run]) -> dict[str, Stored]:
    """Return what is to be stored of several runs; BenchError where they are too few, unlike or too far apart."""
    if len(runs) < FEWEST_RUNS:
        raise BenchError(f"{len(runs)} runs tell no spread; a baseline needs {FEWEST_RUNS} at least")
    names = sorted({name for run in runs for name in run})
    problems = [
        f"{name}: measured in {sum(name in run for run in runs)} of {len(runs)} runs; a baseline needs all"
        for name in names
        if not all(name in run for run in runs)
    ]
    if problems or not names:
        raise BenchError(problems or ["no run measured anything"])
    stored = {name: _stored([run[name] for run in runs]) for name in names}
    restless = [_restless(name, each) for name, each in stored.items() if each.reach > TRIPWIRE]
    if restless:
        raise BenchError(restless)
    return stored


def _restless(name: str, stored: Stored) -> str:
    low, high = stored.interval
    return (
        f"{name}: one more run of the same code may lie anywhere from {low:.3g} to {high:.3g} of '{stored.yardstick}', "
        "so no change could be seen; keep the machine quiet, or take a yardstick that the same things slow down"
    )


def _stored(ratios: Sequence[Ratio]) -> Stored:
    return Stored(
        yardstick=ratios[0].yardstick,
        medians=[_short(each.median) for each in ratios],
        quartiles=[(_short(each.low), _short(each.high)) for each in ratios],
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write a baseline, one line for each benchmark: what a change moves can be read in a diff."""
    told = baseline.model_dump(mode="json")
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in told.pop("benchmarks").items())
    head = json.dumps(told, indent=2).removesuffix("\n}")
    _appear(path, f'{head},\n  "benchmarks": {{\n{rows}\n  }}\n}}\n')


def write_run(run: Run, path: Path) -> None:
    """Write the ratios of one run."""
    _appear(path, RUN.dump_json(dict(run), indent=2).decode() + "\n")


def read_run(path: Path) -> Run:
    """Read what `write_run` wrote."""
    return RUN.validate_json(path.read_bytes())


def _appear(path: Path, text: str) -> None:
    with whole_file(path) as hidden:
        hidden.write_text(text, encoding="utf-8")


RUN = TypeAdapter(dict[str, Ratio])
UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))
