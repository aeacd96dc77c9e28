"""A row of a table: one network on one runner with one setting, everything that was measured of it side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.cells import ALL_INSTRUCTIONS


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, None where there is none; `n` counts what it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Percentile:
    """A percentile of latencies in milliseconds; `value` None where `n` samples do not support it (`needed` would)."""

    value: float | None
    n: int
    needed: int


@dataclass(frozen=True)
class Ratio:
    """A speed relative to the reference row, above 1 where it is faster; `separable` False prints as `~`.

    The reference itself is exactly 1, and separable so that it prints. `paired`: round by round within one run.
    """

    estimate: Estimate
    separable: bool
    reference: str
    paired: bool = True


@dataclass(frozen=True)
class Disagreement:
    """Images on which the answer is not the reference's, in parts per ten thousand, with the upper 95 % bound."""

    count: int
    images: int
    per_ten_thousand: float
    upper_per_ten_thousand: float


@dataclass(frozen=True)
class Score:
    """A metric of a head on this runner, in fractions; None as value: undefined, with its `reason`.

    `group` is "" for all faces, else such as "age_group=20-39".
    """

    name: str
    estimate: Estimate | None
    reason: str = ""
    group: str = ""
    head: str = ""


@dataclass(frozen=True)
class FaceTest:
    """One head on the same faces, here and on the reference row: who is right where the other is wrong.

    `p` is that of McNemar's exact test; `differing` counts faces whose answers differ.
    """

    head: str
    reference: str
    faces: int
    reference_only: int
    own_only: int
    differing: int
    p: float


@dataclass(frozen=True)
class BreakEven:
    """From which number of calls on this row costs less time in all than the reference, its start included.

    `calls` None: never, or it cannot be told, with the `reason`. `low` and `high` come from the interval of the steady
    speeds.
    """

    calls: int | None
    low: int | None = None
    high: int | None = None
    reason: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table. Figures are None where they were not measured or may not be printed; `reason` says why.

    `label` names the row among those of its model, device, batch and threads. `median_ms` is the geometric mean of the
    rounds' medians, `round_ms` these medians by "run/round", what comparisons are made of; percentiles are those of all
    calls. `images_per_second` counts all images of a round over all time spent in calls. `noise_fraction` is the noise
    floor of its runs. `cold_start_ms` has the keys import, read_weights, build, first, second, steady.
    """

    model: str
    runner: str
    version: str
    call_path: str
    device: str
    provider: str
    precision: str
    threads: int
    batch: int
    machine: str
    rank: int | None = None
    p50: Percentile | None = None
    median_ms: Estimate | None = None
    p90: Percentile | None = None
    p95: Percentile | None = None
    p99: Percentile | None = None
    images_per_second: Estimate | None = None
    ratio: Ratio | None = None
    cold_start_ms: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    gpu_peak_bytes: int | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    share_of_peak: Estimate | None = None
    difference: float | None = None
    cosine: float | None = None
    disagreement: Disagreement | None = None
    scores: tuple[Score, ...] = ()
    joules_per_image: Estimate | None = None
    ok: bool = True
    verdict: str = "ok"
    reason: str = ""
    rounds: int = 0
    label: str = ""
    layout: str = ""
    denormals: str = ""
    spinning: bool = False
    instructions: str = ALL_INSTRUCTIONS
    model_sha256: str = ""
    round_ms: Mapping[str, float] = field(default_factory=dict)
    noise_fraction: float | None = None
    face_tests: tuple[FaceTest, ...] = ()
    break_even: BreakEven | None = None

    @property
    def place(self) -> tuple[str, str, str, int, int]:
        """Return what rows that may be compared with each other have in common."""
        return self.model, self.machine, self.device, self.threads, self.batch

    @property
    def group(self) -> tuple[str, str, str, int, str, int]:
        """Return what rows that compete with each other have in common: the blocks of a table, and their order."""
        return self.model, self.machine, self.device, self.threads, self.instructions, self.batch
