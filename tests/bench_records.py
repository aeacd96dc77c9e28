"""Hand-made results of measurements, for tests of everything that reads results: statistics, tables, plots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks.cells import Settings
from benchmarks.records.result import (
    Accuracy,
    ColdStart,
    Energy,
    Measured,
    Memory,
    Parity,
    Peak,
    Prediction,
    ReadBack,
    Result,
    Timing,
)

MACHINE = {
    "name": "bench-box", "processor": "Test CPU 3000", "cores": 2, "memory_bytes": 8 << 30, "system": "Linux 6.1",
    "python": "3.11.9",
}  # fmt: skip
NETWORK = {"parameters": 1_000_000, "multiply_adds": 50_000_000, "input_shape": [3, 64, 64]}
VERSIONS = {
    "onnxruntime": "1.31.1", "opencv": "4.14.0", "torch": "2.13.0", "keras": "3.15.1", "openvino": "2026.4.1",
    "numpy": "2.4.0",
}  # fmt: skip
CALL_PATHS = {
    "onnxruntime": "run", "opencv": "forward", "torch": "eager", "keras": "call", "openvino": "infer", "numpy": "run",
}  # fmt: skip


def settings(runner: str = "onnxruntime", **asked: Any) -> Settings:
    """Settings of a runner: its usual call path, and what is asked for beside it."""
    return replace(Settings(call_path=CALL_PATHS.get(runner, "run")), **asked)


def parity(images: int = 32, disagreements: int = 0, **fields: Any) -> Parity:
    """Parity on a probe set, passed unless told otherwise; the first answers are wrong as often as told."""
    reference = [place % 2 for place in range(images)]
    answers = [1 - place if number < disagreements else place for number, place in enumerate(reference)]
    told = {
        "ok": True, "difference": 2e-7, "tolerance": 1e-5, "cosine": 1.0, "timed_difference": 2e-7,
        "by_node": {"fc7": 1e-7, "prob": 2e-7}, **fields,
    }  # fmt: skip
    return Parity(
        images=images, disagreements=disagreements, answers=answers, reference_answers=reference, **told
    )  # fmt: skip


def timing(latency_ms: Iterable[float], batch: int = 1) -> Timing:
    """Calls of one round that took this long, one after the other, on two busy cores."""
    calls = [float(each) for each in latency_ms]
    seconds = sum(calls) / 1000
    return Timing(
        batch=batch,
        latency_ms=calls,
        wait_ms=[0.0] * len(calls),
        warm_up_ms=[2 * calls[0], calls[0]],
        wall_seconds=seconds,
        processor_seconds=2 * seconds,
    )


def result(
    runner: str = "onnxruntime",
    scenario: str = "latency",
    number: int = 0,
    *,
    batch: int = 1,
    asked: Settings | None = None,
    measured: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Result:
    """One result of round `number`; `measured` replaces fields of Measured, `fields` those of Result.

    Without a time of its own, a latency or throughput result gets 64 calls of 10 ms.
    """
    wanted = asdict(asked or settings(runner))
    given: dict[str, Any] = {
        "status": "ok",
        "versions": {runner: VERSIONS.get(runner, "1.0")},
        "settings": {name: ReadBack(asked=value, got=value, ok=True) for name, value in wanted.items()},
        **({} if scenario == "peak" else {"parity": parity()}),
        **({"timing": timing([10.0] * 64, batch)} if scenario in ("latency", "throughput") else {}),
        **(measured or {}),
    }
    told: dict[str, Any] = {
        "run": "run-1", "model": "tiny", "model_sha256": "a" * 64, "machine": MACHINE, "network": NETWORK,
        "commit": "1234567890abcdef", "dirty": False, "started": f"2026-11-02T10:{number:02}:00+00:00", "seconds": 3.0,
        "exit_status": 0, "twin": "", **fields,
    }  # fmt: skip
    configuration = {
        "model": told["model"], "model_sha256": told["model_sha256"], "runner": runner, "settings": wanted,
        "batch": batch, "scenario": scenario, "versions": given["versions"], "machine": told["machine"],
    }  # fmt: skip
    return Result(
        runner=runner,
        asked=wanted,
        batch=batch,
        scenario=scenario,
        round=number,
        configuration=configuration,
        measured=Measured(**given),
        **told,
    )


def timed(
    runner: str, medians_ms: Sequence[float], *, calls: int = 64, scenario: str = "latency", **fields: Any
) -> list[Result]:
    """One result for each round, whose calls have exactly these medians; a few calls are much slower, as they are."""
    return [
        result(
            runner,
            scenario,
            number,
            measured={"timing": timing(spread(median, calls), fields.get("batch", 1))},
            **fields,
        )
        for number, median in enumerate(medians_ms)
    ]  # fmt: skip


def spread(median: float, calls: int) -> list[float]:
    """Latencies around a median: symmetric in their ranks, with a long tail above; the median is exact."""
    ranks = (np.arange(calls) + 0.5) / calls - 0.5
    return list(median * (1 + 0.02 * ranks + 0.4 * np.clip(ranks, 0, None) ** 8 * 2**8 * (ranks > 0.4)))


def cold_start(runner: str, number: int = 0, *, parts: Mapping[str, float] | None = None, **fields: Any) -> Result:
    """A cold start of six parts in milliseconds."""
    told = {
        "import_ms": 300.0, "read_weights_ms": 20.0, "build_ms": 80.0, "first_ms": 30.0, "second_ms": 12.0,
        "steady_ms": 10.0, **(parts or {}),
    }  # fmt: skip
    return result(runner, "cold_start", number, measured={"cold_start": ColdStart(**told)}, **fields)


def memory(
    runner: str, number: int = 0, *, peak_bytes: int = 200 << 20, gpu_peak_bytes: int | None = None, **fields: Any
) -> Result:
    """A memory pass."""
    found = Memory(
        peak_bytes=peak_bytes, idle_bytes=30 << 20, growth_bytes_per_call=0.0, calls=32, gpu_peak_bytes=gpu_peak_bytes
    )  # fmt: skip
    return result(runner, "memory", number, measured={"memory": found}, **fields)


def energy(runner: str, number: int = 0, *, joules: float = 20.0, calls: int = 100, **fields: Any) -> Result:
    """An energy pass with a real counter."""
    found = Energy(joules=joules, calls=calls, batch=fields.get("batch", 1), counter="RAPL package-0")
    return result(runner, "energy", number, measured={"energy": found}, **fields)


def peak(
    number: int = 0, *, multiply_adds_per_second: float = 5e10, asked: Settings | None = None, **fields: Any
) -> Result:
    """What the machine reached in the same run."""
    wanted = asked or settings("numpy", threads=1)
    found = Peak(
        multiply_adds_per_second=multiply_adds_per_second,
        bytes_per_second=1e10,
        precision=wanted.precision,
        device=wanted.device,
        threads=wanted.threads,
        with_library="numpy",
    )
    return result("numpy", "peak", number, asked=wanted, measured={"peak": found}, **fields)


def predictions(
    count: int = 200, wrong: Iterable[int] = (), *, positive: str = "female", negative: str = "male"
) -> list[Prediction]:
    """A head's answers on `count` faces, half of each label, those at the places `wrong` wrong."""
    missed = set(wrong)
    found = []
    for number in range(count):
        truth = (negative, positive)[number % 2]
        predicted = truth if number not in missed else (positive, negative)[number % 2]
        likely = 0.55 + 0.4 * (number / count)
        found.append(
            Prediction(
                path=f"{number:05}.jpg",
                truth=truth,
                predicted=predicted,
                probability=likely if predicted == positive else 1 - likely,
                groups={"age_group": ("young", "old")[number // 2 % 2]},
            )
        )
    return found


def accuracy(runner: str, wrong: Iterable[int] = (), *, count: int = 200, head: str = "svm", **fields: Any) -> Result:
    """An accuracy pass of one head; the answers at the places `wrong` are wrong."""
    found = Accuracy(head=head, positive="female", predictions=predictions(count, wrong))
    return result(runner, "accuracy", measured={"accuracy": found}, **fields)


def broken(
    runner: str, status: str = "timed out", reason: str = "no answer within 300 s", number: int = 0, **fields: Any
) -> Result:
    """A cell that came to nothing: a row with its reason."""
    return result(
        runner,
        fields.pop("scenario", "latency"),
        number,
        measured={"status": status, "reason": reason, "parity": None, "timing": None, "settings": {}},
        exit_status=None,
        **fields,
    )


def suite(rounds: int = 5, noise: float = 0.01, seed: int = 0) -> list[Result]:
    """A whole run on one machine: several runners and batches, twins, every scenario, one failure of each kind.

    True medians at batch 1: opencv 10 ms, onnxruntime 16, openvino 16, torch 17; numpy failed parity, keras crashed.
    """
    random = np.random.default_rng(seed)

    def drawn(true_ms: float) -> list[float]:
        return list(true_ms * np.exp(random.normal(0, noise, rounds)))

    true = {"opencv": 10.0, "onnxruntime": 16.0, "openvino": 16.0, "torch": 17.0}
    found = [peak(number) for number in range(rounds)]
    for runner, median in true.items():
        found += timed(runner, drawn(median), twin="A" if runner == "onnxruntime" else "")
        found += timed(runner, drawn(7 * median), scenario="throughput", batch=8)
        found += [cold_start(runner, number, parts={"steady_ms": median}) for number in range(rounds)]
        found += [memory(runner, number) for number in range(rounds)]
        found.append(accuracy(runner, wrong=range(10)))
    found += timed("onnxruntime", drawn(16.0), twin="B")
    found += [
        result("numpy", number=number, measured={"status": "refused", "reason": "parity failed", "timing": None,
                                                 "parity": parity(ok=False, difference=0.2, disagreements=5)})
        for number in range(rounds)
    ]  # fmt: skip
    return found + [broken("keras", "crashed", "signal 11", number) for number in range(rounds)]
