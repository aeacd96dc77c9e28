"""The command that measures a table's rows again."""

import shlex
from collections.abc import Iterable, Sequence

from benchmarks.cells import PRECISIONS, SCENARIOS
from benchmarks.records.result import Result
from benchmarks.statistics.rows import Row


def command(rows: Sequence[Row], results: Sequence[Result]) -> str:
    """Return a `bench run` whose cells hold those of all rows.

    It names what the options multiply with each other, so it may hold more cells than the rows come from.
    """
    runs = {(result.run, result.round) for result in results}
    scenarios = {result.scenario for result in results}
    words = ["bench", "run"]
    words += _each("--model", sorted({row.model for row in rows}))
    words += _each("--runner", sorted({f"{row.runner}:{row.call_path}" for row in rows}))
    words += _all("--device", sorted({row.device for row in rows}))
    words += _all("--batch", sorted({row.batch for row in rows}))
    words += _all("--precision", [name for name in PRECISIONS if any(row.precision == name for row in rows)])
    words += _all("--threads", sorted({row.threads for row in rows}))
    words += _all("--scenario", [name for name in SCENARIOS if name in scenarios])
    words += ["--rounds", str(max((number for _, number in runs), default=0) + 1)]
    return shlex.join(words)


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _all(option: str, values: Iterable[object]) -> list[str]:
    told = ",".join(str(value) for value in values)
    return [option, told] if told else []
