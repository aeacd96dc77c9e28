"""What stands below a table: where its figures come from, and how to get them again."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

import bench_records as records
from benchmarks.cells import Settings
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows
from benchmarks.tables.footer import footer
from benchmarks.tables.making import table

pytest.importorskip("pandas", reason="could not import pandas, which statistics of accuracy need")

ALL = ("median_ms", "ratio", "difference", "share_of_peak_fraction", "accuracy_fraction", "mcnemar_p")


def below(results: Sequence[Result], columns: Sequence[str] = ALL) -> dict[str, str]:
    found = footer(rows(results), results, columns)
    assert len(dict(found)) == len(found), "each term once"
    return dict(found)


def on(machine: dict[str, Any], **fields: Any) -> Result:
    return records.result("torch", machine={**records.MACHINE, **machine}, **fields)


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    return below(records.suite())


def test_everything_is_told(told: dict[str, str]) -> None:
    assert list(told) == [
        "machine", "network tiny", "versions", "measured", "commit", "samples", "noise", "reference",
        "break-even batch", "difference", "peak", "head", "to repeat",
    ]  # fmt: skip
    assert told["machine"] == "Test CPU 3000, 8.00 GiB of memory, Linux 6.1, Python 3.11.9"
    assert told["network tiny"] == "1.00 million parameters, 50.0 million multiply-adds an image, sha256 aaaaaaaaaaaa"
    assert told["versions"].startswith("keras 3.15.1, numpy 2.4.0, onnxruntime 1.31.1"), "failed processes included"
    assert told["samples"].startswith("64 calls in each of 5 rounds")
    assert told["reference"].startswith("opencv:forward; ")
    assert "on 32 images" in told["difference"] and told["difference"].endswith("allowed: 1e-5 for fp32-strict")
    assert told["peak"].startswith("50.0 G multiply-adds/s in a matrix product, 10.0 GB/s in a copy (cpu, fp32-strict")
    assert told["head"].startswith("svm, on 200 faces; the positive label is female; McNemar")


def test_only_what_concerns_the_columns_is_told() -> None:
    assert list(below(records.suite(), ["peak_memory_bytes"])) == [
        "machine", "network tiny", "versions", "measured", "commit", "to repeat",
    ]  # fmt: skip


def test_days_and_commits_are_those_of_the_results() -> None:
    results = [
        records.result("torch", started="2026-11-02T23:59:00+00:00"),
        records.result("torch", number=1, started="2026-11-03T00:01:00+00:00", dirty=True),
    ]
    found = below(results)
    assert found["measured"] == "2026-11-02 to 2026-11-03"
    assert found["commit"] == "1234567890ab, 1234567890ab with uncommitted changes"


def test_a_machine_is_told_whole() -> None:
    gpu = {"name": "NVIDIA H100", "memory_bytes": 80 << 30, "driver": "580.95", "cuda": "13.0"}
    found = below([on({
        "logical_cores": 32, "threads_available": 16, "memory_limit_bytes": 4 << 30, "virtual": True,
        "governor": "performance", "turbo": False, "gpus": [gpu], "load_average": 0.3,
    })])  # fmt: skip
    assert found["machine"] == (
        "Test CPU 3000, 32 logical cores, 16 threads available, 8.00 GiB of memory, 4.00 GiB allowed, virtual, "
        "NVIDIA H100 with 80.0 GiB, driver 580.95, CUDA 13.0, Linux 6.1, Python 3.11.9, governor performance, turbo off"
    )


def test_several_machines_are_told_by_name_and_what_passes_makes_no_machine() -> None:
    found = below([
        on({"load_average": 0.1}), on({"load_average": 0.9}, number=1), on({"name": "other", "processor": "CPU 2"})
    ])  # fmt: skip
    assert [term for term in found if term.startswith("machine")] == ["machine bench-box", "machine other"]


def test_without_twins_the_noise_is_unknown() -> None:
    assert below(records.timed("torch", [10, 11]))["noise"] == "unknown: no cell was measured twice in each round"


def test_the_noise_floor_is_rounded_up_and_named_by_device(told: dict[str, str]) -> None:
    assert told["noise"].startswith("rows closer than 2.") and " % on cpu may well be equal" in told["noise"]


def test_one_round_has_no_intervals_and_says_so() -> None:
    assert below(records.timed("torch", [10]))["samples"].startswith("64 calls in one round: there are no intervals")


def test_each_precision_has_its_limit() -> None:
    int8 = records.result(
        "onnxruntime",
        asked=records.settings(precision="int8"),
        measured={"parity": records.parity(tolerance=None, difference=0.03)},
    )
    assert below([records.result("torch"), int8])["difference"].endswith("allowed: 1e-5 for fp32-strict, any for int8")


def test_the_command_names_all_cells() -> None:
    results = [
        *records.timed("torch", [10, 11, 12], model="a b", asked=records.settings("torch", threads=2)),
        records.result("onnxruntime", batch=8, scenario="throughput", asked=Settings(precision="int8")),
        records.peak(asked=Settings(threads=2)),
    ]
    command = shlex.split(dict(table(results, "speed").footer)["to repeat"])
    assert command == [
        "bench", "run", "--model", "a b", "--model", "tiny", "--runner", "onnxruntime:run", "--runner", "torch:eager",
        "--device", "cpu", "--batch", "1,8", "--precision", "fp32-strict,int8", "--threads", "1,2", "--scenario",
        "latency,throughput,peak", "--rounds", "3",
    ]  # fmt: skip


def test_the_command_names_a_model_that_came_as_files_as_it_was_given() -> None:
    network = {
        **records.NETWORK,
        "files": {"deploy.prototxt": 10, "net.caffemodel": 20},
        "stated_preprocessing": {},
        "preprocessing": {"channel_order": "BGR", "mean": [93.59400177, 104.7624, 129.1863], "scale": [1.0, 1.0, 1.0]},
    }
    result = records.result("torch", network=network)
    limits = {"samples": 20, "seconds": 4.0}
    result = result.model_copy(update={"configuration": {**result.configuration, "task": {"limits": limits}}})
    command = shlex.split(below([result])["to repeat"])
    assert command[2:10] == [
        "--model", "deploy.prototxt", "--model", "net.caffemodel", "--channel-order", "BGR", "--mean",
        "129.1863,104.7624,93.594",
    ]  # fmt: skip
    assert command[-4:] == ["--samples", "20", "--seconds", "4"]
    named = records.result("torch", network={**network, "named": True}, model="vgg-face-tiny")
    assert shlex.split(below([named])["to repeat"])[2:5] == ["--model", "vgg-face-tiny", "--runner"]


def test_the_command_names_nodes_that_were_asked_for_and_the_head() -> None:
    network = {**records.NETWORK, "asked_nodes": ["fc6", "pool 5"]}
    asked = [records.result("torch", network=network), records.result("torch", number=1, network=network)]
    assert " --node fc6 --node 'pool 5' --runner " in below(asked)["to repeat"]
    assert "--node" not in below([records.result("torch")])["to repeat"]
    assert " --head svm --faces FACES.csv --runner " in below(records.suite())["to repeat"]


def test_from_which_batch_on_rows_are_faster() -> None:
    at_1 = {"opencv": 10.0, "openvino": 8.0, "torch": 15.0, "onnxruntime": 20.0, "keras": 5.0}
    at_8 = {"opencv": 90.0, "openvino": 60.0, "torch": 70.0, "onnxruntime": 160.0, "keras": 95.0}
    shifts = (0.99, 1.0, 1.01, 1.0, 0.995)

    def measured(runners: Iterable[str], **asked: Any) -> list[Result]:
        return [
            result
            for batch, medians in ((1, at_1), (8, at_8))
            for runner in runners
            for result in records.timed(
                runner,
                [medians[runner] * shift for shift in shifts],
                batch=batch,
                asked=records.settings(runner, **asked),
            )
        ]

    results = measured(at_1)
    assert below(results)["break-even batch"] == (
        "faster than opencv:forward from batch 1 on: openvino:infer; from batch 1 on, though not at 8: keras:call; "
        "from batch 8 on: torch:eager; at none of the batches 1, 8: onnxruntime:run"
    )
    assert "break-even batch" not in below([result for result in results if result.batch == 1])
    bound = measured(("opencv", "torch"), instructions="avx2")
    first, second = below([*results, *bound])["break-even batch"].split(". ")
    assert first.startswith("tiny, bench-box, cpu, 1 threads: faster than opencv:forward from batch 1 on: ")
    assert second == (
        "tiny, bench-box, cpu, 1 threads, avx2: faster than opencv:forward avx2 from batch 8 on: torch:eager avx2"
    )


def paced(*rates: float, **fields: Any) -> Result:
    return on({"pace": [{"multiply_adds_per_second": rate} for rate in rates]}, **fields)


def test_the_slowest_pace_beside_a_sound_result_is_told() -> None:
    slowed = {"verdicts": ["the machine was slowed"]}
    results = [
        paced(100.0, 98.0), paced(95.0, 97.0, number=1), paced(50.0, 60.0, number=2, measured=slowed),
        on({"name": "other", "pace": [{"multiply_adds_per_second": 7.0}] * 2}, run="another"),
    ]  # fmt: skip
    told = "a fixed matrix product, before and after each cell, never ran below"
    assert below(results[:3])["pace"] == f"{told} 95.0 % of its fastest"
    assert below(results)["pace"].startswith(f"{told} ")
    assert "100 % on other" in below(results)["pace"]
    assert "pace" not in below(records.suite())


def test_the_fastest_pace_is_that_of_the_same_run() -> None:
    results = [paced(100.0, 100.0, run="old"), paced(50.0, 49.0, run="new", started="2026-11-03T00:00:00+00:00")]
    assert "below 98.0 % of its fastest" in below(results)["pace"]
