"""What is said to people: labels are what annotators gave, never what a person is."""

from collections.abc import Mapping
from typing import Any

from heads.models.head import Head
from heads.prediction.deciding import Prediction

GENDER = {"male", "female"}
# How a label is said, by who gave the labels that a head was trained on.
SAYINGS = {
    "self-report": "resembles people who called themselves '{}'",
    "annotator-perceived": "the training annotators would label it '{}'",
    "metadata": "the sources of the training data would label it '{}'",
    "folder": "the makers of the training data would label it '{}'",
}
UNKNOWN_SOURCE = "whoever labelled the training data would label it '{}'"


def says_gender(labels: tuple[str, str]) -> bool:
    """Return whether labels are perceived gender."""
    return {label.lower() for label in labels} == GENDER


def saying(label: str, head: Head) -> str:
    """Return what is said of an image that a head gives this label."""
    data = head.facts.get("data")
    source = data.get("label_source", "") if isinstance(data, Mapping) else ""
    said = SAYINGS.get(str(source), UNKNOWN_SOURCE).format(label)
    return f"perceived gender: {said}" if says_gender(head.labels) else said


def task(labels: tuple[str, str]) -> str:
    """Return what is told apart: "perceived gender (female or male)" or the two labels."""
    names = " or ".join(labels)
    return f"perceived gender ({names})" if says_gender(labels) else names


def describe(prediction: Prediction, head: Head) -> str:
    """Return one line for people."""
    if prediction.probability is None:
        return f"{prediction.path}: no prediction: {prediction.reason}"
    if prediction.abstained:
        shown = shown_probability(prediction.probability)
        return f"{prediction.path}: no label: probability of '{head.positive}' {shown}; {prediction.reason}"
    said = prediction.probability if prediction.label == head.positive else 1 - prediction.probability
    note = f" ({prediction.reason})" if prediction.reason else ""
    return f"{prediction.path}: {saying(prediction.label, head)}, probability {shown_probability(said)}{note}"


def shown_probability(probability: float) -> str:
    """Return a probability with three decimals; never 1 or 0, of which no head can be sure."""
    if probability > 0.9995:
        return "above 0.999"
    return "below 0.001" if probability < 0.0005 else f"{probability:.3f}"


def as_json(prediction: Prediction, head: Head) -> dict[str, Any]:
    """Return a prediction for programs."""
    return {
        "path": prediction.path.as_posix(),
        "label": prediction.label or None,
        "positive_class": head.positive,
        "probability": prediction.probability,
        "abstained": prediction.abstained,
        "reason": prediction.reason,
    }
