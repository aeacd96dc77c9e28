"""Runs a plan: one process for each turn, one file for each result, whatever becomes of the process."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from time import perf_counter

from benchmarks.artefacts.request import Answer, Request
from benchmarks.errors import BenchError
from benchmarks.execution import models
from benchmarks.execution.cell import Plan
from benchmarks.execution.pace import PACE, PATIENCE_SECONDS, Pace
from benchmarks.execution.progress import Estimate, Progress, Silent
from benchmarks.execution.turns import Surroundings, Turn
from benchmarks.machine import facts, processor, software
from benchmarks.records import folder as records
from benchmarks.records.result import Result


@dataclass(frozen=True)
class Summary:
    """What came of a run. `statuses` counts its turns by how they ended; `kept` were there from before.

    `problems` holds one line for each cell that did not end well, or whose figures may not be published.
    """

    run: str
    folder: Path
    statuses: Mapping[str, int]
    measured: int
    kept: int
    problems: tuple[str, ...]
    seconds: float


def run(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    make: Callable[[Request], Answer] = models.make,
) -> Summary:
    """Measure all cells of a plan and write one file for each turn into `folder`.

    A folder holds one run: results that lie there already are refused, or with `resume` kept, and what is missing is
    measured. BenchError where a model cannot be used or the folder not written. An interruption ends the process that
    measures; what had been written stays, and `resume` goes on from there. What others disturbed is measured again when
    all the rest is done, that of an earlier part of the run included.
    """
    shown = progress or Silent()
    _check_threads(plan)
    before = _before(folder, resume=resume)
    began = datetime.now(UTC)
    surroundings = Surroundings(
        run=_run_of(before) or f"{began:%Y%m%dT%H%M%SZ}-{token_hex(3)}",
        machine=facts.lasting(),
        code_sha256=software.code_sha256(),
        commit=software.commit(),
        answers=_made(plan, shown, make),
        inputs=models.input_hashes(plan.request),
        pace=_pace(plan, before, shown),
    )
    turns = [Turn(plan, step, surroundings) for step in plan.steps]
    results = _run_all(turns, Estimate(plan.limits), {result.key: result for result in before}, folder, shown)
    if plan.repeats:
        results = _run_disturbed(turns, results, folder, shown)
    return Summary(
        run=surroundings.run,
        folder=folder,
        statuses=Counter(result.measured.status for result, _ in results),
        measured=sum(new for _, new in results),
        kept=sum(not new for _, new in results),
        problems=tuple(
            dict.fromkeys(
                line for (result, _), turn in zip(results, turns, strict=True) for line in _problems(turn, result)
            )
        ),
        seconds=(datetime.now(UTC) - began).total_seconds(),
    )


def _check_threads(plan: Plan) -> None:
    """Refuse a plan made elsewhere: more threads than can run at once measure the scheduler."""
    available = processor.threads_available()
    asked = max((cell.settings.threads for cell in plan.cells), default=0)
    if asked > available:
        raise BenchError(f"{asked} threads are asked for, {available} can run at once here; ask for fewer")


def _before(folder: Path, *, resume: bool) -> list[Result]:
    there = records.files(folder)
    if there and not resume:
        raise BenchError(
            f"{folder}: holds {len(there)} results already; continue that run with --resume, or name another folder"
        )
    return records.read_files(there)


def _run_of(before: list[Result]) -> str:
    """Return the name of the run that is continued: that of the latest result."""
    return before[-1].run if before else ""


def _pace(plan: Plan, before: list[Result], progress: Progress) -> Pace:
    known = [taken for result in before for taken in result.machine.get(PACE, ())]
    patience = PATIENCE_SECONDS if plan.repeats else 0.0
    return Pace(plan.busy_fraction, patience, known=known, tell=progress.waiting)


def _made(plan: Plan, progress: Progress, make: Callable[[Request], Answer]) -> dict[tuple[str, ...], Answer]:
    """Return the artefacts of each model; BenchError lists all models that cannot be used."""
    answers, problems = {}, []
    for model in plan.models:
        progress.preparing(" ".join(model))
        try:
            answers[model] = make(models.request_for(plan, model))
        except BenchError as error:
            problems += error.problems
    if problems:
        raise BenchError(problems)
    return answers


def _run_all(
    turns: list[Turn], estimate: Estimate, before: Mapping[str, Result], folder: Path, progress: Progress
) -> list[tuple[Result, bool]]:
    """Run what has no result yet; return the result of each turn, and whether it is new."""
    results: list[tuple[Result, bool]] = []
    waiting = [turn for turn in turns if turn.key not in before]
    for number, turn in enumerate(turns, start=1):
        if turn.key in before:
            progress.kept(turn.step, number, len(turns))
            results.append((before[turn.key], False))
            continue
        progress.started(turn.step, number, len(turns), estimate.total(each.step for each in waiting))
        start = perf_counter()
        result = turn.run()
        records.write(result, folder)
        waiting.remove(turn)
        estimate.learn(turn.step.cell, perf_counter() - start)
        results.append((result, True))
        progress.finished(turn.step, result, estimate.total(each.step for each in waiting))
    return results


def _run_disturbed(
    turns: list[Turn], results: list[tuple[Result, bool]], folder: Path, progress: Progress
) -> list[tuple[Result, bool]]:
    """Run again what others disturbed: they may have gone, and only now is known how fast this machine can be."""
    again = [number for number, turn in enumerate(turns) if turn.disturbed(results[number][0])]
    done = list(results)
    for count, number in enumerate(again, start=1):
        turn = turns[number]
        progress.started(turn.step, count, len(again), sum(results[each][0].seconds for each in again[count - 1 :]))
        result = turn.run(attempts=results[number][0].machine["attempts"])
        records.write(result, folder)
        done[number] = (result, True)
        progress.finished(turn.step, result, sum(results[each][0].seconds for each in again[count:]))
    return done


def _problems(turn: Turn, result: Result) -> list[str]:
    title, measured = turn.step.cell.title, result.measured
    if measured.status != "ok":
        return [f"{title}: {measured.status}: {measured.reason}"]
    return [f"{title}: {verdict}" for verdict in measured.verdicts]


def seconds_of(plan: Plan) -> float:
    """Return how long a plan will probably take, before anything of it was run."""
    return Estimate(plan.limits).total(plan.steps)
