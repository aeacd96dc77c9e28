"""The command line: `heads`, the same as `python -m heads`."""

from typing import Any

from converters.command_line import exits


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused or failed, 2 wrong usage."""
    exits.run("heads", _application)


def _application() -> Any:
    from heads.command_line.commands import build_app

    return build_app()
