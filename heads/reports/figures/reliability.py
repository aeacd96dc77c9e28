"""Whether a probability means what it says: the reliability diagram."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from heads.metrics import Evaluation
from heads.metrics.intervals import proportion_interval
from heads.metrics.resampling import people_of
from heads.metrics.sums import bin_of
from heads.reports.figures.picture import Paper, Picture
from heads.reports.words import told


def reliability(evaluation: Evaluation) -> Picture:
    """Draw the share of positives against the probability in each bin, and how many faces each bin holds."""
    scores, bins = evaluation.scores, evaluation.options.bins
    text = (
        f"Reliability diagram in {bins} bins of the probability of {scores.labels[1]}: calibration error "
        f"{told(evaluation.overall.metrics['ece'])}. Points on the diagonal are right."
    )
    return Picture("reliability", text, (6.4, 5.6), lambda figure, paper: _draw(evaluation, figure, paper))


def _draw(evaluation: Evaluation, figure: Figure, paper: Paper) -> None:
    scores, positive = evaluation.scores, evaluation.scores.labels[1]
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    curve.plot((0, 1), (0, 1), color=paper.ink, linewidth=0.9, linestyle=(0, (4, 3)), label="calibrated")
    _points(evaluation, curve, paper)
    curve.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel=f"share labelled {positive}")
    error = evaluation.overall.metrics["ece"]
    curve.set_title(f"Calibration error (ECE, {evaluation.options.bins} bins): {_short(told(error))}")
    curve.legend(loc="upper left")
    edges = np.linspace(0, 1, evaluation.options.bins + 1)
    by_label = [scores.probabilities[scores.targets == target] for target in (False, True)]
    counts.hist(by_label, edges, stacked=True, color=(paper.second, paper.first), label=scores.labels, rwidth=0.92)
    counts.set(xlabel=f"probability of {positive}", ylabel="faces")
    counts.legend(loc="upper center", ncols=2)


def _short(text: str) -> str:
    return text.partition(" (")[0] if text.startswith("undefined") else text


def _points(evaluation: Evaluation, axes: Any, paper: Paper) -> None:
    scores, options = evaluation.scores, evaluation.options
    member, people = bin_of(scores.probabilities, options.bins), people_of(scores.identities)
    for one in np.unique(member):
        chosen = member == one
        hits = scores.targets[chosen]
        interval, _ = proportion_interval(hits, people[chosen], options.level)
        x, y = scores.probabilities[chosen].mean(), hits.mean()
        if interval:
            axes.plot((x, x), (interval.low, interval.high), color=paper.first, linewidth=1.6, alpha=0.75)
        few = chosen.sum() < options.small
        face = paper.ground if few else paper.first
        axes.plot(x, y, "o", color=paper.first, markerfacecolor=face, markersize=5.5)
    level = f"{options.level:.0%}".replace("%", " %")
    axes.plot([], [], "o-", color=paper.first, markersize=5.5, label=f"faces of a bin, {level} interval")
    axes.plot([], [], "o", color=paper.first, markerfacecolor=paper.ground, label=f"fewer than {options.small} faces")
