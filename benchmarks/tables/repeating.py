"""The command that measures a table's rows again."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.cells import ALL_INSTRUCTIONS, INSTRUCTIONS, PRECISIONS, SCENARIOS
from benchmarks.records.result import Result
from benchmarks.statistics.rows import Row


def command(rows: Sequence[Row], results: Sequence[Result]) -> str:
    """Return a `bench run` whose cells hold those of all rows; a model that came as files is named by theirs.

    It names what the options multiply with each other, so it may hold more cells than the rows come from. A table of
    faces stands as FACES.csv: results know only its hash.
    """
    runs = {(result.run, result.round) for result in results}
    scenarios = {result.scenario for result in results}
    words = ["bench", "run"]
    of_networks = [result for result in results if result.scenario != "peak"]
    words += _models(of_networks)
    nodes = {tuple(result.network.get("asked_nodes", ())) for result in of_networks}
    words += _each("--node", nodes.pop() if len(nodes) == 1 else ())
    heads = sorted({result.measured.accuracy.head for result in results if result.measured.accuracy})
    words += ["--head", heads[0], "--faces", "FACES.csv"] if len(heads) == 1 else []
    words += _each("--runner", sorted({f"{row.runner}:{row.call_path}" for row in rows}))
    words += _all("--device", sorted({row.device for row in rows}))
    words += _all("--batch", sorted({row.batch for row in rows}))
    words += _all("--precision", [name for name in PRECISIONS if any(row.precision == name for row in rows)])
    words += _all("--threads", sorted({row.threads for row in rows}))
    instructions = [name for name in INSTRUCTIONS if any(row.instructions == name for row in rows)]
    words += _all("--instructions", instructions if instructions != [ALL_INSTRUCTIONS] else ())
    words += _all("--scenario", [name for name in SCENARIOS if name in scenarios])
    words += ["--rounds", str(max((number for _, number in runs), default=0) + 1)]
    words += _limits(results)
    return shlex.join(words)


def _models(results: Sequence[Result]) -> list[str]:
    """Return how the models are named, and what had to be said of their pixels."""
    named = {result.model: _files(result) for result in results}
    words = [word for name in sorted(named) for word in _each("--model", named[name])]
    stated = {tuple(_stated(result.network)) for result in results if named[result.model] != [result.model]}
    return [*words, *(stated.pop() if len(stated) == 1 else ())]


def _files(result: Result) -> list[str]:
    """Return the words that name a model: its name if it was asked for by that, or its files without their folders."""
    files = list(result.network.get("files", ()))
    return files if files and not result.network.get("named") else [result.model]


def _stated(network: Mapping[str, Any]) -> Iterable[str]:
    """Yield the options that say how pixels are prepared, where the model's own files do not."""
    if network.get("stated_preprocessing") or not network.get("preprocessing"):
        return
    told = network["preprocessing"]
    yield from ("--channel-order", told["channel_order"])
    for name, neutral in (("mean", 0.0), ("scale", 1.0)):
        values = told.get(name) or ()
        if all(isinstance(value, float) for value in values) and any(value != neutral for value in values):
            ordered = reversed(values) if told["channel_order"] == "BGR" else values
            yield from (f"--{name}", ",".join(f"{value:.7g}" for value in ordered))


def _limits(results: Sequence[Result]) -> list[str]:
    """Return how long a round measures, where that is the same for all."""
    found = {
        (limits["samples"], limits["seconds"])
        for result in results
        if (limits := result.configuration.get("task", {}).get("limits"))
    }
    if len(found) != 1:
        return []
    samples, seconds = found.pop()
    return ["--samples", str(samples), "--seconds", f"{seconds:g}"]


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _all(option: str, values: Iterable[object]) -> list[str]:
    told = ",".join(str(value) for value in values)
    return [option, told] if told else []
