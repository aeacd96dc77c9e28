"""How values are written, and what they mean, in sentences that stand in every report."""

from collections.abc import Sequence

from heads.metrics import Evaluation, Interval, Value

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "f1": "F1",
    "mcc": "MCC",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "coverage": "coverage",
    "accuracy_answered": "accuracy where answered",
}
# What fits side by side for every group; the others stand in a table of their own, in CSV and in JSON.
GROUP_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "roc_auc")
OTHER_METRICS = ("mcc", "average_precision", "log_loss", "ece", "coverage", "accuracy_answered")


def title(metric: str) -> str:
    """Return what a metric is called."""
    return TITLES.get(metric, metric.replace("_", " "))


def number(value: float) -> str:
    """Return a number with three decimals."""
    return f"{value:.3f}"


def span(interval: Interval) -> str:
    """Return an interval as "0.902 to 0.946"."""
    return f"{number(interval.low)} to {number(interval.high)}"


def p_value(p: float) -> str:
    """Return a p as "= 0.031" or "< 0.0001"."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"


def percent(share: float) -> str:
    """Return a share in percent, "100 %" only where nothing is missing and "0 %" only where there is nothing."""
    text = f"{share:.1%}"
    if text == "100.0%" and share < 1:
        text = ">99.9%"
    if text == "0.0%" and share > 0:
        text = "<0.1%"
    return text.replace(".0%", "%").replace("%", " %")


def task(evaluation: Evaluation) -> str:
    """Return what is told apart: labels are called perceived gender only where they are male and female."""
    negative, positive = evaluation.scores.labels
    if {negative, positive} == {"male", "female"}:
        return f"perceived gender ({negative} or {positive})"
    return f"{negative} or {positive}"


def basis(evaluation: Evaluation) -> str:
    """Return how many faces of how many people were evaluated, and which label is the positive one."""
    overall = evaluation.overall
    negative, positive = evaluation.scores.labels
    people = f" of {overall.people:,} people" if evaluation.clustered else ""
    return (
        f"{overall.n:,} faces{people}: {overall.positives:,} labelled {positive} (the positive label), "
        f"{overall.negatives:,} labelled {negative}"
    )


def decision(evaluation: Evaluation) -> str:
    """Return how probabilities become answers."""
    how, positive = evaluation.scores.calibration, evaluation.scores.labels[1]
    text = f"{positive} is said from a probability of {how.threshold:g} on"
    if evaluation.scores.abstains:
        text += f"; between {how.abstain_from:g} and {how.abstain_to:g} no answer is given"
    return f"{text}; probabilities are calibrated with the temperature {how.temperature:g}"


def headline(evaluation: Evaluation) -> list[str]:
    """Return the result in a few sentences: never one number without its interval and the worst group."""
    overall = evaluation.overall.metrics
    lines = [f"Accuracy {told(overall['accuracy'])}, balanced accuracy {told(overall['balanced_accuracy'])}."]
    if evaluation.scores.abstains:
        answered = told(overall["accuracy_answered"])
        lines.append(f"Answers {told(overall['coverage'])} of the faces, with an accuracy of {answered} there.")
    for gap in evaluation.gaps:
        worst, best = gap.worst.metrics["accuracy"], gap.best.metrics["accuracy"]
        text = (
            f"By {' and '.join(gap.columns)}: worst {_values_of(gap.worst.where)} with an accuracy of {told(worst)} on "
            f"{gap.worst.n:,} faces, best {_values_of(gap.best.where)} with {told(best)} on {gap.best.n:,}, "
            f"gap {told(gap.difference)}"
        )
        small = f"; {gap.small} too small to rank" if gap.small else ""
        lines.append(f"{text}{small}.")
    return [*lines, *_unranked(evaluation)]


def _unranked(evaluation: Evaluation) -> list[str]:
    """Say of which columns no worst group is named, and why: silence would look like no difference."""
    columns = [" x ".join(names) for names in evaluation.unranked]
    if not columns:
        return []
    least = evaluation.options.small
    return [f"No worst group is named by {', '.join(columns)}: at most one group has {least} faces of {least} people."]


def told(value: Value) -> str:
    """Return a value with its interval, as in a sentence."""
    if value.value is None:
        return f"undefined ({value.undefined})"
    interval = f" ({span(value.interval)})" if value.interval else ""
    return f"{number(value.value)}{interval}"


def _values_of(where: Sequence[tuple[str, str]]) -> str:
    return " ".join(value for _, value in where)


def reading(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return what numbers and marks in a report mean, as (term, sentence)."""
    options, (negative, positive) = evaluation.options, evaluation.scores.labels
    level = f"{options.level:.0%}".replace("%", " %")
    told = {
        "n": f"""how many faces a value rests on. For a proportion that is what it is a proportion of: precision rests
            on the faces predicted {positive}, recall on those labelled {positive}, specificity on those labelled
            {negative}.""",
        "interval": f"""with other faces from where these came from, the value would differ. Intervals made like these
            hold the true value in about {level} of all evaluations. Proportions have Wilson's interval, other values
            the quantiles of {options.resamples:,} bootstrap resamples (seed {options.seed}).""",
        "people": """several faces are of one person, and resemble each other. Resamples draw people with all of their
            faces, and Wilson's interval is given the n of as many independent faces as would say as much.""",
        "undefined": """the formula gives 0/0 there, or could give one number only, whatever the head says (structural).
            Undefined values are never replaced by 0.""",
        "small": f"""fewer than {options.small} faces or people: marked, and left out when groups are ranked.""",
        "worst group and gap": """the gap is the accuracy of the best less that of the worst group. Its interval is that
            of these two groups; as they were picked for being the extremes, the gap comes out somewhat too large.""",
        "ECE": f"""faces are put into {options.bins} bins of equal width by the probability of {positive}; in each, the
            mean probability is compared with the share of faces that have the label. Few faces in a bin make it come
            out too large; the interval takes that away, so that the value may lie at its upper end.""",
    }
    if not evaluation.clustered:
        del told["people"]
    return [(term, " ".join(text.split())) for term, text in told.items()]


def gender_caution(evaluation: Evaluation) -> str:
    """Return what labels of perceived gender are and are not, "" for other labels."""
    if set(evaluation.scores.labels) != {"male", "female"}:
        return ""
    return (
        "Labels and predictions are perceived gender: what annotators or sources of the data wrote down of a face. "
        "They say nothing of how a person identifies. Not for surveillance, for decisions about people, or for "
        "assigning an identity to anybody."
    )
