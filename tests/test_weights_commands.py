"""The command line of `weights`: what it shows, fetches, keeps and refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_lines import Run, typed
from converters.command_line import terminal
from published_models import NETWORK, NOWHERE, WEIGHTS, Published, digest, publish, served
from weights import cli
from weights.command_line import arguments, commands
from weights.fetching import obtaining


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(obtaining, "FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(terminal.out, "_width", 200)  # as wide as where nobody looks
    return typed("weights", cli.main, monkeypatch, capsys)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """Models whose addresses lead nowhere."""
    return publish(tmp_path, monkeypatch)


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    """Models that a server on loopback has."""
    with served(tmp_path / "published") as url:
        yield publish(tmp_path, monkeypatch, url)


def test_help_names_every_command_and_every_option_is_taken(run: Run) -> None:
    shown = run("--help")
    for command in ("list", "show", "fetch", "verify", "where", "remove", "add"):
        assert f" {command} " in shown.out
        assert run(command, "--help").status == 0
    taken = {name for command in commands.COMMANDS.values() for name in (*command.arguments, *command.options)}
    assert taken | set(arguments.ALWAYS) == {*arguments.ARGUMENTS, *arguments.OPTIONS}


@pytest.mark.usefixtures("published")
def test_list_is_a_table_of_all_models(run: Run) -> None:
    shown = run("list")
    assert shown.status == 0 and shown.err == ""
    rows = {line.split()[0]: line for line in shown.out.splitlines() if line.strip()}
    assert all(name in rows for name in ("vgg-face", "res10-fp16", "keras-vggface-senet50-notop", "tiny-face"))
    assert " 1.1 GB " in rows["vgg-face-mat"] and " ? " in rows["vgg-face"]
    assert " 5.4 MB+ " in rows["res10-fp16"]  # the size of its prototxt is not known
    assert rows["vgg-face"].split()[1:3] == ["vgg-face", "identity"] and " no " in rows["vgg-face"]
    assert "non-commercial" in rows["vgg-face"] and "MIT" in rows["mtcnn-p"]
    assert "0 here" in shown.out


def test_list_tells_what_is_here(run: Run, published: Published) -> None:
    run("add", "tiny-face", NETWORK, f"net.caffemodel={WEIGHTS}")
    run("add", "tiny-mat", published.mat)
    (published.store / "tiny-mat" / "net.mat").unlink()
    told = {row["name"]: row for row in json.loads(run("list", "--json").out)}
    assert told["tiny-face"]["here"] == "yes" and told["tiny-mat"]["here"] == "no"
    assert told["tiny-face"]["size_bytes"] == NETWORK.stat().st_size + WEIGHTS.stat().st_size
    assert (told["tiny-keras"]["fetchable"], told["vgg-face"]["fetchable"]) == (False, True)
    assert [row["name"] for row in json.loads(run("list", "--here", "--json").out)] == ["tiny-face"]
    only = run("list", "--family", "tiny")
    assert "4 models, 1 here" in only.out and "vgg-face" not in only.out.replace(str(published.store), "")
    wrong = run("list", "--family", "tinny")
    assert wrong.status == 2 and "there is no such family" in wrong.err


@pytest.mark.usefixtures("published")
def test_show_tells_everything_that_is_known(run: Run) -> None:
    shown = run("show", "vgg-face")
    assert shown.status == 0
    for word in (
        "VGG-Face, 16 layers, 2622 identities", "VGG_FACE.caffemodel", "md5 ee707ac6e890bc148cb155adeaad12be",
        "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/src/vgg_face_caffe.tar.gz", "nobody published its sha256",
        "channels BGR; crop 224x224 (height x width); minus 93.594 104.7624 129.1863 in that order; times 1",
        "in names.txt", "fc7: 4096 values", "Non-commercial research only", "BMVC 2015", "traps", "prlz77",
        "to be accepted once: weights fetch --accept-licence", "convert crosscheck vgg-face vgg-face-mat", "0.9464",
        "run: weights fetch vgg-face --accept-licence",
    ):  # fmt: skip
        assert word in shown.out


@pytest.mark.usefixtures("published")
def test_show_says_what_is_not_known(run: Run) -> None:
    by_hand = "sphereface_model.caffemodel (no hash published): no address is known; if you have it, run: weights add"
    assert by_hand in run("show", "sphereface-20").out
    assert "mean not known; scale not known" in run("show", "lightcnn-29").out
    assert "\npreprocessing\n  not known\n" in run("show", "deepface-vgg-face").out
    ages = run("show", "dex-age").out
    assert "101: 0, 1, 2, 3, 4, 5, 6, 7 ..." in ages and "mean not known" in ages
    assert "8: (0-2), (4-6)" in run("show", "age-net").out


def test_show_tells_what_is_here_and_what_was_recorded(run: Run, published: Published) -> None:
    run("add", "tiny-face", published.archive)
    shown = run("show", "tiny-face").out
    assert f"yes, in {published.store / 'tiny-face'}" in shown
    assert f"net.caffemodel: sha256 {digest(WEIGHTS)} (recorded here)" in shown
    told = json.loads(run("show", "tiny-face", "--json").out)
    assert told["recorded_sha256"]["net.caffemodel"] == digest(WEIGHTS) and told["here"] == "yes"
    assert told["pixels"]["mean"] == [10.0, 20.0, 30.0] and told["embeddings"] == {"fc7": 256}
    assert told["licence"]["non_commercial"] and not told["licence_accepted"]
    assert told["downloads"][0]["members"][1]["within"] == "*.caffemodel"


@pytest.mark.parametrize("command", ["show", "fetch", "verify", "where", "remove"])
@pytest.mark.usefixtures("published")
def test_an_unknown_name_is_told_with_the_nearest_one(run: Run, command: str) -> None:
    done = run(command, "tiny-fase")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: there is no published model 'tiny-fase'; did you mean 'tiny-face'?")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no-such-command"], "No such command"),
        (["show"], "Missing argument"),
        (["fetch"], "Missing argument"),
        (["add", "tiny-face"], "Missing argument"),
        (["list", "--offline"], "No such option"),
    ],
)
def test_wrong_usage_is_told(run: Run, words: list[str], message: str) -> None:
    done = run(*words)
    assert (done.status, done.out) == (2, "") and message in " ".join(done.err.split())


def test_fetching_asks_for_the_terms_once(run: Run, online: Published) -> None:
    refused = run("fetch", "tiny-face")
    assert (refused.status, refused.out) == (1, "")
    assert "Made up for tests, and to be accepted all the same." in refused.err
    assert not (online.store / "tiny-face").exists()
    done = run("fetch", "tiny-face", "--accept-licence")
    assert done.status == 0 and done.err == ""
    assert f"  net.caffemodel  {WEIGHTS.stat().st_size / 1000:.1f} kB  sha256 {digest(WEIGHTS)}\n" in done.out
    assert f"tiny-face is here: {online.store / 'tiny-face'}" in done.out
    again = run("fetch", "tiny-face")
    assert again.status == 0 and "tiny-face was here already" in again.out


def test_a_hash_that_nobody_published_is_shown_and_enforced(run: Run, online: Published) -> None:
    (online.folder / "age.caffemodel").write_bytes(b"\n\x00made up weights")
    strict = run("fetch", "tiny-age", "--require-hash")
    assert strict.status == 1 and "nobody published a hash of" in strict.err
    done = run("fetch", "tiny-age")
    assert done.status == 0 and digest(online.folder / "age.caffemodel") in done.out
    assert "nobody published a hash of age.caffemodel: the one above was recorded" in done.out
    assert "no address is known of age.prototxt; the network does without" in done.out
    run("remove", "tiny-age")
    (online.folder / "age.caffemodel").write_bytes(b"\n\x00other weights")
    changed = run("fetch", "tiny-age")
    assert changed.status == 1 and not (online.store / "tiny-age" / "age.caffemodel").exists()
    run("remove", "tiny-age", "--forget")
    assert run("fetch", "tiny-age").status == 0


def test_one_model_that_fails_does_not_keep_the_others_away(run: Run, online: Published) -> None:
    done = run("fetch", "tiny-age", "tiny-mat", "--accept-licence", "--json")
    assert done.status == 1 and "404" in done.err
    (told,) = json.loads(done.out)
    assert told["name"] == "tiny-mat" and told["sha256"] == {"net.mat": digest(online.mat)}
    assert told["first_seen"] == [] and told["sources"]["net.mat"].endswith("/net.mat")


def test_offline_opens_no_address(run: Run, published: Published) -> None:
    absent = run("fetch", "tiny-mat", "--offline", "--accept-licence")
    assert absent.status == 1 and NOWHERE not in absent.err and "weights add tiny-mat" in absent.err
    run("add", "tiny-mat", published.mat)
    assert run("fetch", "tiny-mat", "--offline").status == 0


def test_verify_finds_what_has_changed(run: Run, published: Published) -> None:
    assert run("verify").out == "no model is here; `weights list` shows those that could be\n"
    run("add", "tiny-face", published.archive)
    run("add", "tiny-mat", published.mat)
    good = run("verify")
    assert good.status == 0 and good.out.count(" ok ") == 4
    (published.store / "tiny-face" / "names.txt").write_text("other names")
    (published.store / "tiny-mat" / "net.mat").unlink()
    bad = run("verify", "tiny-face", "tiny-mat", "--json")
    told = json.loads(bad.out)
    assert bad.status == 1
    assert {row["file"]: row["state"] for row in told["tiny-face"]} == {
        "net.prototxt": "ok", "net.caffemodel": "ok", "names.txt": "changed",
    }  # fmt: skip
    assert [row["state"] for row in told["tiny-mat"]] == ["missing"]
    assert "names.txt: has changed: sha256" in bad.err and "weights remove tiny-face" in bad.err
    assert "net.mat: is missing; run: weights fetch tiny-mat" in bad.err
    assert "changed" in run("verify", "tiny-face").out


@pytest.mark.usefixtures("published")
def test_verify_of_a_model_that_never_was_here_says_how_to_get_it(run: Run) -> None:
    done = run("verify", "tiny-mat")
    assert done.status == 1 and "'tiny-mat' is not here; to get them, run: weights fetch tiny-mat" in done.err


def test_a_file_without_any_hash_is_called_so(run: Run, published: Published) -> None:
    folder = published.store / "tiny-keras"
    folder.mkdir(parents=True)
    (folder / "net.h5").write_bytes(b"0123456789")
    done = run("verify")
    assert done.status == 0 and "unrecorded" in done.out and "`weights add NAME FILE` records one" in done.out
    assert run("add", "tiny-keras", folder / "net.h5").status == 0
    assert "unrecorded" not in run("verify").out


def test_where_prints_a_folder_and_nothing_else(run: Run, published: Published) -> None:
    assert run("where").out == f"{published.store}\n"
    absent = run("where", "tiny-mat")
    assert (absent.status, absent.out) == (1, "") and "weights fetch tiny-mat" in absent.err
    run("add", "tiny-mat", published.mat)
    assert run("where", "tiny-mat").out == f"{published.store / 'tiny-mat'}\n"
    told = json.loads(run("where", "tiny-mat", "--json").out)
    assert told["files"] == {"net.mat": str(published.store / "tiny-mat" / "net.mat")}


def test_remove_tells_what_is_gone(run: Run, published: Published) -> None:
    run("add", "tiny-mat", published.mat)
    told = json.loads(run("remove", "tiny-mat", "tiny-face", "--json").out)
    assert told[0]["freed_bytes"] == published.mat.stat().st_size and told[1]["removed"] == []
    assert run("remove", "tiny-mat").out == "tiny-mat: nothing was here\n"


def test_add_tells_the_hashes_and_what_is_lacking(run: Run, published: Published) -> None:
    part = run("add", "tiny-face", NETWORK)
    assert part.status == 0 and "tiny-face still lacks net.caffemodel" in part.out
    whole = run("add", "tiny-face", f"net.caffemodel={WEIGHTS}", "--json")
    assert json.loads(whole.out) == {
        "name": "tiny-face",
        "folder": str(published.store / "tiny-face"),
        "sha256": {"net.caffemodel": digest(WEIGHTS)},
        "here": True,
    }
    assert run("add", "tiny-face", "picture.png").status == 2
    linked = run("add", "tiny-mat", published.mat, "--link")
    assert f"sha256 {digest(published.mat)}" in linked.out
    assert (published.store / "tiny-mat" / "net.mat").readlink() == published.mat.resolve()
