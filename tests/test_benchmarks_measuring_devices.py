"""Devices and versions that are told, and the files between a benchmark and its processes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import bench_fakes
from benchmarks.cells import Settings, Task
from benchmarks.measuring import devices
from benchmarks.measuring.outcome import write_json


@pytest.mark.parametrize(
    ("runner", "problem"),
    [
        ("bench_fakes:Missing", "no_such_runtime is not installed"),
        ("bench_fakes:Broken", "the library of bench_fakes:Broken is broken: libnative.so.13: cannot open shared"),
        ("nmpy", "there is no runner 'nmpy'; did you mean 'numpy'?"),
    ],
)
def test_a_runner_that_cannot_be_used_is_told_with_its_problem(runner: str, problem: str) -> None:
    told = devices.devices(runner)
    assert told["problem"].startswith(problem) and told["devices"] == []


def test_packages_that_are_not_installed_have_no_version() -> None:
    assert devices.versions(("numpy", "no-such-runtime")) == {"numpy": np.__version__}


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json({"a": 1}, tmp_path / "out.json")
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json({"a": math.nan}, tmp_path / "out.json")
    with pytest.raises(OSError, match="out.json"):
        write_json({"a": 1}, tmp_path / "none" / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_settings_survive_the_way_to_the_process(tmp_path: Path) -> None:
    task = bench_fakes.task(tmp_path, threads=2, batch=8)
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task
    assert task.settings == Settings(threads=2) and task.batch == 8
