"""Command lines typed within the process of a test."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from converters.files import interrupts


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


def typed(
    name: str, main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Return what runs `main` as if `name` and some words had been typed; signals are left to the test's process."""
    for touching_signals in ("install", "ignore"):
        monkeypatch.setattr(interrupts, touching_signals, lambda: None)

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(int(end.value.code or 0), *capsys.readouterr())

    return run
