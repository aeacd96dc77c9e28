import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.cells import Limits, Settings, Task
from benchmarks.errors import RunnerError
from benchmarks.measuring import peak, peak_numpy, peak_trial
from benchmarks.records.result import Peak


class Fake:
    """Products that take 10 ms, or 40 ms for the larger size, and copies of 20 ms."""

    name = "fake 1.0"
    sizes = (100, 110)

    def product(self, size: int) -> Callable[[], None]:
        return lambda: time.sleep(0.01 if size == 100 else 0.04)

    def copy(self) -> tuple[Callable[[], None], int]:
        return lambda: time.sleep(0.02), 4000


def task(settings: Settings | None = None, **limits: float) -> Task:
    return Task("x", "numpy", settings or Settings(), 1, "peak", limits=Limits(**{"seconds": 0.1, **limits}))


def told(name: str, product: float, copy: float) -> dict[str, object]:
    return {
        "name": f"{name} 1.0", "multiply_adds_per_second": [product, product / 2], "bytes_per_second": [copy],
        "product_cores": [1.0, 1.0], "problem": "",
    }  # fmt: skip


def test_a_rate_is_the_amount_over_the_time_of_a_call() -> None:
    found = peak_trial.repeated(lambda: time.sleep(0.01), 50.0, 0.1)
    assert 3 <= len(found.rates) <= 10
    # Sleeping never takes less; a busy machine may take longer.
    assert 500 < max(found.rates) <= 5000
    assert max(found.cores) < 0.9


def test_the_fastest_size_counts() -> None:
    found = peak_trial.measured(Fake(), Settings(), 0.15)
    assert max(found["multiply_adds_per_second"]) <= 100**3 / 0.01
    assert max(found["multiply_adds_per_second"]) > 110**3 / 0.04
    assert max(found["bytes_per_second"]) <= 4000 / 0.02
    assert found["problem"].startswith("1 thread asked for, but the matrix product kept 0.")  # it sleeps


@pytest.mark.parametrize(
    ("cores", "problem"),
    [
        ([2.0, 1.9, 2.1], ""),
        ([2.0, 1.0, 1.0], "2 threads asked for, but the matrix product kept 1.0 cores busy"),
        ([4.0, 3.9, 2.0], "2 threads asked for, but the matrix product kept 3.9 cores busy"),
    ],
)
def test_threads_are_those_asked_for(cores: list[float], problem: str) -> None:
    assert peak_trial.threads_problem(cores, Settings(threads=2)) == problem


def test_the_better_library_counts_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"numpy": told("numpy", 10.0, 7.0), "torch": told("torch", 20.0, 5.0)}
    monkeypatch.setattr(peak, "find_spec", lambda _name: True)
    monkeypatch.setattr(peak, "tried", lambda library, *_rest: answers[library])
    found = Peak(**peak.measure(task()))
    assert (found.multiply_adds_per_second, found.bytes_per_second) == (20.0, 7.0)
    assert found.with_library == "product: torch 1.0; copy: numpy 1.0"
    assert found.samples["torch multiply_adds_per_second"] == [20.0, 10.0]


def test_a_library_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(library: str, *_rest: object) -> dict[str, object]:
        if library == "torch":
            raise RunnerError("torch: broken")
        return told("numpy", 10.0, 7.0)

    monkeypatch.setattr(peak, "find_spec", lambda _name: True)
    monkeypatch.setattr(peak, "tried", tried)
    assert peak.measure(task())["with_library"] == "product: numpy 1.0; copy: numpy 1.0"
    monkeypatch.setattr(peak, "LIBRARIES", {"torch": peak.LIBRARIES["torch"]})
    with pytest.raises(RunnerError, match="torch: broken"):
        peak.measure(task())


def test_what_no_library_can_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunnerError, match="no peak is known how to measure on cpu in int8"):
        peak.measure(task(Settings(precision="int8")))
    monkeypatch.setattr(peak, "find_spec", lambda _name: None)
    with pytest.raises(RunnerError, match="a peak on cuda:0 in tf32 needs torch"):
        peak.measure(task(Settings(device="cuda:0", precision="tf32")))


def test_numpy_is_measured_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "LIBRARIES", {"numpy": {"cpu": ("fp32-strict",)}})
    found = Peak(**peak.measure(task(timeout_seconds=100)))
    # Between a slow processor without vector instructions and the fastest of one core, with room on both sides.
    assert 1e8 < found.multiply_adds_per_second < 1e13
    assert 1e8 < found.bytes_per_second < 1e13
    assert found.with_library.startswith("product: numpy ")
    assert min(len(values) for values in found.samples.values()) >= 3


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(RunnerError, match="json: the peak cannot be measured: KeyError: 'json'"):
        peak.tried("json", Settings(), 0.1, 60)


def test_a_process_that_hangs_is_given_up() -> None:
    with pytest.raises(RunnerError, match="numpy: the peak was not measured within 0 s"):
        peak.tried("numpy", Settings(), 0.1, 0.01)


def test_numpy_refuses_a_blas_that_does_not_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"user_api": "blas", "internal_api": "openblas", "version": "1", "num_threads": 8}
    monkeypatch.setattr(peak_numpy, "threadpool_info", lambda: [pool])
    monkeypatch.setattr(peak_numpy, "threadpool_limits", lambda _count: None)
    with pytest.raises(RunnerError, match="3 threads were asked for, but openblas has 8"):
        peak_numpy.work(Settings(threads=3))
    monkeypatch.setattr(peak_numpy, "threadpool_info", list)
    with pytest.raises(RunnerError, match="no BLAS is known"):
        peak_numpy.work(Settings(threads=3))


def test_every_part_is_copied_and_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []
    fake = SimpleNamespace(ones=np.ones, zeros_like=np.zeros_like, float32=np.float32, linspace=np.linspace)
    fake.copyto = lambda target, source: copied.append((target.size, source.size))
    monkeypatch.setattr(peak_numpy, "COPY_BYTES", 4000)
    monkeypatch.setattr(peak_numpy, "np", fake)
    call, amount = peak_numpy.NumPyWork("x", 3).copy()
    call()
    assert amount == 8000
    assert sum(size for size, _ in copied) == 1000
    assert len(copied) == 3
