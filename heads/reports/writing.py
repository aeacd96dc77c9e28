"""Writing a report: a folder that appears whole or not at all."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from converters.files.staging import Stage, check_output, commit
from heads.errors import UsageError
from heads.metrics import Evaluation
from heads.reports import tables
from heads.reports.document import as_json, comparison_json
from heads.reports.figures import confusion, faces, groups, history, reliability, roc
from heads.reports.figures.picture import Picture, render
from heads.reports.material import Material
from heads.reports.page import page
from heads.reports.sweep import sweep

OWN = re.compile(
    r"report\.html|evaluation\.(md|csv|tex|json)|"
    r"(confusion|roc|reliability|groups|crossings_\d+|history|faces|errors)\.(png|svg)"
)
FORMATS = ("html", "md", "csv", "tex", "json", "png", "svg")


def write_report(
    evaluation: Evaluation,
    folder: Path,
    formats: Sequence[str] = FORMATS,
    material: Material | None = None,
    *,
    force: bool = False,
) -> list[Path]:
    """Write a report into a folder of its own and return its files.

    UsageError for an unknown format, DataError for material that does not fit, ConversionError where the folder cannot
    be written, or holds something and `force` is not given.
    """
    material = material or Material()
    _check(formats, material)
    check_output(folder, force=force, folder=True)
    drawn, absent = pictures(evaluation, material)
    contents = _contents(evaluation, drawn, absent, material, formats)
    with Stage(folder, force=force) as stage:
        with stage.writing():
            stage.path.mkdir()
            for name, data in contents:
                (stage.path / name).write_bytes(data)
            names = sorted(path.name for path in stage.path.iterdir())
        commit([stage])
    _remove_stale(folder, names)
    return [folder / name for name in names]


def _remove_stale(folder: Path, names: Sequence[str]) -> None:
    """Remove files of an earlier report that this one has not: they would tell of other faces."""
    for path in folder.iterdir():
        if OWN.fullmatch(path.name) and path.name not in names:
            path.unlink()


def pictures(evaluation: Evaluation, material: Material) -> tuple[list[Picture], dict[str, str]]:
    """Return the pictures that can be drawn, and for the others their names and why they cannot."""
    drawn, absent = [], {}
    for name, make in _makers(evaluation, material):
        try:
            drawn.append(make())
        except ValueError as reason:
            absent[name] = str(reason)
    return drawn, absent


def _makers(evaluation: Evaluation, material: Material) -> Iterator[tuple[str, Callable[[], Picture]]]:
    yield "confusion", lambda: confusion.confusion(evaluation)
    yield "roc", lambda: roc.roc(evaluation)
    yield "reliability", lambda: reliability.reliability(evaluation)
    for depth in range(1, max(len(row.where) for row in evaluation.rows) + 1):
        name = "groups" if depth == 1 else f"crossings_{depth}"
        yield name, partial(groups.groups, evaluation, depth)
    epochs = material.history
    if epochs is not None and not epochs.empty:  # heads without epochs leave an empty history
        yield "history", lambda: history.history(epochs)
    root = material.images_root
    if root is not None:
        yield "faces", lambda: faces.sample(evaluation, root)
        yield "errors", lambda: faces.errors(evaluation, root)


def _check(formats: Sequence[str], material: Material) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UsageError(
            f"a report cannot be written as {', '.join(unknown) or 'nothing'}, but as {', '.join(FORMATS)}"
        )
    if material.runs is not None and not material.runs.empty:
        sweep(material.runs, material.thresholds)  # what does not fit is said before anything is drawn


def _contents(
    evaluation: Evaluation, drawn: Sequence[Picture], absent: dict[str, str], material: Material, formats: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file."""
    texts: dict[str, Callable[[], str]] = {
        "html": lambda: page(evaluation, drawn, absent, material),
        "md": lambda: _markdown(evaluation, material),
        "csv": lambda: tables.csv(evaluation),
        "tex": lambda: tables.latex(evaluation),
        "json": lambda: _json(evaluation, material),
    }
    for kind in dict.fromkeys(formats):
        if kind in texts:
            stem = "report" if kind == "html" else "evaluation"
            yield f"{stem}.{kind}", texts[kind]().encode()
        else:
            for picture in drawn:
                yield f"{picture.name}.{kind}", render(picture, kind)


def _markdown(evaluation: Evaluation, material: Material) -> str:
    facts = "\n".join(f"- {tables.escape_markdown(f'{name}: {text}')}" for name, text in material.stated().items())
    compared = (tables.comparison_markdown(one) for one in material.comparisons)
    return "\n".join((tables.markdown(evaluation), *compared, f"{facts}\n"))


def _json(evaluation: Evaluation, material: Material) -> str:
    told = as_json(evaluation, material.facts)
    told["comparisons"] = [comparison_json(one) for one in material.comparisons]
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
