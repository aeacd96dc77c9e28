"""One picture: drawn on demand for light or dark paper, as PNG or SVG, with the same bytes every time."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PIXELS_PER_INCH = 150
# Neither dates nor versions: the same numbers give the same file.
WRITING: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "jpg": {"pil_kwargs": {"quality": 88}},
}


@dataclass(frozen=True)
class Paper:
    """Colours that people with any colour vision can tell apart (Okabe and Ito 2008, some lighter for the dark)."""

    ground: str
    ink: str
    faint: str
    first: str
    second: str
    third: str
    scale: str
    lines: tuple[str, ...]


LIGHT = Paper(
    ground="#ffffff",
    ink="#1b1f24",
    faint="#d3d8de",
    first="#0072b2",
    second="#d55e00",
    third="#009e73",
    scale="Blues",
    lines=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
)
DARK = Paper(
    ground="#16191d",
    ink="#e4e7eb",
    faint="#3a4048",
    first="#56b4e9",
    second="#ff8c42",
    third="#2fcf9f",
    scale="cividis",
    lines=("#56b4e9", "#ff8c42", "#2fcf9f", "#e79fc6", "#f0c350", "#9fb4c7"),
)


@dataclass(frozen=True)
class Picture:
    """What is drawn, by which `draw` puts it onto a figure of `size` (width, height) in inches.

    `name` is that of its files, `text` says in words what is to be seen. `photographs` says that pixels suit it better
    than lines.
    """

    name: str
    text: str
    size: tuple[float, float]
    draw: Callable[[Figure, Paper], None]
    photographs: bool = False


def render(picture: Picture, kind: str, paper: Paper = LIGHT) -> bytes:
    """Return the bytes of a picture as "png", "svg" or "jpg"."""
    out = io.BytesIO()
    with mpl.rc_context(_settings(paper)):
        figure = Figure(figsize=picture.size, dpi=PIXELS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        picture.draw(figure, paper)
        figure.savefig(out, format=kind, **WRITING[kind])
    return out.getvalue()


def _settings(paper: Paper) -> dict[str, object]:
    plain = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
    ground = ("figure.facecolor", "savefig.facecolor", "axes.facecolor", "legend.facecolor")
    return {
        **plain,
        **dict.fromkeys(ink, paper.ink),
        **dict.fromkeys(ground, paper.ground),
        "svg.hashsalt": "faceport",
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": paper.faint,
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
