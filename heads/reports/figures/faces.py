"""Faces with what was said of them: a sample of all, and the errors that the head was surest of."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from heads.metrics import Evaluation
from heads.reports.figures.picture import Paper, Picture
from heads.reports.figures.thumbnails import thumbnail

Array = np.ndarray[Any, Any]
SHOWN, ACROSS = 30, 6
SIDE = 200  # pixels of a face on the sheet


def sample(evaluation: Evaluation, images: Path) -> Picture:
    """Draw SHOWN faces picked at random by the evaluation's seed; ValueError where no image is known."""
    count = len(_paths(evaluation))
    chosen = np.random.default_rng(evaluation.options.seed).permutation(count)[:SHOWN]
    title = f"{len(chosen)} of {count:,} faces, drawn at random (seed {evaluation.options.seed})"
    return _sheet("faces", title, evaluation, images, np.sort(chosen))


def errors(evaluation: Evaluation, images: Path) -> Picture:
    """Draw the wrong predictions that lie farthest from the threshold; ValueError where there is none."""
    scores = evaluation.scores
    _paths(evaluation)
    wrong = np.flatnonzero(scores.predicted != scores.targets)
    if not len(wrong):
        raise ValueError("no face was predicted wrongly")
    distance = np.abs(scores.probabilities[wrong] - scores.calibration.threshold)
    chosen = wrong[np.argsort(-distance, kind="stable")][:SHOWN]
    title = f"The {len(chosen)} surest of {len(wrong):,} wrong predictions"
    return _sheet("errors", title, evaluation, images, chosen)


def _paths(evaluation: Evaluation) -> Array:
    if not len(evaluation.scores.paths):
        raise ValueError("the scores say nothing of images")
    return evaluation.scores.paths


def _sheet(name: str, title: str, evaluation: Evaluation, images: Path, chosen: Array) -> Picture:
    scores = evaluation.scores
    wrong = int((scores.predicted != scores.targets)[chosen].sum())
    text = f"{title}: {wrong} wrong. Under each face what was predicted and its probability, and the label if another."
    down = -(-len(chosen) // ACROSS)
    size = (8.4, 0.45 + 1.86 * down)
    return Picture(
        name,
        text,
        size,
        lambda figure, paper: _draw(title, evaluation, images, chosen, figure, paper),
        photographs=True,
    )


def _draw(title: str, evaluation: Evaluation, images: Path, chosen: Array, figure: Figure, paper: Paper) -> None:
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    cells = figure.subplots(-(-len(chosen) // ACROSS), ACROSS, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, face in zip(cells, chosen, strict=False):
        _face(axes, evaluation, images, face, paper)


def _face(axes: Any, evaluation: Evaluation, images: Path, face: int, paper: Paper) -> None:
    scores = evaluation.scores
    right = bool(scores.predicted[face] == scores.targets[face])
    axes.set(xlim=(0, SIDE), ylim=(SIDE, 0), aspect="equal")
    shown = thumbnail(images / scores.paths[face], SIDE)
    if isinstance(shown, str):
        words = f"{shown}\n{textwrap.shorten(scores.paths[face].rpartition('/')[2], 20, placeholder=' ...')}"
        axes.text(SIDE / 2, SIDE / 2, words, ha="center", va="center", fontsize=8, color=paper.ink)
    else:
        height, width = shown.shape[:2]
        left, top = (SIDE - width) / 2, (SIDE - height) / 2
        axes.imshow(shown, extent=(left, left + width, top + height, top))
    axes.set(xlim=(0, SIDE), ylim=(SIDE, 0))
    colour = paper.first if right else paper.second
    thick = {"linewidth": 1.2} if right else {"linewidth": 4}
    axes.add_patch(Rectangle((0, 0), SIDE, SIDE, fill=False, edgecolor=colour, clip_on=False, **thick))
    axes.text(SIDE / 2, SIDE + 10, _caption(evaluation, face, right=right), ha="center", va="top", fontsize=8,
              color=paper.ink, fontweight="normal" if right else "bold", linespacing=1.25)  # fmt: skip


def _caption(evaluation: Evaluation, face: int, *, right: bool) -> str:
    scores = evaluation.scores
    said = scores.labels[int(scores.predicted[face])]
    likely = scores.probabilities[face] if scores.predicted[face] else 1 - scores.probabilities[face]
    silent = "" if scores.answered[face] else " (abstains)"
    verdict = "right" if right else f"WRONG: labelled {scores.label_names[face]}"
    return f"{said} {_likely(likely)}{silent}\n{verdict}"


def _likely(probability: float) -> str:
    """Return a probability with two decimals, 1.00 only for certainty."""
    return ">0.99" if 0.995 <= probability < 1 else f"{probability:.2f}"
