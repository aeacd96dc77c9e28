"""One child process: started apart from us, waited for without polling, ended with everything it started."""

import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from benchmarks.machine import groups
from converters.files.interrupts import uninterrupted

TAIL_BYTES = 4000
# How long a process that is asked to end may take to say where it was, or to clean up.
GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class Ended:
    """How a process ended. `exit_status` is negative for a signal, as in `subprocess`.

    `processor_seconds` are of the process and of all its children that it waited for; `tail` is the end of what it
    wrote to stdout and stderr. `out_of_memory`: the kernel counted a killing for want of memory meanwhile.
    """

    exit_status: int
    seconds: float
    processor_seconds: float
    tail: str
    timed_out: bool = False
    out_of_memory: bool = False

    @property
    def signal_name(self) -> str:
        """Return the name of the signal that ended the process, "" if none did."""
        if self.exit_status >= 0:
            return ""
        try:
            return signal.Signals(-self.exit_status).name
        except ValueError:
            return f"signal {-self.exit_status}"


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours in a fresh interpreter."""
    return [sys.executable, "-m", module, *arguments]


def run(command: Sequence[str], environment: Mapping[str, str], timeout_seconds: float) -> Ended:
    """Run a command with this environment alone, and return when it has ended or was killed for taking too long.

    It gets a session of its own, so that Ctrl-C reaches us only; whatever ends our waiting ends its whole group. Its
    output goes to a file: a pipe would have to be emptied, which wakes us while it measures.
    """
    kills = groups.memory_kills()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        exit_status, timed_out = _watched(command, environment, output, timeout_seconds)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Ended(
            exit_status=exit_status,
            seconds=seconds,
            processor_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            tail=_tail(output),
            timed_out=timed_out,
            out_of_memory=exit_status == -signal.SIGKILL and not timed_out and groups.memory_kills() > kills,
        )


def _watched(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes], timeout_seconds: float
) -> tuple[int, bool]:
    """Run a process to its end, leaving nothing of its group; return its exit status, and whether it was killed."""
    process = None
    try:
        with uninterrupted():
            process = _started(command, environment, output)
        if ended(process, timeout_seconds):
            timed_out = False
        else:
            timed_out = True
            _signal_group(process, signal.SIGABRT)  # with PYTHONFAULTHANDLER it says where each thread is
            ended(process, GRACE_SECONDS)
    except BaseException:
        if process is not None:
            _signal_group(process, signal.SIGTERM)
            ended(process, GRACE_SECONDS)
        raise
    finally:
        if process is not None:
            # Before the process is reaped: until then its number, which is the group's, cannot be given to another.
            _signal_group(process, signal.SIGKILL)
            process.wait()
    return process.returncode, timed_out


def _started(command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    _without_core_files(process.pid)
    return process


def ended(process: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    """Block until a process has ended, without waking up meanwhile and without reaping it; False after the time."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or one before 5.3
        return _ended_by_thread(process, timeout_seconds)
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(timeout_seconds * 1000))
    finally:
        os.close(descriptor)


def _ended_by_thread(process: "subprocess.Popen[bytes]", timeout_seconds: float) -> bool:
    """Let a thread block in the system's own wait: `Popen.wait` with a time limit would look again and again."""
    over = threading.Event()

    def wait() -> None:
        with suppress(ChildProcessError):  # killed for taking too long, and reaped while this thread slept
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    return over.wait(timeout_seconds)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # all of it has ended
    except PermissionError:
        process.send_signal(number)  # macOS says so of a group that holds nothing but a dead process


def _without_core_files(pid: int) -> None:
    """A crash with gigabytes of weights would write them to the disk while the next cell is measured."""
    if sys.platform == "linux":
        try:
            _, hard = resource.prlimit(pid, resource.RLIMIT_CORE)
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, hard))
        except ProcessLookupError:
            return  # it has ended already


def _tail(output: IO[Any]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL_BYTES))
    text: str = output.read().decode(errors="replace")
    return text if size <= TAIL_BYTES else "... " + text[text.find("\n") + 1 :]
