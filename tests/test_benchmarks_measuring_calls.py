"""What timed calls are judged by: drift, cached answers, warm-up and early answers; and how inputs take turns."""

import gc
import math
import random
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bench_fakes
from bench_fakes import honest
from benchmarks.cells import Limits
from benchmarks.measuring import caching, drift, early, timed, warm_up

MS = 1_000_000


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


def noisy(count: int, slope: float = 0.0, seed: int = 1, noise: float = 0.03) -> list[int]:
    """Return latencies around 10 ms with some noise, now and then one of three times the length."""
    draw = random.Random(seed)  # noqa: S311 - noise, not a secret
    return [
        int(10 * MS * (1 + slope * place / count) * draw.gauss(1, noise) * (3 if draw.random() < 0.05 else 1))
        for place in range(count)
    ]


@pytest.mark.parametrize("count", [11, 24, 64, 500])
def test_noise_is_no_drift(count: int) -> None:
    assert [drift.drift(noisy(count, seed=seed)) for seed in range(40)] == [0.0] * 40


@pytest.mark.parametrize(("count", "slope"), [(24, 0.4), (64, 0.3), (64, -0.3), (500, 0.2)])
def test_a_drift_is_found_with_its_sign(count: int, slope: float) -> None:
    found = drift.drift(noisy(count, slope))
    assert math.copysign(1, found) == math.copysign(1, slope) and 0.1 < abs(found) < 0.4


def test_thirds_that_differ_by_chance_are_no_drift() -> None:
    rounds = [noisy(24, seed=seed, noise=0.3) for seed in range(40)]
    differ = [abs(sorted(each[:8])[4] / sorted(each[-8:])[4] - 1) > drift.SMALLEST_DRIFT for each in rounds]
    assert sum(differ) > 10
    assert sum(drift.drift(each) != 0 for each in rounds) <= 1  # and it takes three in a row


def test_a_sure_but_small_drift_is_harmless() -> None:
    assert drift.drift([100_000 + place for place in range(5_000)]) == 0.0
    assert drift.trend(range(100)) > 10
    assert drift.trend([5] * 100) == 0.0


def test_too_few_calls_tell_no_drift() -> None:
    assert drift.drift([1, 2, 3, 4, 50, 60, 70, 80]) == 0.0


def test_repeats_are_suspicious_only_if_faster_by_much_and_surely() -> None:
    assert caching.suspicious([(10, 5)] * 4, 0.5)
    assert not caching.suspicious([(10, 5)] * 3, 0.5)
    assert not caching.suspicious([(100, 95)] * 16, 0.95)
    assert not caching.suspicious([(10, 5)] * 9 + [(5, 10)] * 7, 0.8)


@pytest.mark.parametrize(("kind", "verdict"), [(bench_fakes.Caching, "cached answers"), (bench_fakes.Honest, "")])
def test_a_few_pairs_are_enough_to_find_a_cache(tmp_path: Path, kind: type[bench_fakes.Honest], verdict: str) -> None:
    task = bench_fakes.task(tmp_path)
    runner = kind({}, task.nodes, task.settings)
    rng = np.random.default_rng(0)
    told, _ = caching.cached_answers(runner, bench_fakes.pictures(1), Limits(seconds=0), MS, rng)
    assert told.partition(":")[0] == verdict


def test_pairs_fit_into_the_time() -> None:
    limits = Limits(seconds=20)
    assert caching.count(limits, 1e6) == caching.MOST_PAIRS
    assert caching.count(limits, 0.3e9) == 8
    assert caching.count(limits, 60e9) == caching.LEAST_PAIRS


def test_unseen_inputs_are_much_like_the_given_ones() -> None:
    inputs = bench_fakes.pictures(2)
    unseen = caching.unseen(inputs, np.random.default_rng(0))
    assert unseen.dtype == np.float32 and unseen.shape == inputs.shape
    assert 0 < np.abs(unseen - inputs).max() < 0.1 * inputs.std()


def test_a_pace_is_steady_when_three_windows_agree() -> None:
    assert not warm_up.steady([1.0, 1.0], 0.1)
    assert not warm_up.steady([1.0, 1.0, 1.2], 0.1)
    assert warm_up.steady([9.0, 1.0, 1.09, 1.05], 0.1)


def test_a_window_of_slow_calls_may_hold_one() -> None:
    runner = SimpleNamespace(run=lambda _: None, wait=lambda: None)
    turn = iter(range(10_000_000))
    assert len(warm_up.one_window(runner, turn, 0)) == warm_up.WINDOW_CALLS


def stretch_of(latency_ns: int, wait_ns: int, first: int = 10, second: int = 10) -> timed.Stretch:
    kept = [timed.Kept(0, {}, first, second)] * 3
    return timed.Stretch([latency_ns] * 9, [wait_ns] * 9, kept)


def test_what_remains_after_a_call_counts_if_it_is_notable(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    assert early.early_answers(runner, stretch_of(10 * MS, 1_000)) == []
    assert early.early_answers(runner, stretch_of(100_000, 12_000)) == []  # notable, but a call to a driver
    assert early.early_answers(runner, stretch_of(MS, 4 * MS)) == [
        "answered too early: 80% of a call remained to be done after it returned"
    ]


def test_waiting_takes_its_time_even_for_nothing(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    runner.wait = lambda: time.sleep(0.002)
    assert early.early_answers(runner, stretch_of(10 * MS, 2 * MS)) == []


def test_an_answer_that_must_be_computed_first_came_too_early(tmp_path: Path) -> None:
    found = early.early_answers(honest(tmp_path), stretch_of(MS, 0, first=5 * MS, second=MS))
    assert len(found) == 1 and "takes 4 ms longer than the second time, a call 1 ms" in found[0]
    assert early.early_answers(honest(tmp_path), stretch_of(MS, 0, first=5 * MS, second=5 * MS)) == []


def test_inputs_take_turns_and_the_collector_rests(tmp_path: Path) -> None:
    runner = honest(tmp_path)
    seen = []
    runner.run = lambda feed: seen.append((float(feed[0, 0, 0, 0]), gc.isenabled())) or bench_fakes.compute(feed)
    feeds = list(bench_fakes.pictures(4)[:, None])
    limits = Limits(samples=16, least_samples=11, seconds=5)
    stretch = timed.timed(runner, feeds, limits, np.random.default_rng(0))
    assert [first for first, _ in seen] == [float(feed[0, 0, 0, 0]) for feed in feeds] * 4
    assert not any(collecting for _, collecting in seen) and gc.isenabled()
    assert len(stretch.latency_ns) == 16 and 1 <= len(stretch.kept) <= 9
    assert stretch.wall_ns >= sum(stretch.latency_ns)


def test_a_round_ends_with_its_time_but_not_before_its_least_samples() -> None:
    limits = Limits(samples=64, least_samples=11, seconds=2)
    assert not timed.enough(10, 60_000 * MS, limits) and timed.enough(11, 2_000 * MS, limits)
    assert not timed.enough(63, 1_999 * MS, limits) and timed.enough(64, 0, limits)


def test_one_answer_is_kept_however_short_a_round_is() -> None:
    limits = Limits(samples=1000, least_samples=11)
    drawn = [timed.chosen(limits, np.random.default_rng(seed)) for seed in range(50)]
    assert all(min(calls) < 11 and len(calls) <= 9 for calls in drawn) and len({min(each) for each in drawn}) > 3
