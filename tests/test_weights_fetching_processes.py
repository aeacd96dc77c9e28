"""Whatever ends a process that fetches, and however many fetch at once, each byte is downloaded once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_server import HostileServer, Page
from made_up_weights import CONTENT, VARIABLES, sha256

NAME, PATH = "net.caffemodel", "/net.caffemodel"
HERE = Path(__file__).parent


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def fetcher(server: HostileServer, store: Path, *before: str) -> subprocess.Popen[str]:
    surroundings = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    own = {"FACEPORT_WEIGHTS": str(store), "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))}
    command = [sys.executable, str(HERE / "made_up_weights.py"), server.url(PATH), NAME, sha256(CONTENT), *before]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE.parent, env=surroundings | own
    )


def slow() -> Page:
    """Return a page whose end does not come before a test has done something."""
    return Page(CONTENT, piece_bytes=2**16, stall_after=200_000, stalls=1)


def part(store: Path) -> Path:
    return store / ".downloads" / "made-up" / f"{NAME}.part"


def wait_for_bytes(process: subprocess.Popen[str], store: Path, count: int) -> None:
    while not part(store).exists() or part(store).stat().st_size < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def ended(process: subprocess.Popen[str]) -> dict[str, dict[str, str]]:
    """Wait for a process that fetches all, check what it left, and return what it says."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    told: dict[str, dict[str, str]] = json.loads(out)
    assert told["hashes"] == {NAME: sha256(CONTENT)}
    return told


def check_left(store: Path) -> None:
    assert (store / "made-up" / NAME).read_bytes() == CONTENT
    assert {path.name for path in (store / "made-up").iterdir()} == {NAME, "files.json"}
    assert list((store / ".downloads").iterdir()) == []


def test_of_two_processes_one_fetches_and_the_other_finds(server: HostileServer, store: Path) -> None:
    server.pages[PATH] = Page(CONTENT, piece_bytes=2**16, pause_seconds=0.2)
    first = fetcher(server, store)
    wait_for_bytes(first, store, 1)
    second = fetcher(server, store)
    sources = [ended(process)["sources"] for process in (first, second)]
    assert sources == [{NAME: server.url(PATH)}, {}]
    assert server.targets == [PATH]
    check_left(store)


def test_the_one_that_waits_goes_on_when_the_other_is_killed(server: HostileServer, store: Path) -> None:
    server.pages[PATH] = slow()
    first = fetcher(server, store)
    wait_for_bytes(first, store, 100_000)
    second = fetcher(server, store)
    first.kill()
    first.communicate()
    assert ended(second)["sources"] == {NAME: server.url(PATH)}
    assert server.ranges[0] == ""
    assert server.ranges[1].startswith("bytes=")
    check_left(store)


def test_a_killed_download_is_continued(server: HostileServer, store: Path) -> None:
    server.pages[PATH] = slow()
    with fetcher(server, store) as killed:
        wait_for_bytes(killed, store, 100_000)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    assert not (store / "made-up").exists()
    come = part(store).stat().st_size
    assert part(store).read_bytes() == CONTENT[:come]
    ended(fetcher(server, store))
    assert server.ranges == ["", f"bytes={come}-"]
    check_left(store)


def test_an_interrupted_download_is_continued(server: HostileServer, store: Path) -> None:
    server.pages[PATH] = slow()
    with fetcher(server, store) as interrupted:
        wait_for_bytes(interrupted, store, 100_000)
        interrupted.send_signal(signal.SIGINT)
        _, err = interrupted.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    come = part(store).stat().st_size
    assert {path.name for path in part(store).parent.iterdir()} == {f"{NAME}.part", f"{NAME}.part.json", ".unpacked"}
    ended(fetcher(server, store))
    assert server.ranges == ["", f"bytes={come}-"]
    check_left(store)


def test_what_fits_on_a_full_disk_is_kept(server: HostileServer, store: Path) -> None:
    with fetcher(server, store, "100000") as full:
        _, err = full.communicate(timeout=60)
    assert full.returncode == 1
    assert "File too large; what has come so far is kept: make room there and fetch again" in err
    assert part(store).read_bytes() == CONTENT[:100_000]
    ended(fetcher(server, store))
    assert server.ranges == ["", "bytes=100000-"]
    check_left(store)


def test_files_of_processes_that_were_killed_are_cleared_away(server: HostileServer, store: Path) -> None:
    folder = part(store).parent
    (folder / ".unpacked").mkdir(parents=True)
    (folder / ".unpacked" / "half").write_bytes(b"half")
    (folder / "tmpa1b2c3").write_bytes(b"half")
    server.pages[PATH] = slow()
    with fetcher(server, store) as killed:
        wait_for_bytes(killed, store, 1)
        killed.kill()
    assert {path.name for path in folder.iterdir()} - {f"{NAME}.part", f"{NAME}.part.json", ".unpacked"} <= {
        path.name for path in folder.glob("tmp*") if path.stat().st_size == 0
    }
    assert list((folder / ".unpacked").iterdir()) == []
    ended(fetcher(server, store))
    check_left(store)
