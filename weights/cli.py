"""The command line: `weights`, the same as `python -m weights`."""

from typing import Any

from converters.command_line import exits


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused or failed, 2 wrong usage."""
    exits.run("weights", _application)


def _application() -> Any:
    from weights.command_line.commands import build_app

    return build_app()
