"""Micro-benchmarks: ratios to yardsticks are right, compared with what was stored, and nothing goes missing."""

import json
import os
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.errors import BenchError
from benchmarks.micro import store_baseline
from benchmarks.micro.baselines import (
    TRIPWIRE,
    Baseline,
    Stored,
    compare,
    merged,
    read_baseline,
    table,
    write_baseline,
)
from benchmarks.micro.pairs import Ratio, ratio_of
from benchmarks.micro.yardsticks import (
    Yardstick,
    json_loads,
    pillow_decoding,
    pillow_resizing,
    product_of,
    python_loop,
    sorted_numbers,
)

MICRO = Path(__file__).parent.parent / "benchmarks" / "micro"
MEDIANS = [1.00, 1.02, 0.98, 1.01, 0.99]
QUARTILES = [(0.95, 1.05)] * 5
STORED = Stored(yardstick="loop", medians=MEDIANS, quartiles=QUARTILES)
SLEEPING = """
import time
from benchmarks.micro.yardsticks import Yardstick

STICK = Yardstick("sleep of 5 ms", lambda: time.sleep(0.005))


def test_double(against):
    assert against(STICK, lambda: time.sleep(0.010) or "woken") == "woken"
"""


def ratio(median: float, low: float = 0.0, high: float = 0.0, yardstick: str = "loop") -> Ratio:
    return Ratio(yardstick, median, low or median * 0.97, high or median * 1.03, 50, 0.001)


def verdict(now: Ratio) -> str:
    (line,) = compare(["x"], {"x": now}, {"x": STORED}, {})
    return line.verdict()


def ran(folder: Path, text: str, *words: str) -> tuple[int, str]:
    """Run benchmarks in a fresh process, below a copy of the hooks, and return exit status and output."""
    shutil.copy(MICRO / "conftest.py", folder)
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", str(folder), f"--rootdir={folder}", "-q", "-p", "no:cacheprovider"]
    # pytest-benchmark measures nothing in what it takes for a worker of a parallel run.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST_")}
    done = subprocess.run(
        [*command, "--benchmark-quiet", *words],
        env=environment,
        capture_output=True,
        text=True,
        cwd=MICRO.parents[1],
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def baseline_of(**benchmarks: Stored) -> Baseline:
    told = {"machine": {"name": "here"}, "versions": {"numpy": "2"}, "commit": "ab", "dirty": False, "date": "today"}
    return Baseline(**told, benchmarks={f"test_it.py::{name}": stored for name, stored in benchmarks.items()})


def test_a_ratio_is_that_of_each_pair_not_of_the_medians() -> None:
    # The machine becomes four times slower half-way: each pair still says 2.
    found = ratio_of("loop", [2.0, 2.0, 8.0, 8.0, 8.0], [1.0, 1.0, 4.0, 4.0, 4.0])
    assert (found.median, found.low, found.high, found.pairs, found.call_seconds) == (2.0, 2.0, 2.0, 5, 8.0)


def test_quartiles_tell_how_far_pairs_lie_apart() -> None:
    found = ratio_of("loop", [1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


def test_the_interval_is_students_prediction_interval_of_logarithms() -> None:
    # By hand: logarithms 0, 0.0953, -0.1054, 0, 0; mean -0.0020, standard deviation 0.0710, t(0.975, 4) = 2.776.
    stored = Stored(yardstick="loop", medians=[1.0, 1.1, 0.9, 1.0, 1.0], quartiles=QUARTILES)
    assert stored.interval == pytest.approx((0.8042, 1.2384), abs=5e-4)


def test_the_interval_is_never_narrower_than_a_tenth() -> None:
    assert STORED.interval == pytest.approx((0.9999 / 1.1, 0.9999 * 1.1), abs=5e-4)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (ratio(1.04), "~"),
        (ratio(0.96), "~"),
        (ratio(1.2), "slower"),
        (ratio(0.8), "faster"),
        (ratio(1.9), "slower"),
        (ratio(2.1), "TOO SLOW"),
        (ratio(2.5, low=0.9, high=4.0), "~"),  # pairs scatter so far that nothing can be said
        (ratio(0.1), "faster"),
        (ratio(1.0, yardstick="copy"), "another yardstick"),
    ],
)
def test_verdicts(now: Ratio, expected: str) -> None:
    assert verdict(now) == expected


def test_only_past_the_tripwire_a_run_fails_and_says_what_to_do() -> None:
    lines = compare(["a", "b"], {"a": ratio(1.9), "b": ratio(2.5)}, {"a": STORED, "b": STORED}, {})
    assert TRIPWIRE == 2.0
    assert lines[0].problem() == ""
    assert lines[1].problem() == (
        "b: takes 2.5 times what it took (2.5 of 'loop', expected 0.909 to 1.1); find what became slow, or if it is "
        "meant store a new baseline: python -m benchmarks.micro.store_baseline"
    )


def test_another_yardstick_is_refused() -> None:
    (line,) = compare(["a"], {"a": ratio(1.0, yardstick="copy")}, {"a": STORED}, {})
    assert "is measured against 'copy', the baseline against 'loop'; store a new baseline" in line.problem()


def test_every_benchmark_has_a_line_whatever_became_of_it() -> None:
    expected = ["measured", "new", "failed", "skipped", "forgetful"]
    now, stored = {"measured": ratio(1.0), "new": ratio(3.0)}, {"measured": STORED, "gone": STORED}
    lines = compare(expected, now, stored, {"failed": "failed", "skipped": "skipped"})
    assert [line.verdict() for line in lines] == ["~", "new", "failed", "skipped", "no ratio"]
    assert [line.name for line in lines if line.problem()] == ["forgetful"]  # pytest itself fails for "failed"
    text = table(lines)
    assert all(name in text for name in expected)
    assert "1 ms" in text
    assert "0.909 to 1.1" in text


def test_a_baseline_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    written = baseline_of(test_a=STORED, test_b=STORED)
    write_baseline(written, path)
    assert read_baseline(path) == written
    lines = path.read_text().splitlines()
    assert sum('"medians"' in line for line in lines) == 2  # one line for each benchmark
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]


