"""Ctrl-C and termination: one exception for all of them, never in the middle of a step that must be whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end.

    A class of its own: once a plain KeyboardInterrupt has passed through `exec`, Python ends by the signal in any case.
    """


_received: list[int] = []
_held_back: list[int] = []


def install() -> None:
    """Turn Ctrl-C, termination and a lost terminal into an exception, so that what is half-written is removed."""
    for number in SIGNALS:
        # A shell starts background jobs with SIGINT ignored, nohup does so with SIGHUP: leave it so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def ignore() -> None:
    """Let no further signal disturb the end of the program."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def received() -> bool:
    """Whether a signal has come, even if a library swallowed the exception."""
    return bool(_received)


def check() -> None:
    """Raise Interrupted if a signal has come whose exception was lost on the way."""
    if _received:
        raise Interrupted


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and termination back until the block is done, then let them through."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python raises KeyboardInterrupt in the main thread alone
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # Handlers are swapped, signals not masked: a mask would hold for this thread alone, and libraries start others.
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _hold_back)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _held_back:
            number = _held_back.pop()
            _held_back.clear()
            signal.raise_signal(number)


def _raise(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    raise Interrupted


def _hold_back(number: int, _frame: FrameType | None) -> None:
    _held_back.append(number)
