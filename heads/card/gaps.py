"""Which facts a card cannot do without, and how the others are shown where they are missing."""

from collections.abc import Mapping
from typing import Any

from heads.errors import HeadsError
from heads.models.head import Head

NOT_RECORDED = "**not recorded**"
# Without these a card would not say what the head is about. Where licences, identities, groups or an evaluation are
# missing the card says so: a reader has to see that gap.
REQUIRED = {
    "data.layout": "which data set it was trained on",
    "data.label_source": "who gave the labels",
    "data.faces": "how many faces of each label it was trained and validated on",
    "chosen": "how it was chosen, and what it reached on validation",
    "calibration": "how its temperature, threshold and abstention band were found",
    "software": "what it was made with",
}


def check_facts(head: Head) -> None:
    """Refuse a head whose facts do not make a card; HeadsError names everything that is missing."""
    missing = [
        f"the head does not record {meaning} ('{name}' in head.json); a head made by `heads train` does"
        for name, meaning in REQUIRED.items()
        if not fact(head.facts, name)
    ]
    if missing:
        raise HeadsError(missing)


def fact(told: Mapping[str, Any], name: str) -> Any:
    """Return a fact by its dotted name, None where it is not recorded."""
    found: Any = told
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def shown(value: Any) -> str:
    """Return a recorded value as text for Markdown, or that it is not recorded."""
    if value is None or value in ("", [], {}):
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(name)} {shown(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return plain(value)


def plain(value: Any) -> str:
    """Return text in which nothing is Markdown: it comes from files of others."""
    text = " ".join(str(value).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in text)