def test_a_missing_baseline_says_how_to_store_one(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no baseline; store one: python -m benchmarks.micro.store_baseline"):
        read_baseline(tmp_path / "baseline.json")


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"medians": [1.0] * 4, "quartiles": [[1, 1]] * 4}, "at least 5"),
        ({"medians": [1.0, 0.0, 1.0, 1.0, 1.0], "quartiles": [[1, 1]] * 5}, "a number above 0"),
        ({"medians": [1.0] * 5, "quartiles": [[1, 1]] * 4}, "5 medians, but 4 pairs"),
        ({"medians": [1.0] * 5, "quartiles": [[1, 1]] * 5, "mean": 1}, "mean: Extra inputs"),
    ],
)
def test_a_damaged_baseline_is_refused(tmp_path: Path, spoilt: dict[str, object], message: str) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(baseline_of(test_a=STORED), path)
    told = json.loads(path.read_text())
    told["benchmarks"]["test_it.py::test_a"] = {"yardstick": "loop", **spoilt}
    path.write_text(json.dumps(told))
    with pytest.raises(BenchError, match=message):
        read_baseline(path)


def test_runs_are_merged_only_when_they_are_enough_and_alike() -> None:
    run = {"a": ratio(1.0), "b": ratio(2.0)}
    assert merged([run] * 5)["b"].medians == [2.0] * 5
    with pytest.raises(BenchError, match="4 runs tell no spread; a baseline needs 5 at least"):
        merged([run] * 4)
    with pytest.raises(BenchError, match="b: measured in 4 of 5 runs; a baseline needs all"):
        merged([*[run] * 4, {"a": ratio(1.0)}])
    with pytest.raises(BenchError, match="no run measured anything"):
        merged([{}] * 5)


def test_runs_too_far_apart_are_no_baseline() -> None:
    runs = [{"a": ratio(1.0), "b": ratio(median)} for median in (1.0, 1.5, 2.0, 1.2, 2.4)]
    with pytest.raises(BenchError, match="^b: one more run of the same code may lie anywhere from 0.5") as caught:
        merged(runs)
    assert "keep the machine quiet, or take a yardstick that the same things slow down" in str(caught.value)


def test_a_sleep_twice_as_long_has_the_ratio_two(tmp_path: Path) -> None:
    status, out = ran(tmp_path, SLEEPING, f"--save-run={tmp_path / 'run.json'}")
    assert status == 0, out
    (told,) = json.loads((tmp_path / "run.json").read_text()).values()
    assert told["yardstick"] == "sleep of 5 ms"
    assert told["pairs"] >= 11
    assert 1.5 < told["median"] < 2.5
    assert 0.010 <= told["call_seconds"] < 0.030


def test_what_became_slow_fails_the_run(tmp_path: Path) -> None:
    stored = Stored(yardstick="sleep of 5 ms", medians=[0.51, 0.5, 0.49, 0.5, 0.5], quartiles=[(0.5, 0.5)] * 5)
    write_baseline(baseline_of(test_double=stored), tmp_path / "baseline.json")
    status, out = ran(tmp_path, SLEEPING, f"--baseline={tmp_path / 'baseline.json'}")
    assert status == 1
    assert "TOO SLOW" in out
    assert "test_it.py::test_double: takes " in out


