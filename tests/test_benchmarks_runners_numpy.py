"""NumPy as a runtime: the reference itself, its threads bounded and read back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import threadpoolctl

from bench_runners import NODES, Answer, Ask, asked, run, source
from benchmarks.errors import BenchError
from benchmarks.runners import load


def blas() -> bool:
    return any(pool["user_api"] == "blas" for pool in threadpoolctl.threadpool_info())


def openblas() -> bool:
    return any(pool["internal_api"] == "openblas" for pool in threadpoolctl.threadpool_info())


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


# A product that wakes all threads, then what they take of a processor in a tenth of a second without work.
RESTING = """
import time
import numpy as np
a = np.ones((1000, 1000), np.float32)
a @ a
start = time.process_time()
time.sleep(0.1)
print((time.process_time() - start) / 0.1)
"""


@pytest.mark.skipif(not openblas(), reason="NumPy has another BLAS here, whose threads wait in another way")
def test_threads_wait_for_work_as_they_were_asked_to() -> None:
    cores = {}
    for spinning in (False, True):
        variables = load("numpy").environment(asked("numpy", "run", threads=2, spinning=spinning))
        told = subprocess.check_output([sys.executable, "-c", RESTING], env={**os.environ, **variables}, text=True)
        cores[spinning] = float(told)
    assert cores[False] < 0.2
    assert cores[True] > 0.5 or os.cpu_count() == 1


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
