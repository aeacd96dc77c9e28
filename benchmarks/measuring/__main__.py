"""`python -m benchmarks.measuring TASK.json MEASURED.json`, or `--devices RUNNER ANSWER.json`: one process, one cell.

Exit code 0 when the JSON was written, whatever it says; 2 for wrong usage. The process sets nothing about threads: who
starts it sets the environment before.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cells import Task
from benchmarks.measuring.devices import devices
from benchmarks.measuring.outcome import write_json
from benchmarks.measuring.process import measure

USAGE = "usage: python -m benchmarks.measuring TASK.json MEASURED.json | --devices RUNNER ANSWER.json\n"


def main(arguments: Sequence[str]) -> int:
    """Do what a command line says and return the exit code."""
    if len(arguments) == 3 and arguments[0] == "--devices":
        write_json(devices(arguments[1]), Path(arguments[2]))
    elif len(arguments) == 2 and not arguments[0].startswith("-"):
        task = Task.from_json(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
        write_json(measure(task).to_json(), Path(arguments[1]))
    else:
        sys.stderr.write(USAGE)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
