"""One page that holds everything: no script, nothing from elsewhere, pictures inside."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from heads.metrics import Evaluation
from heads.reports import page_tables as tables
from heads.reports.figures.picture import DARK, LIGHT, Picture, render
from heads.reports.material import Material
from heads.reports.page_style import STYLE
from heads.reports.words import basis, decision, gender_caution, headline, number, reading, span, task, title

MIME = {"svg": "image/svg+xml", "jpg": "image/jpeg"}
# Which picture stands where; a name that begins so belongs there.
PLACES = {
    "decisions": ("confusion", "roc", "reliability"),
    "groups": ("groups", "crossings"),
    "training": ("history",),
    "faces": ("faces", "errors"),
}


def page(evaluation: Evaluation, pictures: Sequence[Picture], absent: Mapping[str, str], material: Material) -> str:
    """Return the page; `absent` has the names of pictures that could not be drawn, and why."""
    about = f"Evaluation: {task(evaluation)}"
    sections = [
        ("result", "Result", _result(evaluation)),
        ("metrics", "All faces", tables.overall(evaluation)),
        ("decisions", "Errors and calibration", _pictures("decisions", pictures, absent)),
        ("groups", "Groups", _pictures("groups", pictures, absent) + tables.groups(evaluation)),
        ("comparison", "Comparison", tables.comparisons(material)),
        ("training", "Training", _pictures("training", pictures, {}) + tables.runs(material)),
        ("faces", "Faces", _pictures("faces", pictures, absent)),
        ("reading", "How to read this", _reading(evaluation)),
        ("facts", "Facts", tables.facts(material)),
    ]
    held = [section for section in sections if section[2]]
    links = "\n".join(f'<a href="#{name}">{escape(heading)}</a>' for name, heading, _ in held)
    body = "".join(
        f'<section id="{name}"><h2>{escape(heading)}</h2>\n{text}</section>\n' for name, heading, text in held
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(about)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{escape(about)}</h1>\n"
        f'<p class="soft">{escape(basis(evaluation))}.</p>\n<nav>{links}</nav></header>\n{body}</body>\n</html>\n'
    )


def _result(evaluation: Evaluation) -> str:
    warnings = "".join(f'<p class="warning">{escape(line)}.</p>\n' for line in evaluation.warnings)
    lines = "".join(f"<li>{escape(line)}</li>\n" for line in headline(evaluation))
    caution = gender_caution(evaluation)
    said = f"<p>{escape(_sentence(decision(evaluation)))}.</p>\n"
    return f"{_tiles(evaluation)}{warnings}<ul>\n{lines}</ul>\n{said}" + (
        f"<p><strong>{escape(caution)}</strong></p>\n" if caution else ""
    )


def _tiles(evaluation: Evaluation) -> str:
    overall = evaluation.overall.metrics
    tiles = []
    for name in ("accuracy", "balanced_accuracy", "roc_auc"):
        value = overall[name]
        under = span(value.interval) if value.interval else value.undefined or value.note
        tiles.append((title(name), number(value.value) if value.value is not None else "undefined", under))
    gap = max(evaluation.gaps, key=lambda one: one.difference.number, default=None)
    if gap:
        worst = gap.worst.metrics["accuracy"]
        tiles.append(("worst group", number(worst.number), f"{gap.worst.name} (n {gap.worst.n:,})"))
        under = span(gap.difference.interval) if gap.difference.interval else gap.difference.note
        tiles.append((f"largest gap, by {' and '.join(gap.columns)}", number(gap.difference.number), under))
    return (
        '<div class="tiles">\n'
        + "".join(
            f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(under)}</span></div>\n'
            for name, value, under in tiles
        )
        + "</div>\n"
    )


def _pictures(place: str, pictures: Sequence[Picture], absent: Mapping[str, str]) -> str:
    names = PLACES[place]
    found = [picture for picture in pictures if picture.name.startswith(names) and _place(picture) == place]
    missing = "".join(
        f'<p class="soft">No picture "{escape(name)}": {escape(reason)}.</p>\n'
        for name, reason in absent.items()
        if name.startswith(names)
    )
    shown = "".join(_picture(picture) for picture in found)
    return (f'<div class="pictures">\n{shown}</div>\n' if shown else "") + missing


def _place(picture: Picture) -> str:
    return next(place for place, names in PLACES.items() if picture.name.startswith(names))


def _picture(picture: Picture) -> str:
    """Return a picture for light and for dark screens."""
    kind = "jpg" if picture.photographs else "svg"
    text = escape(picture.text)
    image = f'<img src="{_inside(picture, kind, dark=False)}" alt="{text}">'
    dark = _inside(picture, kind, dark=True)
    image = f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">{image}</picture>'
    wide = ' class="tall"' if picture.size[0] > 7 else ""
    return f"<figure{wide}>{image}<figcaption>{text}</figcaption></figure>\n"


def _inside(picture: Picture, kind: str, *, dark: bool) -> str:
    data = base64.b64encode(render(picture, kind, DARK if dark else LIGHT)).decode()
    return f"data:{MIME[kind]};base64,{data}"


def _reading(evaluation: Evaluation) -> str:
    terms = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(_sentence(text))}</dd>\n" for term, text in reading(evaluation)
    )
    return f"<dl>\n{terms}</dl>\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
