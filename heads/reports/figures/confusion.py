"""Which label was taken for which: the confusion matrix."""

from matplotlib.figure import Figure

from heads.metrics import Evaluation
from heads.metrics.sums import face_cells
from heads.reports.figures.picture import Paper, Picture
from heads.reports.words import percent


def confusion(evaluation: Evaluation) -> Picture:
    """Draw the counts of labels against predictions, with shares of each label."""
    counts = _counts(evaluation)
    negative, positive = evaluation.scores.labels
    text = (
        f"Confusion matrix: of {sum(counts[0]):,} faces labelled {negative}, {counts[0][1]:,} were predicted "
        f"{positive}; of {sum(counts[1]):,} labelled {positive}, {counts[1][0]:,} were predicted {negative}."
    )
    return Picture("confusion", text, (4.8, 3.9), lambda figure, paper: _draw(evaluation, counts, figure, paper))


def _counts(evaluation: Evaluation) -> list[list[int]]:
    """Return the counts by label, then by prediction; the negative label first."""
    cells = {name: int(chosen.sum()) for name, chosen in face_cells(evaluation.scores).items()}
    return [[cells["tn"], cells["fp"]], [cells["fn"], cells["tp"]]]


def _draw(evaluation: Evaluation, counts: list[list[int]], figure: Figure, paper: Paper) -> None:
    labels = evaluation.scores.labels
    axes = figure.subplots()
    shares = [[count / sum(row) if sum(row) else 0.0 for count in row] for row in counts]
    image = axes.imshow(shares, cmap=paper.scale, vmin=0, vmax=1)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        red, green, blue, _ = image.cmap(shares[row][column])
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        share = percent(shares[row][column]) if sum(counts[row]) else "no face"
        ink = "#101418" if bright else "#ffffff"
        axes.text(column, row - 0.06, f"{counts[row][column]:,}", ha="center", va="center", fontsize=17, color=ink)
        axes.text(column, row + 0.2, share, ha="center", va="center", fontsize=10, color=ink)
    axes.set_xticks((0, 1), labels)
    axes.set_yticks((0, 1), labels, rotation=90, va="center")
    axes.set(xlabel="predicted", ylabel="labelled")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"Counts, and shares of each label\nthreshold {evaluation.scores.calibration.threshold:g}")
