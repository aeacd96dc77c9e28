"""The probe set: its batches, the inputs of timed calls, and files that do not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bench_fakes
from benchmarks.errors import BenchError
from benchmarks.measuring.probe import Probe, read_probe


def test_batches_cover_the_probe_set_and_fill_up() -> None:
    probe = Probe(bench_fakes.pictures(5), {})
    assert [batch.tolist() for batch in probe.batches(2)] == [[0, 1], [2, 3], [4, 0]]
    assert [batch.tolist() for batch in probe.batches(7)] == [[0, 1, 2, 3, 4, 0, 1]]


@pytest.mark.parametrize("images", [2, 3, 8, 12, 64])
@pytest.mark.parametrize("size", [1, 4, 32])
def test_timed_inputs_are_distinct(images: int, size: int) -> None:
    found = Probe(bench_fakes.pictures(images), {}).distinct(size)
    assert len({tuple(each.tolist()) for each in found}) == len(found) == min(8, images)
    assert {len(each) for each in found} == {size}


def test_a_probe_set_that_does_not_fit_is_refused_with_all_reasons(tmp_path: Path) -> None:
    task = bench_fakes.task(tmp_path)
    reference = np.full((2, 5), np.nan)
    np.savez(task.probe, inputs=np.zeros((1, 3, 8, 9)), **{"reference/fc": reference, "reference/prob": reference})
    with pytest.raises(BenchError) as refused:
        read_probe(task)
    told = "\n".join(refused.value.problems)
    assert "inputs are 1 of (3, 8, 9), expected at least 2 of (3, 8, 8)" in told
    assert "node 'fc' has 2 values for 1 inputs" in told and "the reference of node 'prob' is not finite" in told
    with pytest.raises(BenchError, match="probe.npz: the probe set has no reference of fc7"):
        read_probe(replace(task, nodes=("fc7",)))
    with pytest.raises(BenchError, match="nowhere.npz: the probe set is not there"):
        read_probe(replace(task, probe=str(tmp_path / "nowhere.npz")))
