"""One child process: how its end is seen, and that waiting for it costs nothing."""

import os
import resource
import signal
import sys
import threading
import time

import pytest

from benchmarks.execution import child, environment


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


@pytest.fixture(params=["pidfd", "thread"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait by a file descriptor of the process, and as systems do that have none."""
    if request.param == "thread":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.mark.usefixtures("_both_ways")
def test_waiting_neither_computes_nor_wakes_up() -> None:
    before, processor = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
    ended = child.run(python("import time; time.sleep(1.5)"), environment.clean(), 60)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert 1.5 <= ended.seconds < 10
    assert time.process_time() - processor < 0.1
    # Looking 20 times a second, as Popen.wait does with a time limit, would be 30 switches.
    assert after.ru_nvcsw - before.ru_nvcsw < 20


@pytest.mark.usefixtures("_both_ways")
def test_an_end_is_seen_at_once_and_as_it_was() -> None:
    ended = child.run(python("import sys; print('out'); sys.stderr.write('err'); sys.exit(7)"), environment.clean(), 60)
    assert (ended.exit_status, ended.signal_name, ended.timed_out, ended.out_of_memory) == (7, "", False, False)
    assert sorted(ended.tail.split()) == ["err", "out"]


@pytest.mark.usefixtures("_both_ways")
def test_what_takes_too_long_is_ended_with_all_that_it_started() -> None:
    code = "import os, time; print(os.fork(), flush=True); time.sleep(60)"
    ended = child.run(python(code), environment.clean(), 0.5)
    assert ended.timed_out
    assert ended.signal_name == "SIGABRT"
    grandchild = next(int(line) for line in ended.tail.splitlines() if line.isdecimal() and line != "0")
    assert not alive(grandchild)


def alive(pid: int) -> bool:
    """Say whether a process runs; it may take a moment to die, and nobody need have reaped it."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - shorter than Path here
                state = file.read().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True


def test_one_that_ignores_being_asked_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    code = "import signal, time; signal.signal(signal.SIGABRT, signal.SIG_IGN); time.sleep(60)"
    ended = child.run(python(code), environment.clean(), 0.5)
    assert ended.timed_out
    assert ended.signal_name == "SIGKILL"
    assert not ended.out_of_memory


def test_an_interruption_while_waiting_ends_the_process_and_goes_through() -> None:
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        child.run(python("import time; time.sleep(60)"), environment.clean(), 60)
    assert time.monotonic() - started < 10
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nothing of ours is left, not even a dead one


def test_processor_time_is_that_of_the_process_and_its_children() -> None:
    burn = "t = time.process_time()\nwhile time.process_time() - t < 0.3: pass"
    code = f"import os, time\npid = os.fork()\n{burn}\nif pid: os.wait()"
    assert 0.5 < child.run(python(code), environment.clean(), 60).processor_seconds < 1.5


def test_a_crash_leaves_no_core_file_behind() -> None:
    code = "import resource, time; time.sleep(0.2); print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    assert child.run(python(code), environment.clean(), 60).tail.split() == ["0"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("PATH", True), ("HOME", True), ("CUDA_VISIBLE_DEVICES", True), ("LD_LIBRARY_PATH", True),
        ("KERAS_HOME", True),
        ("OMP_NUM_THREADS", False), ("KMP_AFFINITY", False), ("TF_CPP_MIN_LOG_LEVEL", False), ("XLA_FLAGS", False),
        ("NVIDIA_TF32_OVERRIDE", False), ("KERAS_BACKEND", False), ("PYTHONDEVMODE", False),
        ("MALLOC_ARENA_MAX", False),
    ],
)  # fmt: skip
def test_what_tunes_runtimes_is_not_inherited(name: str, kept: bool) -> None:
    assert (name in environment.clean({name: "value"})) == kept