def test_what_is_as_it_was_passes_whatever_else_is_stored(tmp_path: Path) -> None:
    stored = Stored(yardstick="sleep of 5 ms", medians=[1.9, 2.1, 2.0, 2.0, 2.0], quartiles=[(1.9, 2.1)] * 5)
    write_baseline(baseline_of(test_double=stored, test_gone=stored), tmp_path / "baseline.json")
    status, out = ran(tmp_path, SLEEPING, f"--baseline={tmp_path / 'baseline.json'}")
    assert status == 0, out
    (line,) = (line for line in out.splitlines() if line.startswith("test_it.py::test_double"))
    assert line.split()[-1] in ("~", "slower", "faster")


def test_nothing_measured_goes_missing(tmp_path: Path) -> None:
    # pytest-benchmark leaves the first out of its JSON, and never hears of the yardstick in the second.
    text = (
        "def test_raising(against):\n    against(None, 1)\n\n\ndef test_alone(benchmark):\n    benchmark(lambda: 1)\n"
    )
    write_baseline(baseline_of(test_raising=STORED), tmp_path / "baseline.json")
    status, out = ran(tmp_path, text, f"--baseline={tmp_path / 'baseline.json'}")
    assert status == 1
    assert "test_it.py::test_alone: measured no ratio; call the fixture `against` in it" in out
    assert any("test_raising" in line and line.endswith("failed") for line in out.splitlines())
    status, out = ran(tmp_path, text, f"--baseline={tmp_path / 'baseline.json'}", "-x")
    assert status == 1
    assert any("test_alone" in line and line.endswith("not run") for line in out.splitlines())


def test_disabled_benchmarks_run_once_and_compare_nothing(tmp_path: Path) -> None:
    text = "from benchmarks.micro.yardsticks import python_loop\ncalls = []\n\n\n"
    text += "def test_once(against):\n    against(python_loop(), lambda: calls.append(1))\n    assert calls == [1]\n"
    status, out = ran(tmp_path, text, "--benchmark-disable", f"--baseline={tmp_path / 'missing.json'}")
    assert status == 0, out
    assert "baseline" not in out


def test_storing_merges_runs_and_tells_where_they_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    medians = iter([1.0, 1.1, 0.9, 1.0, 1.0])
    monkeypatch.setattr(store_baseline, "_run", lambda *_where: {"test_it.py::test_a": ratio(next(medians))})
    store_baseline.store(tmp_path, tmp_path / "baseline.json", 5)
    stored = read_baseline(tmp_path / "baseline.json")
    assert stored.benchmarks["test_it.py::test_a"].medians == [1.0, 1.1, 0.9, 1.0, 1.0]
    assert stored.machine["processor"]
    assert stored.versions["numpy"]


def test_nothing_is_stored_of_a_run_that_failed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_failing():\n    assert False\n")
    shutil.copy(MICRO / "conftest.py", tmp_path)
    with pytest.raises(BenchError, match="a run failed, as pytest says above; nothing is stored"):
        store_baseline.store(tmp_path, tmp_path / "baseline.json", 5)
    assert not (tmp_path / "baseline.json").exists()


def test_yardsticks_do_their_work() -> None:
    image, file = Image.new("RGB", (40, 30)), BytesIO()
    image.save(file, "PNG")
    made = {
        "Python loop of 10,000": python_loop(),
        "product 2x3x4": product_of(2, 3, 4),
        "sort of 1,000": sorted_numbers(1000),
        "Pillow resizing to 10x20": pillow_resizing(image, (10, 20)),
        "Pillow decoding 0 kB": pillow_decoding(file.getvalue()),
    }
    results = {name: yardstick.call() for name, yardstick in made.items()}
    assert [yardstick.name for yardstick in made.values()] == list(made)
    assert results["product 2x3x4"].shape == (2, 4)
    assert results["Pillow resizing to 10x20"].size == (20, 10)
    assert len(json_loads(7).call()) == 7
    with pytest.raises(Exception, match="cannot identify image"):
        pillow_decoding(b"no image").call()
    assert isinstance(made["sort of 1,000"], Yardstick)


def test_the_stored_baseline_is_of_the_benchmarks_that_are_there() -> None:
    command = [sys.executable, "-m", "pytest", str(MICRO), "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=MICRO.parents[1], timeout=120, check=True)
    collected = {line.rpartition("/")[2] for line in done.stdout.splitlines() if "::" in line}
    stored = set(read_baseline(MICRO / "baselines" / "baseline.json").benchmarks)
    assert len(collected) > 20
    assert collected == stored, "store a new baseline: python -m benchmarks.micro.store_baseline"
