"""A row of a table: one network on one runner with one setting, everything that was measured of it side by side."""

from dataclasses import dataclass, field


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
    """A speed relative to the reference row, above 1 where it is faster; `separable` False prints as `~`."""

    estimate: Estimate
    separable: bool
    reference: str


@dataclass(frozen=True)
class Disagreement:
    """Images on which the answer is not the reference's, in parts per ten thousand, with the upper 95 % bound."""

    count: int
    images: int
    per_ten_thousand: float
    upper_per_ten_thousand: float


@dataclass(frozen=True)
class Score:
    """A metric of a head on this runner, in fractions; None as value: undefined, with its `reason`."""

    name: str
    estimate: Estimate | None
    reason: str = ""
    group: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table. Figures are None where they were not measured or may not be printed; `reason` says why."""

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
