"""The commands that read results and show them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.errors import UsageError
from converters.command_line import terminal


def table(given: Any) -> None:
    """Print a table, or check those of documents."""
    if given.check:
        _check(given)
        return
    from benchmarks.tables.formats import render
    from benchmarks.tables.making import Selection
    from benchmarks.tables.making import table as made

    selection = Selection(model=(given.only_model,) if given.only_model else ())
    results = _results(given.results)
    shown = made(results, given.columns, reference=given.reference or None, selection=selection)
    _print(render(shown, "json" if given.json else given.format))


def _check(given: Any) -> None:
    from benchmarks.tables import documents

    counts = {str(path): documents.check(path, Path.cwd()) for path in given.check}
    if given.json:
        terminal.say_json(counts)
        return
    for path, count in counts.items():
        terminal.say(f"{path}: {count} table{'s' if count > 1 else ''}, as the results say")


def plot(given: Any) -> None:
    """Draw pictures of results."""
    from benchmarks.plots.drawing import pictures, write_pictures
    from benchmarks.statistics.assembly import rows

    results = _results(given.results)
    chosen = rows(results, given.reference or None)
    if given.only_model:
        chosen = [row for row in chosen if row.model == given.only_model]
        if not chosen:
            raise UsageError(f"--model {given.only_model}: the results hold no such model")
    drawn, missing = pictures(results, chosen)
    paths = write_pictures(drawn, given.pictures, force=given.force)
    if given.json:
        terminal.say_json({"files": [str(path) for path in paths], "not_drawn": missing})
        return
    for path in paths:
        terminal.say(str(path))
    for reason in missing:
        terminal.say(f"not drawn: {reason}")


def compare(given: Any) -> None:
    """Compare two sets of results, or two ways of one set."""
    from benchmarks.statistics import comparison
    from benchmarks.tables.comparing import comparison_table
    from benchmarks.tables.formats import render

    if len(given.sides) != 2:
        raise UsageError(f"expected two things to compare, A and B, not {len(given.sides)}")
    first, second = given.sides
    if not given.within and not any(Path(side).exists() for side in given.sides):
        raise UsageError(
            f"{first}, {second}: there are no such folders; two ways of one run are compared with --in RESULTS"
        )
    if given.within:
        found = comparison.compare_routes(_results(given.within), first, second)
    else:
        found = comparison.compare(_results(Path(first)), _results(Path(second)), (first, second))
    terminal.warn(found.warnings)
    _print(render(comparison_table(found), "json" if given.json else given.format))


def best(given: Any) -> None:
    """Name the fastest faithful way."""
    from benchmarks.statistics.assembly import rows
    from benchmarks.statistics.best import best as fastest

    found = fastest(
        rows(_results(given.results)),
        given.max_loss,
        model=given.model_name,
        device=given.device or None,
        threads=given.thread_count,
        batch=given.batch,
    )
    if given.json:
        terminal.say_json(
            {
                "rule": found.rule,
                "best": _named(found.winner),
                "tied": [_named(row) for row in found.tied],
                "slower": [_named(row) for row in found.slower],
                "excluded": [{**_named(row), "reason": reason} for row, reason in found.excluded],
            }
        )
        return
    terminal.say(f"{_told(found.winner)}: the fastest that {found.rule}")
    for row in found.tied:
        terminal.say(f"  as fast, as far as can be told: {_told(row)}")
    for row in found.slower:
        terminal.say(f"  slower: {_told(row)}")
    for row, reason in found.excluded:
        terminal.say(f"  left out: {row.label} on {row.device}, {row.threads} threads: {reason}")


def _named(row: Any) -> dict[str, Any]:
    names = ("runner", "version", "call_path", "device", "precision", "threads", "instructions", "batch")
    median = asdict(row.median_ms) if row.median_ms else None
    return {**{name: getattr(row, name) for name in names}, "median_ms": median, "difference": row.difference}


def _told(row: Any) -> str:
    threads = f"{row.threads} thread{'s' if row.threads > 1 else ''}"
    return f"{row.label} on {row.device}, {threads}, {row.median_ms.value:.3g} ms"


def _results(folder: Path) -> Any:
    from benchmarks.records.folder import read_all

    return read_all(folder)


def _print(text: str) -> None:
    import sys

    sys.stdout.write(text)
