"""The facts of a training: what a head knows of its own making, for its card and for whoever makes it again."""

import platform
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np

from converters.description import tool_version
from heads.embeddings.labelled import Labelled
from heads.faces import SPLITS
from heads.training.data import LEAST_GROUP, POSITIVE_RULE, TrainingData
from heads.training.options import TrainOptions
from heads.training.runs import Outcome

MEASURES = ("val_loss", "val_accuracy", "val_macro", "val_worst_group")


def data_facts(labelled: Labelled, data: TrainingData, options: TrainOptions, digest: str) -> dict[str, Any]:
    """Return what was learned from: the data set, counts by split and label, the split's seed."""
    table = labelled.table
    rows = table.rows
    counts = {
        split: {label: int(((rows["split"] == split) & (rows["label"] == label)).sum()) for label in data.labels}
        for split in SPLITS
    }
    return {
        "layout": table.layout,
        "licence": table.licence,
        "label_source": table.label_source,
        "split_seed": table.seed,
        "faces": counts,
        "unlabelled_faces": int((rows["label"] == "").sum()),
        "identities": _identities(labelled),
        "groups": table.groups,
        "positive_rule": "stated" if options.positive else POSITIVE_RULE,
        "embeddings_sha256": digest,
    }


def _identities(labelled: Labelled) -> dict[str, int] | None:
    """Return how many persons are in each split, and how many of training are in another; None if none is known."""
    rows = labelled.table.rows
    known = rows[rows["identity"] != ""]
    if known.empty:
        return None
    persons = {split: set(known["identity"][known["split"] == split]) for split in SPLITS}
    shared = persons["train"] & (persons["val"] | persons["test"])
    return {**{split: len(found) for split, found in persons.items()}, "shared_with_train": len(shared)}


def software(environments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the versions of what computed."""
    own = {"faceport": tool_version(), "python": platform.python_version(), "numpy": np.__version__}
    used = {name: value for each in environments for name, value in each.items() if name != "threads"}
    return {**own, **used}


def run_facts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return how many heads were trained, and mean and spread of those that differ in their seeds alone."""
    return {
        "trained": len(outcomes),
        "failed": [outcome.told() for outcome in outcomes if outcome.failure],
        "seeds": [_spread(group) for group in _alike(outcomes)],
    }


def _alike(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    groups: dict[tuple[str, float], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.run.learning_rate is not None and outcome.scores is not None:
            groups.setdefault((outcome.run.recipe.name, outcome.run.learning_rate), []).append(outcome)
    return list(groups.values())


def _spread(group: Sequence[Outcome]) -> dict[str, Any]:
    """Return mean and standard deviation (n - 1; None for a single head) of each measure."""
    run = group[0].run
    told = [outcome.told() for outcome in group]
    measured = {name: [row[name] for row in told] for name in MEASURES if told[0][name] is not None}
    return {
        "recipe": run.recipe.name,
        "learning_rate": run.learning_rate,
        "heads": len(group),
        **{
            name: {"mean": mean(values), "standard_deviation": stdev(values) if len(values) > 1 else None}
            for name, values in measured.items()
        },
    }


def selection_facts(data: TrainingData, options: TrainOptions) -> dict[str, Any]:
    """Return what epochs and heads were chosen by."""
    told: dict[str, Any] = {"by": options.selection, "on": "val", "faces": len(data.val_rows)}
    if options.group is not None:
        told |= {
            "group": options.group,
            "groups": list(data.group_names),
            "groups_left_out": list(data.groups_left_out),
            "least_group_faces": LEAST_GROUP,
        }
    return told
