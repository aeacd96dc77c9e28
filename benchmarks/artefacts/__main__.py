"""`python -m benchmarks.artefacts [--plan] REQUEST.json ANSWER.json`: make artefacts in a process of their own.

With `--plan` nothing is made: the answer is what it would take, the fields of `planning.Plan`.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.artefacts.making import answer
from benchmarks.artefacts.planning import plan
from benchmarks.artefacts.request import Answer, Request
from benchmarks.errors import UsageError
from converters.errors import Refusal
from converters.files.staging import Stage, commit

USAGE = "usage: python -m benchmarks.artefacts [--plan] REQUEST.json ANSWER.json"


def main(arguments: list[str]) -> int:
    """Answer a request; whatever is refused stands in the answer, and the exit status is 0. 2 is wrong usage."""
    planned = arguments[:1] == ["--plan"]
    paths = arguments[planned:]
    if len(paths) != 2 or paths[0].startswith("-"):
        sys.stderr.write(f"{USAGE}\n")
        return 2
    asked, place = map(Path, paths)
    try:
        request = Request.from_json(json.loads(asked.read_text("utf-8")))
    except (OSError, ValueError, UsageError) as error:
        sys.stderr.write(f"{asked}: {error}\n{USAGE}\n")
        return 2
    told = asdict(plan(request)) if planned else _answer(request).to_json()
    _write(place, json.dumps(told, indent=2) + "\n")
    return 0


def _answer(request: Request) -> Answer:
    try:
        return answer(request)
    except Refusal as error:
        return Answer(problems=tuple(error.problems))


def _write(place: Path, text: str) -> None:
    with Stage(place, force=True) as stage:
        with stage.writing():
            stage.path.write_text(text, "utf-8")
        commit([stage])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
