"""A training that is killed goes on to the same bytes."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from drawn_embeddings import drawn_embeddings
from heads.errors import TrainingError
from heads.recipes import load_recipe
from heads.training import classical
from heads.training.checkpoint import Checkpoints, resume_folder
from heads.training.options import TrainOptions
from heads.training.train import Trained, train

ROOT = Path(__file__).parent.parent
TORCH = torch.__version__  # needed below
# Fails when all is trained: the threshold is found only then.
OUT_OF_REACH = {"threshold": "f1", "abstain_band": (0.0, 0.001)}
# A process of its own: slow enough to be killed between two epochs, or in the midst of one.
SCRIPT = """
import sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests"]
import test_heads_training_resume as here
from heads.training.network_training import PassTraining
real = PassTraining._one_epoch
def slowly(self, team):
    time.sleep(0.1)
    return real(self, team)
PassTraining._one_epoch = slowly
here.whole(Path(sys.argv[1]))
"""


def whole(out: Path, **options: object) -> Trained:
    recipes = [
        load_recipe("logits-16-16").with_settings(epochs=12, stop_patience=3, learning_rate=0.01),
        load_recipe("mlp-1000-1000").with_settings(epochs=12, hidden=[9, 5], dropout=[0.2, 0.0], reduce_patience=1),
        load_recipe("linear"),
    ]
    return train(drawn_embeddings(300, 10), recipes, TrainOptions(seeds=2, **options), out)  # type: ignore[arg-type] # any


def assert_same(one: Trained, other: Trained) -> None:
    for before, after in zip(one.files, other.files, strict=True):
        assert before.read_bytes() == after.read_bytes(), before.name


def test_killed_at_any_time_it_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    expected = whole(tmp_path / "expected")
    out, kills = tmp_path / "head", 0
    for epochs in (2, 5):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(out), str(ROOT)], env={**os.environ})
        try:
            while process.poll() is None and epochs_done(out) < epochs:
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += process.returncode == -signal.SIGKILL
    assert kills == 2 and not out.exists() and epochs_done(out) >= 5
    again = whole(out)
    assert again.resumed and not expected.resumed
    assert_same(expected, again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "head"]


def epochs_done(out: Path) -> int:
    try:
        found = [Checkpoints.peek(path) for path in resume_folder(out).glob("pass-*.safetensors")]
    except FileNotFoundError:
        return 0  # the folder is renamed or removed at this moment
    return max((told["epoch"] for told in found if told), default=0)


def test_a_recipe_that_was_done_is_not_fitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = whole(tmp_path / "expected", abstain_accuracy=0.5)
    with pytest.raises(TrainingError, match="the threshold 0.* is not inside the abstention band 0 to 0.001"):
        whole(tmp_path / "head", **OUT_OF_REACH)
    monkeypatch.setattr(classical, "candidates", None)
    again = whole(tmp_path / "head", abstain_accuracy=0.5)  # what decides after training leaves training as it was
    assert again.resumed
    assert_same(expected, again)


def test_other_data_or_settings_begin_anew_and_say_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        whole(tmp_path / "head", **OUT_OF_REACH)
    found = whole(tmp_path / "head", dropout_seed=7)
    assert not found.resumed
    assert found.warnings[0] == ".head.training: an unfinished training with other data or settings was given up"


def test_what_is_not_whole_is_not_taken_up(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "head", "key")
    kept.save("part", {"a": np.arange(3)}, {"epoch": 1})
    (kept.folder / "cut.safetensors").write_bytes((kept.folder / "part.safetensors").read_bytes()[:-3])
    found = Checkpoints(tmp_path / "head", "key")
    assert found.load("cut") is None and found.load("none") is None
    arrays, told = found.load("part") or ({}, None)
    assert told == {"epoch": 1} and arrays["a"].tolist() == [0, 1, 2]
    assert not found.replaced and Checkpoints(tmp_path / "head", "other").replaced


def test_an_interruption_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, whole = Checkpoints(tmp_path / "head", "key"), Path.write_bytes

    def interrupted(path: Path, content: bytes) -> int:
        whole(path, content[:5])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.save("part", {}, {"epoch": 1})
    assert [path.name for path in kept.folder.iterdir()] == ["key.json"]


def test_a_full_disk_leaves_what_was_done_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Checkpoints(tmp_path / "head", "key")
    kept.save("part", {}, {"epoch": 1})
    whole = Path.write_bytes

    def half_written(path: Path, content: bytes) -> int:
        whole(path, content[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", half_written)
    with pytest.raises(TrainingError, match="No space left on device; it keeps what was done before"):
        kept.save("part", {}, {"epoch": 2})
    monkeypatch.undo()
    assert sorted(path.name for path in kept.folder.iterdir()) == ["key.json", "part.safetensors"]
    assert Checkpoints(tmp_path / "head", "key").load("part") == ({}, {"epoch": 1})


def test_writing_down_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, now = Checkpoints(tmp_path / "head", "key"), [0.0]
    monkeypatch.setattr("heads.training.checkpoint.time.monotonic", lambda: now[0])
    monkeypatch.setattr("heads.training.checkpoint.save", lambda *_: now.__setitem__(0, now[0] + 2.0) or b"")
    assert kept.due("part")
    kept.save("part", {}, {})
    assert not kept.due("part")
    now[0] += 19
    assert not kept.due("part")
    now[0] += 2
    assert kept.due("part")
