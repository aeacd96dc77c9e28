"""Faces with what was said of them: a sample of all, and the errors that the head was surest of."""

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
CELL, PAD, TOP = (1.4, 1.72), 0.14, 0.45  # inches


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
    text = f"{title}: {wrong} wrong. Under each face what was predicted, its probability, and the label."
    size = (PAD + ACROSS * CELL[0], TOP + -(-len(chosen) // ACROSS) * CELL[1])
    return Picture(
        name,
        text,
        size,
        lambda figure, paper: _draw(title, evaluation, images, chosen, figure, paper),
        photographs=True,
    )


def _draw(title: str, evaluation: Evaluation, images: Path, chosen: Array, figure: Figure, paper: Paper) -> None:
    # Placed by hand: a layout engine would shrink the faces for the sake of a long caption.
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    figure.text(PAD / width, 1 - 0.12 / height, title, ha="left", va="top", fontsize=10.5, color=paper.ink)
    for place, face in enumerate(chosen):
        down, across = divmod(place, ACROSS)
        left, top = PAD + across * CELL[0], TOP + down * CELL[1]
        side = CELL[0] - PAD
        axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
        _face(axes, evaluation, images, int(face), paper)


def _face(axes: Any, evaluation: Evaluation, images: Path, face: int, paper: Paper) -> None:
    scores = evaluation.scores
    right = bool(scores.predicted[face] == scores.targets[face])
    axes.set_axis_off()
    shown = thumbnail(images / scores.paths[face], SIDE)
    if isinstance(shown, str):
        words = f"{shown}\n{_short(scores.paths[face].rpartition('/')[2], 20)}"
        axes.text(SIDE / 2, SIDE / 2, words, ha="center", va="center", fontsize=8, color=paper.ink)
    else:
        height, width = shown.shape[:2]
        left, top = (SIDE - width) / 2, (SIDE - height) / 2
        axes.imshow(shown, extent=(left, left + width, top + height, top))
    axes.set(xlim=(0, SIDE), ylim=(SIDE, 0))
    colour = paper.first if right else paper.second
    thick = {"linewidth": 1.2} if right else {"linewidth": 4}
    axes.add_patch(Rectangle((0, 0), SIDE, SIDE, fill=False, edgecolor=colour, clip_on=False, **thick))
    weight = "normal" if right else "bold"
    said, label = _captions(evaluation, face, right=right)
    style = {"ha": "center", "va": "top", "fontsize": 8, "color": paper.ink}
    axes.text(SIDE / 2, SIDE + 8, said, fontweight=weight, **style)
    axes.text(SIDE / 2, SIDE + 29, label, **style)


def _captions(evaluation: Evaluation, face: int, *, right: bool) -> tuple[str, str]:
    scores = evaluation.scores
    said = _short(scores.labels[int(scores.predicted[face])], 9)
    likely = scores.probabilities[face] if scores.predicted[face] else 1 - scores.probabilities[face]
    silent = "" if scores.answered[face] else ", abstains"
    verdict = "right" if right else "WRONG"
    return f"{said} {_likely(likely)}, {verdict}", f"labelled {_short(scores.label_names[face], 9)}{silent}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _likely(probability: float) -> str:
    """Return a probability with two decimals, 1.00 only for certainty."""
    return ">0.99" if 0.995 <= probability < 1 else f"{probability:.2f}"
