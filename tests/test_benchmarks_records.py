"""A folder of results: written whole or not at all, read with a word on every file that is none."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench_records import result, timed
from benchmarks.errors import BenchError
from benchmarks.records import folder
from benchmarks.records.result import SCHEMA


def refused(path: Path) -> list[str]:
    with pytest.raises(BenchError) as caught:
        folder.read_all(path)
    return caught.value.problems


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    results = timed("onnxruntime", [10.0, 11.0])
    paths = [folder.write(each, tmp_path / "new" / "results") for each in results]
    assert [path.name for path in paths] == [f"{each.key}.json" for each in results]
    assert folder.read_all(tmp_path / "new" / "results") == results


def test_results_come_in_the_order_of_their_start(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        folder.write(result(number=number), tmp_path)
    assert [each.round for each in folder.read_all(tmp_path)] == [1, 2, 3]


def test_files_can_be_read_by_everybody_that_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert folder.write(result(), tmp_path).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.write(result(), tmp_path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BenchError, match=r"\.json: cannot be written: No space left on device"):
        folder.write(result(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_half_written_and_other_files_are_no_results(tmp_path: Path) -> None:
    folder.write(result(), tmp_path)
    (tmp_path / ".abc.json.x.partial").write_text("{", encoding="utf-8")
    (tmp_path / ".hidden.json").write_text("{", encoding="utf-8")
    (tmp_path / "README.md").write_text("results", encoding="utf-8")
    assert len(folder.read_all(tmp_path)) == 1


def test_every_file_that_is_no_result_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    whole = json.loads(result().model_dump_json())
    wrong = {
        "cut": json.dumps(whole, indent=1)[:300],
        "list": "[1, 2]",
        "foreign": '{"name": "faceport", "version": 1, "files": [], "more": 0}',
        "empty": "{}",
        "newer": json.dumps({**whole, "schema_version": SCHEMA + 1, "colour": "red"}),
        "lacking": json.dumps({name: value for name, value in whole.items() if name not in ("model", "runner")}),
        "inventing": json.dumps({**whole, "measured": {**whole["measured"], "status": "splendid", "speed": 3}}),
    }
    for name, text in wrong.items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    folder.write(result(), tmp_path)
    told = {problem.split(".json")[0].rpartition("/")[2]: problem for problem in refused(tmp_path)}
    assert set(told) == {*wrong, "bytes"}
    assert "cut.json:" in told["cut"]
    assert "is no JSON" in told["cut"]
    assert "so this file was changed or cut afterwards" in told["cut"]
    assert "it holds a list, expected an object" in told["list"]
    assert "it holds the keys 'name', 'version', 'files' ...; take it out of the folder" in told["foreign"]
    assert "it holds nothing" in told["empty"]
    assert f"schema {SCHEMA + 1}, this one reads {SCHEMA}; upgrade faceport" in told["newer"]
    assert "colour" not in told["newer"]
    assert "model: field required; runner: field required" in told["lacking"]
    assert "measured.status" in told["inventing"]
    assert "measured.speed: extra inputs are not permitted" in told["inventing"]
    assert "is no JSON" in told["bytes"]


def test_a_folder_without_results_is_a_mistake_in_a_path(tmp_path: Path) -> None:
    assert refused(tmp_path) == [
        f"{tmp_path}: holds no results; `bench run` writes one .json file for each cell and round"
    ]
    assert "there is no such folder" in refused(tmp_path / "none")[0]
    file = tmp_path / "file"
    file.touch()
    assert "is no folder" in refused(file)[0]


def test_files_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert refused(tmp_path) == [f"{tmp_path / 'a.json'}: cannot be read: Is a directory"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"cannot be written: (Not a directory|File exists)"):
        folder.write(result(), tmp_path / "file")
