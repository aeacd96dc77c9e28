"""`python -m benchmarks.artefacts REQUEST.json ANSWER.json`: make artefacts in a process of their own."""

import json
import sys
from pathlib import Path

from benchmarks.artefacts.making import answer
from benchmarks.artefacts.request import Answer, Request
from benchmarks.errors import UsageError
from converters.errors import Refusal
from converters.files.staging import Stage, commit

USAGE = "usage: python -m benchmarks.artefacts REQUEST.json ANSWER.json"


def main(arguments: list[str]) -> int:
    """Answer a request; whatever is refused stands in the answer, and the exit status is 0. 2 is wrong usage."""
    if len(arguments) != 2:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    asked, place = map(Path, arguments)
    try:
        request = Request.from_json(json.loads(asked.read_text("utf-8")))
    except (OSError, ValueError, UsageError) as error:
        sys.stderr.write(f"{asked}: {error}\n{USAGE}\n")
        return 2
    try:
        told = answer(request)
    except Refusal as error:
        told = Answer(problems=tuple(error.problems))
    _write(place, json.dumps(told.to_json(), indent=2) + "\n")
    return 0


def _write(place: Path, text: str) -> None:
    with Stage(place, force=True) as stage:
        with stage.writing():
            stage.path.write_text(text, "utf-8")
        commit([stage])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
