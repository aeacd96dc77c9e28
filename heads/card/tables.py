"""What an evaluation measured, as Markdown: every value with its interval, or undefined with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from heads.card.gaps import plain

# Metrics in the order of a card, what they are called and why they are given.
METRICS = {
    "accuracy": ("accuracy", "how often the head says what the labels say; the one metric that every group has"),
    "balanced_accuracy": ("balanced accuracy", "the mean over both labels, which the more frequent one cannot flatter"),
    "recall": ("recall", "how many of the faces with the positive label are found"),
    "specificity": ("specificity", "the same for the other label"),
    "precision": ("precision", "how often the positive label is right where it is said"),
    "f1": ("F1", "precision and recall in one number"),
    "mcc": ("MCC", "one number that all four kinds of right and wrong answers enter"),
    "roc_auc": ("ROC AUC", "how well probabilities rank faces, whatever the threshold"),
    "average_precision": ("average precision", "the same, with an eye on the positive label"),
    "log_loss": ("log loss", "whether probabilities are honest: sure and wrong costs most"),
    "ece": ("calibration error (ECE)", "how far a stated probability is from the share that is right"),
    "coverage": ("coverage", "how often the head answers and does not abstain"),
    "accuracy_answered": ("accuracy where answered", "what abstaining buys"),
}
GROUP_METRICS = ("accuracy", "recall", "specificity", "precision")


def overall_table(row: Mapping[str, Any]) -> list[str]:
    """Return the metrics of all faces with their reasons."""
    known = [name for name in METRICS if name in row["metrics"]]
    lines = [_line(METRICS[name][0], value_text(row["metrics"][name]), METRICS[name][1]) for name in known]
    return ["| metric | value (interval) | why it is given |", "|---|---|---|", *lines]


def group_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a few metrics of every group."""
    names = [name for name in GROUP_METRICS if any(name in row["metrics"] for row in rows)]
    head = _line("group", "faces", "people", *(METRICS[name][0] for name in names))
    lines = []
    for row in rows:
        small = " (small)" if row.get("small") else ""
        values = [value_text(row["metrics"][name]) if name in row["metrics"] else "" for name in names]
        lines.append(_line(group_name(row["where"]) + small, str(row["faces"]), str(row["people"]), *values))
    return [head, "|" + "---|" * (3 + len(names)), *lines]


def gap_line(gap: Mapping[str, Any]) -> str:
    """Return which group comes off worst, which best, and by how much."""
    small = f"; {gap['groups_too_small']} groups are too small to rank" if gap.get("groups_too_small") else ""
    columns, worst, best = plain(" and ".join(gap["columns"])), group_name(gap["worst"]), group_name(gap["best"])
    return (
        f"- By {columns}: worst {worst}, best {best}; {plain(gap['metric'])} differs by "
        f"{value_text(gap['difference'])}{small}."
    )


def value_text(value: Mapping[str, Any]) -> str:
    """Return a value with its interval, or that it is undefined and why."""
    if value["value"] is None:
        return f"undefined: {plain(value['undefined'])}"
    interval, note = value.get("interval"), value.get("note")
    span = f" ({interval['low']:.3f} to {interval['high']:.3f})" if interval else ""
    missing = f" (no interval: {plain(note)})" if note and not interval else ""
    return f"{value['value']:.3f}{span}{missing}"


def group_name(where: Mapping[str, str]) -> str:
    """Return what a group is called."""
    return plain(", ".join(f"{column} {value}" for column, value in where.items()) or "all faces")


def counts_table(faces: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return how many faces of each label are in each split."""
    labels = list(dict.fromkeys(label for counts in faces.values() for label in counts))
    lines = [_line(split, *(str(counts.get(label, 0)) for label in labels)) for split, counts in faces.items()]
    return [_line("split", *map(plain, labels)), "|" + "---|" * (1 + len(labels)), *lines]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
