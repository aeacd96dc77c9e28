"""The commands that measure, and that say what could be measured."""

from dataclasses import asdict
from typing import Any

from benchmarks.command_line import arguments as arg
from benchmarks.errors import BenchError
from converters.command_line import terminal
from converters.command_line.application import listed


def list_runners(given: Any) -> None:
    """Show every runner with its versions, and what really runs here."""
    from benchmarks.execution import runtimes
    from benchmarks.runners import RUNNERS

    with terminal.progress() as progress:
        done: list[str] = []

        def trying(name: str) -> None:
            progress(f"trying {name}", len(done) / len(RUNNERS))
            done.append(name)

        found = runtimes.list_runners(trying)
    if given.json:
        terminal.say_json([asdict(each) for each in found])
        return
    table = terminal.table("runner", "version", "device", "precisions", "call paths", shortened="call paths")
    for each in found:
        _list_one(table, each)
    terminal.out.print(table)
    terminal.say("A precision is listed for a device that computed something in it; `bench run` reads back the rest.")


def _list_one(table: Any, found: Any) -> None:
    from benchmarks.runners import load

    version = next(iter(found.versions.values()), "")
    if found.problem:
        table.add_row(found.runner, version, "-", "", found.problem)
        return
    paths = load(found.runner).call_paths
    for place, device in enumerate(found.devices):
        there = [name for name, path in paths.items() if device.name.split(":")[0] in path.devices]
        told = device.problem or ", ".join(there)
        first = place == 0
        table.add_row(
            found.runner if first else "", version if first else "", device.name, ", ".join(device.precisions), told
        )


def run(given: Any) -> None:
    """Measure a suite, or what was asked for instead, and show the table."""
    from benchmarks.execution import planning, running
    from benchmarks.records import folder as records

    request = _request(given)
    planned = planning.plan(request)
    if given.dry_run:
        _show_plan(planned, running.seconds_of(planned), as_json=given.json)
        return
    with terminal.progress() as progress:
        done = running.run(planned, given.out, resume=given.resume, progress=_Shown(progress))
    terminal.warn([f"left out: {each.what}: {each.reason}" for each in planned.left_out] if given.verbose else [])
    if given.json:
        terminal.say_json({**asdict(done), "folder": str(done.folder)})
    else:
        _show_tables(records.read_all(given.out))
        _show_summary(done, len(planned.left_out))
    if "ok" not in done.statuses:
        raise BenchError(["no cell ended well:", *done.problems])


def _show_tables(results: Any) -> None:
    from benchmarks.tables.formats import render
    from benchmarks.tables.making import table

    terminal.say(render(table(results, columns="brief"), "text"))


def _show_summary(done: Any, left_out: int) -> None:
    told = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    kept = f", {done.kept} kept from before" if done.kept else ""
    terminal.say(f"{done.measured} measured{kept} in {done.seconds / 60:.1f} min ({told}); results in {done.folder}")
    if left_out:
        terminal.say(f"{left_out} kinds of cells cannot be here; --dry-run says which, and why")


def _show_plan(planned: Any, seconds: float, *, as_json: bool) -> None:
    if as_json:
        terminal.say_json(
            {
                "cells": [cell.title for cell in planned.cells],
                "turns": len(planned.steps),
                "left_out": [asdict(each) for each in planned.left_out],
                "seconds": seconds,
            }
        )
        return
    for cell in planned.cells:
        terminal.say(cell.title)
    for each in planned.left_out:
        terminal.say(f"left out: {each.what}: {each.reason}")
    turns = f"{len(planned.cells)} cells, {len(planned.steps)} turns in {planned.rounds} rounds"
    terminal.say(f"{turns}; about {seconds / 60:.0f} min")


class _Shown:
    """Tells a person on the terminal which turn it is, and how long it all will take."""

    def __init__(self, reporter: terminal.Reporter) -> None:
        self._tell = reporter
        self._done = 0.0

    def preparing(self, what: str) -> None:
        self._tell(what, 0.0)

    def started(self, step: Any, number: int, total: int, seconds_left: float) -> None:
        left = f"{seconds_left / 60:.0f} min" if seconds_left > 90 else f"{seconds_left:.0f} s"
        self._done = (number - 1) / total
        self._tell(f"{number}/{total} {step.cell.title} (round {step.round + 1}, {left} left)", self._done)

    def finished(self, step: Any, result: Any, seconds_left: float) -> None:
        del seconds_left
        if result.measured.status != "ok":
            terminal.warn([f"{step.cell.title}: {result.measured.status}: {result.measured.reason}"])

    def kept(self, step: Any, number: int, total: int) -> None:
        self._tell(f"{number}/{total} {step.cell.title} is there", number / total)

    def waiting(self, reason: str) -> None:
        self._tell(reason, self._done)


def _request(given: Any) -> Any:
    from benchmarks.execution.request import Request, group_models

    same = (
        "suite", "rounds", "samples", "seconds", "timeout_seconds", "head", "faces", "images", "probe_images",
        "channel_order", "seed", "work",
    )  # fmt: skip
    return Request(
        **{name: getattr(given, name) for name in same},
        models=group_models(given.models),
        nodes=tuple(given.nodes),
        runners=tuple(given.runners),
        devices=listed(given.devices),
        scenarios=listed(given.scenarios),
        mean=arg.numbers(given.mean, "--mean"),
        scale=arg.numbers(given.scale, "--scale"),
        batches=arg.counts(given.batches, "--batch"),
        precisions=arg.precisions(given.precisions),
        threads=arg.threads(given.threads),
        instructions=listed(given.instructions),
    )


def doctor(given: Any) -> None:
    """Show what is installed and what would disturb a measurement."""
    from benchmarks.execution.diagnosis import diagnose

    found = diagnose()
    if given.json:
        terminal.say_json({"machine": dict(found.machine), "findings": [asdict(each) for each in found.findings]})
    else:
        for name, value in found.machine.items():
            if not isinstance(value, dict | list) and value not in ("", None):
                terminal.say(f"{name.replace('_', ' '):<28} {value}")
        for finding in found.findings:
            terminal.say(f"{finding.kind}: {finding.text}", "yellow" if finding.kind in ("disturbs", "missing") else "")
    if not found.healthy:
        raise BenchError([each.text for each in found.findings if each.kind == "broken"])
