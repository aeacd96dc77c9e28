"""What every threshold would give: the ROC curve."""

from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from heads.metrics import Evaluation
from heads.reports.figures.picture import Paper, Picture
from heads.reports.words import told


def roc(evaluation: Evaluation) -> Picture:
    """Draw recall against the share of false alarms; ValueError where the curve is undefined."""
    area = evaluation.overall.metrics["roc_auc"]
    if not area.defined:
        raise ValueError(area.undefined)
    text = f"ROC curve with an area of {told(area)}; the chosen threshold is marked."
    return Picture("roc", text, (5.2, 5.0), lambda figure, paper: _draw(evaluation, figure, paper))


def _draw(evaluation: Evaluation, figure: Figure, paper: Paper) -> None:
    scores, metrics = evaluation.scores, evaluation.overall.metrics
    negative, positive = scores.labels
    false, true, _ = roc_curve(scores.targets, scores.probabilities)
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color=paper.ink, linewidth=0.9, linestyle=(0, (4, 3)), label="guessing")
    axes.plot(false, true, color=paper.first, linewidth=2)
    axes.fill_between(false, true, color=paper.first, alpha=0.10, linewidth=0)
    at = (1 - metrics["specificity"].number, metrics["recall"].number)
    axes.plot(*at, "o", color=paper.second, markersize=8, label=f"threshold {scores.calibration.threshold:g}")
    axes.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal")
    axes.set(xlabel=f"labelled {negative}, predicted {positive}", ylabel=f"labelled {positive}, predicted {positive}")
    axes.set_title(f"ROC AUC {told(metrics['roc_auc'])}")
    axes.legend(loc="lower right")
