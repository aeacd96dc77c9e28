"""`bench` as people type it: results to tables, pictures, comparisons and documents; a run from end to end."""

import csv
import io
import json
from pathlib import Path

import pytest

import bench_records
from benchmarks import cli
from benchmarks.execution import runtimes
from benchmarks.execution.runtimes import Found
from benchmarks.records import folder as records
from benchmarks.runners import Device
from command_lines import Run, typed


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return typed("bench", cli.main, monkeypatch, capsys)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of hand-made results, in the folder where commands are typed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bench-results"
    for result in bench_records.suite():
        records.write(result, folder)
    return folder


OWN_RUNNER = '''
from benchmarks.runners.numpy_runner import NumPy


class Wrong(NumPy):
    """Answers a little off."""

    def values(self, answer):
        return {name: value * 1.001 for name, value in super().values(answer).items()}
'''


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A runner that somebody wrote in a module of their own, in the folder where commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_runner.py").write_text(OWN_RUNNER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_table_in_every_format(bench: Run, results: Path) -> None:
    del results
    assert "| opencv |" in bench("table", "--format", "md").out
    assert "<table" in bench("table", "--format", "html").out
    assert r"\begin{tabular" in bench("table", "--format", "latex").out
    lines = list(csv.DictReader(io.StringIO(bench("table", "--format", "csv").out)))
    documents = json.loads(bench("table", "--json").out)
    assert {line["runner"] for line in lines} == {result.runner for result in bench_records.suite()}
    assert documents == json.loads(bench("table", "--format", "json").out)


def test_rows_of_one_model_against_a_reference(bench: Run, results: Path) -> None:
    model = bench_records.suite()[0].model
    ended = bench("table", results, "--model", model, "--reference", "torch", "--columns", "brief")
    assert ended.status == 0 and "torch" in ended.out
    ended = bench("table", results, "--model", "vgg-fase")
    assert ended.status == 2 and "no row has the model 'vgg-fase'" in ended.err


def test_the_fastest_faithful_way_is_named(bench: Run, results: Path) -> None:
    model = bench_records.suite()[0].model
    told = json.loads(bench("best", model, results, "--json").out)
    ended = bench("best", model, results)
    assert ended.out.startswith(f"{told['best']['runner']}:{told['best']['call_path']} on cpu")
    assert "within 1e-05 of the largest value" in ended.out
    assert bench("best", model, results, "--max-loss", "2").status == 2


def test_two_ways_and_two_folders_are_compared(bench: Run, results: Path) -> None:
    within = bench("compare", "opencv", "torch", "--in", results)
    assert within.status == 0 and "opencv" in within.out
    ended = bench("compare", results)
    assert ended.status == 2 and "expected two things to compare" in ended.err
    ended = bench("compare", results, "nowhere")
    assert ended.status == 1 and "nowhere" in ended.err
    ended = bench("compare", "opencv:forward", "torch")
    assert ended.status == 2
    assert "opencv:forward, torch: there are no such folders; two ways of one run are compared with --in" in ended.err


def test_pictures_are_drawn(bench: Run, results: Path, tmp_path: Path) -> None:
    for path in records.files(results):
        if records.read(path).batch != 1:
            path.unlink()
    ended = bench("plot", results, "-o", tmp_path / "plots")
    assert ended.status == 0
    drawn = sorted((tmp_path / "plots").iterdir())
    assert {path.suffix for path in drawn} == {".svg", ".png"} and all(path.stat().st_size > 1000 for path in drawn)
    ended = bench("plot", results, "-o", tmp_path / "plots")
    assert ended.status == 1 and "--force" in ended.err


def test_what_is_published_is_checked_ever_after(bench: Run, results: Path, tmp_path: Path) -> None:
    first = records.read_all(results)[0]
    records.write(first.model_copy(update={"stderr_tail": "/home/somebody/x.py: a warning"}), results)
    told = bench("publish", "--as", "demo", "--force")
    assert told.status == 0
    folder = next((tmp_path / "benchmarks" / "results").glob("*/demo"))
    machine = folder.parent.name
    assert {each.key for each in records.read_all(folder)} == {each.key for each in records.read_all(results)}
    assert not any(each.stderr_tail for each in records.read_all(folder))
    place = f"benchmarks/results/{machine}/demo"
    readme = tmp_path / "README.md"
    readme.write_text(f"# Demo\n\n<!-- bench:table results={place} columns=brief -->\n<!-- bench:end -->\n")
    ended = bench("table", "--check", readme)
    assert ended.status == 1 and "README.md:3: is not what its results say" in ended.err
    assert "README.md: its tables were written anew" in bench("publish", place, "--as", "demo").out
    ended = bench("table", "--check", readme)
    assert ended.status == 0 and "1 table, as the results say" in ended.out
    readme.write_text(readme.read_text().replace("opencv", "opencvv"))
    assert bench("table", "--check", readme).status == 1


