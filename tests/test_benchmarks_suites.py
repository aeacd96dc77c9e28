"""Suites as TOML: those of the package are sound, and what is wrong in one of somebody's own is told at once."""

from pathlib import Path

import pytest

import prototxt
from benchmarks.cells import Limits
from benchmarks.errors import UsageError
from benchmarks.execution.request import Choice
from benchmarks.runners import RUNNERS, load
from benchmarks.suites import built_in, load_suite

LEAST = 'models = ["vgg-face-tiny"]\nscenarios = ["latency"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_suite(written(folder, text))
    return [problem.removeprefix(f"{folder}/own.toml") for problem in caught.value.problems]


def test_the_suites_of_this_package() -> None:
    assert built_in() == ["cpu", "full", "gpu", "smoke"]


@pytest.mark.parametrize("name", ["cpu", "full", "gpu", "smoke"])
def test_each_suite_names_what_there_is_and_says_what_it_is_for(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert len(suite.description) > 20
    for (model,) in suite.models:
        assert prototxt.find(model).weights is not None  # it can be measured without anything else
    for text in suite.runners:
        choice = Choice.parse(text)
        assert choice.call_path in ("", "*") or choice.call_path in load(choice.runner).call_paths


def test_the_smallest_suite_has_a_default_for_everything_else(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path, LEAST))
    assert suite.name == "own"
    assert suite.runners == tuple(RUNNERS)
    assert (suite.devices, suite.batches, suite.precisions) == (("cpu",), (1,), ("fp32-strict",))
    assert (suite.threads, suite.instructions) == ((0,), ("all",))
    assert suite.limits == Limits()


def test_all_that_can_be_said_is_read(tmp_path: Path) -> None:
    text = """
        description = "mine"
        models = ["vgg-face-tiny", ["a.prototxt", "a.caffemodel"]]
        runners = ["torch:*", "module:Class"]
        devices = ["cpu", "cuda:1"]
        batches = [1, 4]
        precisions = ["fp32-strict", "bf16"]
        threads = [1, "all"]
        instructions = ["all", "avx2"]
        scenarios = ["latency", "peak"]
        rounds = 7
        busy_fraction = 0.25
        repeats = 0
        [limits]
        samples = 130
        seconds = 2.5
    """
    suite = load_suite(written(tmp_path, text))
    assert suite.models == (("vgg-face-tiny",), ("a.prototxt", "a.caffemodel"))
    assert suite.runners == ("torch:*", "module:Class")
    assert (suite.threads, suite.instructions) == ((1, 0), ("all", "avx2"))
    assert (suite.rounds, suite.busy_fraction, suite.repeats) == (7, 0.25, 0)
    assert suite.limits == Limits(samples=130, seconds=2.5)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """
        scenarios = ["latency", "latensy"]
        runers = ["torch"]
        batches = [0]
        precisions = []
        rounds = "many"
        [limits]
        second = 2
        steady_fraction = 3
    """
    told = "\n".join(problems(tmp_path, text))
    assert ": models: is missing, beside scenarios, runers" in told
    assert ": scenarios.1: 'latensy' does not do: input should be 'latency'" in told
    assert "did you mean 'latency'?" in told
    assert ": runers: there is no such key; did you mean 'runners'?" in told
    assert ": batches.0: 0 does not do: input should be greater than or equal to 1" in told
    assert ": precisions: [] does not do" in told
    assert ": rounds: 'many' does not do" in told
    assert ": limits.second: there is no such key; did you mean 'seconds'?; there are samples" in told
    assert ": limits.steady_fraction: 3 does not do: input should be less than 1" in told
    assert len(told.splitlines()) == 8


def test_values_of_several_kinds_are_told_once(tmp_path: Path) -> None:
    told = problems(tmp_path, LEAST + 'threads = ["some"]\nrunners = "torch"\n')
    assert [line.split(":")[1].strip() for line in told] == ["runners", "threads.0"]


def test_what_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no suite 'smoek'; did you mean 'smoke'\?; those here are cpu, full"
    ):
        load_suite("smoek")
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read: No such file or directory"):
        load_suite(tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r"own\.toml: is no TOML: Invalid value \(at line 1"):
        load_suite(written(tmp_path, "models = oops"))
