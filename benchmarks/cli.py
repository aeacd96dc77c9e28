"""The command line: `bench`, the same as `python -m benchmarks`."""

from typing import Any

from converters.command_line import exits


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused, failed or stale, 2 wrong usage."""
    exits.run("bench", _application)


def _application() -> Any:
    from benchmarks.command_line.commands import build_app

    return build_app()
