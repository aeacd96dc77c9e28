"""How a command line ends: the only place that exits, and that prints failures."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from converters.files import interrupts

FAILED = 1


def run(name: str, build_app: Callable[[], Any]) -> None:
    """Build the application, after Ctrl-C is taken care of, and run it: exit 0 done, 1 refused, 2 wrong usage."""
    interrupts.install()
    try:
        build_app()(prog_name=name)
    except BaseException as error:
        if interrupts.received():
            interrupts.ignore()
            _exit(["interrupted; nothing was left half-written"])
        if not isinstance(error, Exception):
            interrupts.ignore()  # all is done: libraries that take their time to end must not spoil it
            raise
        _report(error)


def _report(error: Exception) -> NoReturn:
    """Print one clear message for a failure, and exit."""
    import os
    import traceback

    if {"-v", "--verbose"}.intersection(sys.argv):
        traceback.print_exc()
    if isinstance(error, BrokenPipeError):
        # Who read the output has gone (`| head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILED) from error
    _exit(_problems(error), getattr(error, "exit_status", FAILED))


def _problems(error: Exception) -> Sequence[str]:
    from converters.errors import Refusal

    if isinstance(error, Refusal):
        return error.problems
    if isinstance(error, MemoryError):
        return ["the memory does not suffice for this model"]
    if isinstance(error, OSError):
        return [f"{error.filename}: {error.strerror}" if error.filename else str(error)]
    if isinstance(error, ImportError):
        return [f"a library is installed but cannot be loaded: {error}"]
    return [f"unexpected failure, please report it with the output of -v: {type(error).__name__}: {error}"]


def _exit(problems: Sequence[str], status: int = FAILED) -> NoReturn:
    mark = "\x1b[1;31merror:\x1b[0m" if sys.stderr.isatty() else "error:"
    for problem in problems:
        print(mark, problem, file=sys.stderr)
    raise SystemExit(status)
