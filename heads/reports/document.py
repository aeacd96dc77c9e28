"""An evaluation or a comparison as plain JSON values, for programs."""

from collections.abc import Mapping
from typing import Any

from heads.metrics import Comparison, Evaluation, Gap, Row, Value
from heads.reports.words import task


def as_json(evaluation: Evaluation, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return everything that was measured; an undefined value is null, with its reason beside it."""
    scores, options = evaluation.scores, evaluation.options
    return {
        "task": task(evaluation),
        "labels": {"negative": scores.labels[0], "positive": scores.labels[1]},
        "calibration": dict(vars(scores.calibration)),
        "options": {**vars(options), "by": list(options.by)},
        "intervals_by_identity": evaluation.clustered,
        "warnings": list(evaluation.warnings),
        "groups": [_row(row) for row in evaluation.rows],
        "gaps": [_gap(gap) for gap in evaluation.gaps],
        "facts": {name: plain(value) for name, value in (facts or {}).items()},
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison of two heads."""
    return {
        "first": comparison.names[0],
        "second": comparison.names[1],
        "faces": comparison.n,
        "people": comparison.people,
        "both_right": comparison.both_right,
        "first_only_right": comparison.first_only,
        "second_only_right": comparison.second_only,
        "both_wrong": comparison.both_wrong,
        "mcnemar_p": comparison.mcnemar,
        "by_people_p": comparison.by_people,
        "metrics": {
            name: {
                "first": _value(pair[0]),
                "second": _value(pair[1]),
                "difference": _value(comparison.differences[name]),
            }
            for name, pair in comparison.values.items()
        },
    }


def plain(value: Any) -> Any:
    """Return a fact as a JSON value; what JSON does not know is written as text."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, bool)) else _plain_number(value)


def _plain_number(value: Any) -> Any:
    if isinstance(value, float) and value - value == 0:  # neither infinite nor NaN
        return value
    return str(value)


def _row(row: Row) -> dict[str, Any]:
    return {
        "where": dict(row.where),
        "faces": row.n,
        "people": row.people,
        "positives": row.positives,
        "small": row.small or None,
        "metrics": {name: _value(value) for name, value in row.metrics.items()},
    }


def _value(value: Value) -> dict[str, Any]:
    told: dict[str, Any] = {"value": value.value, "n": value.n}
    if value.value is None:
        told |= {"undefined": value.undefined, "structural": value.forced}
    if value.interval:
        told["interval"] = dict(vars(value.interval))
    if value.note:
        told["note"] = value.note
    return told


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "columns": list(gap.columns),
        "metric": "accuracy",
        "worst": dict(gap.worst.where),
        "best": dict(gap.best.where),
        "difference": _value(gap.difference),
        "groups_too_small": gap.small,
    }
