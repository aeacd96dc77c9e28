"""From what was asked for to a plan: the suite's choices with the person's in their place, every cell and its turns."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cells import Limits
from benchmarks.errors import BenchError, UsageError
from benchmarks.execution.cell import Cell, Plan
from benchmarks.execution.choosing import Axes, Chosen, choose
from benchmarks.execution.order import schedule
from benchmarks.execution.request import Choice, Request
from benchmarks.execution.runtimes import Found, found_of
from benchmarks.machine import processor
from benchmarks.suites import Suite, load_suite
from heads.errors import HeadsError
from heads.models.head import load_head

SHOWN_REASONS = 4


def plan(request: Request, devices_of: Callable[[str], Found] = found_of) -> Plan:
    """Return every cell that will be measured, in order, and what was left out and why.

    What the suite's product holds beyond what can be is left out. What was asked for by name is measured at least
    once: a runner, precision, batch ... of which no cell remains is refused (BenchError). UsageError for what makes no
    sense. Nothing is converted and, unless GPUs or precisions other than fp32-strict are asked for, nothing started.
    """
    problems = request.problems()
    if problems:
        raise UsageError(problems)
    suite = load_suite(request.suite)
    request = _with_nodes(request)
    axes = _axes(request, suite)
    chosen = choose(axes, devices_of)
    _refuse_nothing(request, chosen)
    rounds = request.rounds or suite.rounds
    return Plan(
        request=request,
        suite=suite.name,
        rounds=rounds,
        limits=_limits(request, suite.limits),
        busy_fraction=suite.busy_fraction,
        repeats=suite.repeats if request.repeats is None else request.repeats,
        cells=tuple(chosen.cells),
        steps=schedule(chosen.cells, rounds, request.seed),
        left_out=chosen.left_out(),
    )


def _with_nodes(request: Request) -> Request:
    """Return the request with the nodes that its head reads, unless others are named: then the measurement refuses."""
    if not request.head or request.nodes:
        return request
    try:
        return replace(request, nodes=load_head(Path(request.head)).embedding.nodes)
    except HeadsError as error:
        raise BenchError(error.problems) from error


def _axes(request: Request, suite: Suite) -> Axes:
    available = processor.threads_available()
    devices = request.devices or suite.devices
    wrong = [each for each in devices if not re.fullmatch(r"cpu|cuda:\d+", each)]
    if wrong:
        raise UsageError(
            [f"--device {each}: there is no such thing; write cpu, or cuda:0, cuda:1 ..." for each in wrong]
        )
    scenarios = request.scenarios or (*suite.scenarios, *(["accuracy"] if request.head else []))
    if "accuracy" in scenarios and not request.head:
        raise UsageError(f"the suite '{suite.name}' measures accuracy: give --head and --faces, or other scenarios")
    return Axes(
        models=_once(request.models or suite.models),
        choices=_choices(request.runners or suite.runners),
        devices=_once(devices),
        precisions=_once(request.precisions or suite.precisions),
        threads=_once(each or available for each in request.threads or suite.threads),
        instructions=_once(request.instructions or suite.instructions),
        batches=_once(request.batches or suite.batches),
        scenarios=_once(scenarios),
        threads_available=available,
    )


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _choices(texts: Iterable[str]) -> tuple[Choice, ...]:
    problems, found = [], []
    for text in texts:
        try:
            found.append(Choice.parse(text))
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    return _once(found)


def _limits(request: Request, limits: Limits) -> Limits:
    """Return the limits with those that were asked for; a process never gets less time than it is to measure."""
    seconds = request.seconds or limits.seconds
    enough = 4 * seconds + limits.warm_up_seconds + 60
    timeout = request.timeout_seconds or max(limits.timeout_seconds, enough if request.seconds else 0)
    samples = request.samples or limits.samples
    return replace(limits, seconds=seconds, timeout_seconds=timeout, samples=samples)


def _refuse_nothing(request: Request, chosen: Chosen) -> None:
    """Refuse what was asked for by name and has no cell left, with the reasons."""
    named = [
        *(("--runner", text, _of_runner(text)) for text in request.runners),
        *(("--device", each, _equals("device", each)) for each in request.devices),
        *(("--precision", each, _equals("precision", each)) for each in request.precisions),
        *(("--threads", str(each), _equals("threads", each)) for each in request.threads if each),
        *(("--instructions", each, _equals("instructions", each)) for each in request.instructions),
        *(("--scenario", each, _of_scenario(each)) for each in request.scenarios),
    ]
    empty = [(option, text) for option, text, fits in named if not any(map(fits, chosen.cells))]
    if not chosen.cells and not empty:
        empty = [("--suite", request.suite)]
    if empty:
        raise BenchError(
            [f"{option} {text}: nothing of it can be measured here{_why(chosen, text)}" for option, text in empty]
        )


def _of_runner(text: str) -> Callable[[Cell], bool]:
    choice = Choice.parse(text)
    return lambda cell: (
        cell.scenario != "peak"
        and cell.runner == choice.runner
        and choice.call_path in ("", "*", cell.settings.call_path)
    )


def _equals(name: str, value: object) -> Callable[[Cell], bool]:
    return lambda cell: getattr(cell.settings, name) == value


def _of_scenario(name: str) -> Callable[[Cell], bool]:
    return lambda cell: cell.scenario == name


def _why(chosen: Chosen, text: str) -> str:
    """Return the reasons that concern what was named, or all of them where none names it."""
    told = [f"{each.what}: {each.reason}" for each in chosen.left_out()]
    ours = [line for line in told if text.partition(":")[0] in line] or told
    more = f"; and {len(ours) - SHOWN_REASONS} more" if len(ours) > SHOWN_REASONS else ""
    return f" ({'; '.join(ours[:SHOWN_REASONS])}{more})" if ours else ""
