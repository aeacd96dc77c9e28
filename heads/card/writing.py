"""Writing a card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from converters.files.staging import Stage, check_output, commit
from heads.card.gaps import check_facts, plain, shown
from heads.card.sections import SECTIONS, Evaluated
from heads.errors import HeadsError, MismatchError
from heads.models.head import Head, load_head
from heads.prediction.wording import task


def write_card(folder: Path, out: Path, evaluation: Path | None = None, *, force: bool = False) -> Path:
    """Write the card of the head in `folder`; `evaluation` is the JSON file of an evaluation of this very head.

    HeadsError lists the facts that a card cannot do without; MismatchError where the evaluation is not of this head.
    """
    check_output(out, force=force)
    text = card_text(load_head(folder), None if evaluation is None else read_evaluation(evaluation))
    with Stage(out, force=force) as stage:
        with stage.writing():
            stage.path.write_text(text, encoding="utf-8", newline="\n")
        commit([stage])
    return out


def card_text(head: Head, evaluation: Evaluated = None) -> str:
    """Return the card as Markdown; see `write_card`."""
    check_facts(head)
    if evaluation is not None:
        check_evaluation(head, evaluation)
    parts = [f"# Model card: {plain(task(head.labels))}"]
    for title, section in SECTIONS.items():
        parts += ["", f"## {title}", "", *section(head, evaluation)]
    return "\n".join(parts).replace("\n\n\n", "\n\n").rstrip() + "\n"


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read what an evaluation wrote as JSON; HeadsError for a file that is no evaluation."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HeadsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise HeadsError(f"{path}: is no JSON: {error}") from error
    entries = told if isinstance(told, dict) else {}
    missing = [name for name, kind in EVALUATION.items() if not isinstance(entries.get(name), kind)]
    if missing or not entries["groups"]:
        raise HeadsError(
            f"{path}: is no evaluation, it lacks {', '.join(missing or ['groups'])}; "
            "`heads evaluate` writes one as JSON"
        )
    return entries


def check_evaluation(head: Head, evaluation: Mapping[str, Any]) -> None:
    """Refuse an evaluation of another head, as far as that shows; MismatchError lists every difference."""
    mine = {
        "labels": {"negative": head.labels[0], "positive": head.labels[1]},
        "calibration": dict(vars(head.calibration)),
    }
    differences = [
        f"the evaluation is of another head: {name} {part} {shown(evaluation[name].get(part))}, "
        f"the head's {shown(value)}"
        for name, told in mine.items()
        for part, value in told.items()
        if evaluation[name].get(part) != value
    ]
    if differences:
        raise MismatchError(differences)


# What an evaluation's file has, and of which type.
EVALUATION: dict[str, type] = {
    "labels": dict, "calibration": dict, "options": dict, "groups": list, "gaps": list, "warnings": list,
}  # fmt: skip
