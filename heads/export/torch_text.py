"""What a generated PyTorch module says of the head in it: constants at its end."""

from pathlib import Path
from pprint import pformat
from typing import Any

from heads.models.head import Head

WIDTH = 110


def add_constants(module: Path, head: Head, facts: dict[str, Any]) -> None:
    """Append the constants that turn a probability into a label, and all facts, to the text of a module."""
    calibration = head.calibration
    lines = [
        "",
        "",
        "# From THRESHOLD on POSITIVE is said; strictly between ABSTAIN_FROM and ABSTAIN_TO nothing is.",
        f"POSITIVE = {head.positive!r}",
        f"THRESHOLD = {calibration.threshold!r}",
        f"ABSTAIN_FROM = {calibration.abstain_from!r}",
        f"ABSTAIN_TO = {calibration.abstain_to!r}",
        "# What the probability means, what is done to an image before, and where all is from.",
        f"FACTS = {pformat(facts, width=WIDTH, sort_dicts=False)}",
        "",
    ]
    with module.open("a", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines))
