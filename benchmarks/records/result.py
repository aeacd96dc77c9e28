"""The result of one cell in one round: one JSON file that holds everything, every raw sample included.

The measuring process writes `Measured`, plain JSON; the parent adds what only it knows and checks the whole.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.cells import configuration_hash

SCHEMA = 1
# How a cell ended. "failed": the process said why; "refused": it did not get what it asked for, or failed parity.
Status = Literal["ok", "failed", "refused", "crashed", "timed out", "out of memory"]


class Strict(BaseModel):
    """A part of a result: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parity(Strict):
    """The network's values on the probe set beside the reference, in the very process that is timed.

    `difference` is the largest over nodes of max |got - reference| / max |reference|, for a softmax or sigmoid also
    divided by the largest of its logits (1 to 100): so much a rounding of them grows in it. `cosine` is the smallest of
    an image's values to the reference's; `disagreements` counts images whose largest value of the last node lies
    elsewhere. `answers` is that place for each image, `reference_answers` the reference's. `timed_difference` compares
    answers taken during the timed calls.
    """

    ok: bool
    images: int
    difference: float
    tolerance: float | None
    cosine: float
    disagreements: int
    answers: list[int] = Field(default_factory=list)
    reference_answers: list[int] = Field(default_factory=list)
    timed_difference: float | None = None
    by_node: dict[str, float] = Field(default_factory=dict)


class ReadBack(Strict):
    """One setting: what was asked, what the runtime says or what was observed; `ok` None where nothing can be told."""

    asked: Any
    got: Any = None
    ok: bool | None = None
    how: str = ""


class Timing(Strict):
    """Calls of one round. `latency_ms` holds each call in order, `wait_ms` what remained to be done after it.

    `wall_seconds` and `processor_seconds` are of the whole timed stretch; their ratio is how many cores were used.
    """

    batch: int
    latency_ms: list[float]
    wait_ms: list[float]
    warm_up_ms: list[float]
    wall_seconds: float
    processor_seconds: float
    idle_processor_fraction: float | None = None


class ColdStart(Strict):
    """Six parts of a cold start in milliseconds, from a fresh interpreter."""

    import_ms: float
    read_weights_ms: float
    build_ms: float
    first_ms: float
    second_ms: float
    steady_ms: float


class Memory(Strict):
    """Bytes: `peak` is VmHWM of the process, `idle` before the library was imported, `growth` per call once steady.

    `gpu_peak` comes from NVML: of the process where it can be told, else of the whole device (`gpu_scope`).
    """

    peak_bytes: int
    idle_bytes: int
    growth_bytes_per_call: float
    calls: int
    anonymous_bytes: int | None = None
    gpu_peak_bytes: int | None = None
    gpu_scope: str = ""


class Prediction(Strict):
    """What a head says of one face on this runner."""

    path: str
    truth: str
    predicted: str
    probability: float
    identity: str = ""
    groups: dict[str, str] = Field(default_factory=dict)


class Accuracy(Strict):
    """Predictions of one head on the embeddings that this runner computed, for the faces of one part of a table.

    `left_out` counts faces of that part without a prediction, by the reason.
    """

    head: str
    positive: str
    predictions: list[Prediction]
    part: str = ""
    left_out: dict[str, int] = Field(default_factory=dict)


class Energy(Strict):
    """Joules from a real counter (RAPL, NVML); never an estimate."""

    joules: float
    calls: int
    batch: int
    counter: str


class Peak(Strict):
    """What this machine reached: multiply-adds a second in a matrix product, bytes a second in a copy."""

    multiply_adds_per_second: float
    bytes_per_second: float
    precision: str
    device: str
    threads: int
    with_library: str
    samples: dict[str, list[float]] = Field(default_factory=dict)


class Measured(Strict):
    """What the measuring process writes; `verdicts` are reasons why its figures may not be published, if any."""

    status: Status
    reason: str = ""
    verdicts: list[str] = Field(default_factory=list)
    settings: dict[str, ReadBack] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    parity: Parity | None = None
    timing: Timing | None = None
    cold_start: ColdStart | None = None
    memory: Memory | None = None
    accuracy: Accuracy | None = None
    energy: Energy | None = None
    peak: Peak | None = None


class Result(Strict):
    """One cell in one round, whole: what was to be measured (`task`), where, when, and what came out.

    `configuration` is all that decides the figures: the task without paths, the model's sha256, versions, machine.
    `machine` and `network` (parameters, multiply-adds, shapes) are as `benchmarks.execution` found them. `twin` is
    "A" or "B" for the pair that measures the same thing twice, "" for others.
    """

    schema_version: int = SCHEMA
    run: str
    model: str
    model_sha256: str
    runner: str
    asked: dict[str, Any]
    batch: int
    scenario: str
    round: int
    twin: str = ""
    configuration: dict[str, Any]
    machine: dict[str, Any]
    network: dict[str, Any]
    commit: str
    dirty: bool
    started: str
    seconds: float
    exit_status: int | None
    stderr_tail: str = ""
    measured: Measured

    @property
    def key(self) -> str:
        """Return what names the result: equal for equal configurations in equal rounds."""
        return f"{configuration_hash(self.configuration)}{self.twin.lower()}-{self.round}"
