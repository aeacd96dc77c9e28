"""NumPy as a runtime: the reference itself, its threads bounded and read back."""

from pathlib import Path

import pytest
import threadpoolctl

from bench_runners import NODES, Answer, Ask, asked, run, source
from benchmarks.errors import BenchError
from benchmarks.runners import load


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    found = {}
    for threads in (1, 2):  # a BLAS may be started with fewer threads than it is asked for afterwards
        ask = Ask("numpy", source(), asked("numpy", "run", threads=threads))
        found |= run({str(threads): ask}, tmp_path_factory.mktemp("numpy"))
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_gives_the_reference_and_tells_its_threads(answers: dict[str, Answer], threads: int) -> None:
    found = answers[str(threads)]
    assert found.largest < 1e-6, found
    assert list(found.difference["3"]) == list(NODES)
    wanted = {"device": "cpu", "precision": "fp32-strict", "denormals": "keep"}
    assert found.read_back == wanted | ({"threads": threads} if blas() else {})


def blas() -> bool:
    return any(pool["user_api"] == "blas" for pool in threadpoolctl.threadpool_info())


def test_tells_its_blas(answers: dict[str, Answer]) -> None:
    assert bool(answers["1"].facts["blas"]) == blas()


def test_runs_on_the_cpu() -> None:
    (device,) = load("numpy").devices()
    assert (device.name, device.problem) == ("cpu", "")


def test_an_unknown_node_is_refused_with_the_nearest_name() -> None:
    files = {role: Path(path) for role, path in source().items()}
    runner = load("numpy")(files, ["fc77"], asked("numpy", "run"))
    runner.import_library()
    runner.read_weights()
    with pytest.raises(BenchError, match="'fc77'.*fc7"):
        runner.build()