def test_publishing_again_leaves_no_result_of_before(bench: Run, tmp_path: Path, results: Path) -> None:
    assert bench("publish", "--as", "demo", "--force").status == 0
    folder = next((tmp_path / "benchmarks" / "results").glob("*/demo"))
    first, *rest = records.files(results)
    first.unlink()
    refused = bench("publish", "--as", "demo")
    assert refused.status == 1 and "--force" in refused.err and len(records.files(folder)) == len(rest) + 1
    assert bench("publish", "--as", "demo", "--force").status == 0
    assert [path.name for path in records.files(folder)] == [path.name for path in rest]
    (folder / "notes.txt").write_text("mine")
    refused = bench("publish", "--as", "demo", "--force")
    assert refused.status == 1 and "holds other things than results (notes.txt)" in refused.err
    assert len(records.files(folder)) == len(rest)


def test_results_of_uncommitted_files_are_not_published(bench: Run, tmp_path: Path, results: Path) -> None:
    for path in records.files(results):
        path.write_text(path.read_text().replace('"dirty": false', '"dirty": true'))
    ended = bench("publish", results, "--as", "demo")
    assert ended.status == 1 and "no commit holds" in ended.err
    assert not (tmp_path / "benchmarks").exists()


def test_a_run_from_end_to_end(bench: Run, own: None, tmp_path: Path) -> None:
    del own
    asked = ("--model", "vgg-face-tiny", "--runner", "numpy", "--runner", "own_runner:Wrong",
             "--rounds", "1", "--samples", "11", "--threads", "1", "--batch", "1", "--scenario", "latency")  # fmt: skip
    listed = bench("run", *asked, "--dry-run")
    assert "2 cells" in listed.out and not (tmp_path / "bench-results").exists()
    ended = bench("run", *asked)
    assert ended.status == 0, ended.err
    assert "1 refused" in ended.out and "own_runner:Wrong" in ended.out
    assert "differs from the reference" in ended.err or "parity" in ended.err
    again = bench("run", *asked)
    assert again.status == 1 and "--resume" in again.err
    resumed = bench("run", *asked, "--resume")
    assert resumed.status == 0 and "kept from before" in resumed.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--runner", "torhc"], "did you mean 'torch'"),
        (["--batch", "1,x"], "--batch 1,x: is to be whole numbers"),
        (["--precision", "fp23"], "--precision fp23"),
        (["--scenario", "latencyy"], "did you mean 'latency'"),
        (["--instructions", "avx512"], "did you mean 'avx2'"),
        (["--suite", "smokke"], "smokke"),
        (["--threads", "0.5"], "--threads 0.5"),
        (["--model", "x.caffemodel"], "weights alone are no network"),
        (["--head", "head"], "--head is given without --faces"),
    ],
)
def test_a_senseless_command_line_says_so(bench: Run, own: None, words: list[str], told: str) -> None:
    del own
    ended = bench("run", *words)
    assert ended.status == 2 and told in ended.err
    assert ended.err.count("error:") == 1


def test_results_that_are_none(bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "bench-results" in bench("table").err
    (tmp_path / "bench-results").mkdir()
    assert bench("table").status != 0
    (tmp_path / "bench-results" / "x.json").write_text("{")
    ended = bench("table")
    assert ended.status == 1 and "x.json" in ended.err


def test_runners_are_listed(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Found("onnxruntime", {"onnxruntime": "1.31.1"}, (Device("cpu"), Device("cuda:0", (), "no such device"))),
        Found("torch", {}, (), "is not installed; pip install 'faceport[torch]'", "torch"),
    ]
    monkeypatch.setattr(runtimes, "list_runners", lambda progress: [progress(each.runner) or each for each in found])
    ended = bench("list")
    assert "no such device" in ended.out and "faceport[torch]" in ended.out and "1.31.1" in ended.out
    assert [each["runner"] for each in json.loads(bench("list", "--json").out)] == ["onnxruntime", "torch"]


def test_the_machine_is_diagnosed(bench: Run) -> None:
    told = json.loads(bench("doctor", "--json").out)
    assert told["machine"]["threads_available"] >= 1 and isinstance(told["findings"], list)
    assert "threads available" in bench("doctor").out
