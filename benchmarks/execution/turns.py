"""One turn of one cell: its task, its process, and the result whatever becomes of that."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.artefacts.request import Answer
from benchmarks.cells import TOLERANCES, Task, configuration_hash
from benchmarks.execution import child, environment, models, outcome
from benchmarks.execution.cell import TIMED, Plan, Step
from benchmarks.execution.pace import PACE, Pace
from benchmarks.machine import facts, load, software
from benchmarks.measuring import peak
from benchmarks.records.result import Measured, Result
from benchmarks.runners import load as load_runner

# What of a task says where files lie, or how long is waited, and so decides no figure.
NO_FIGURE = ("files", "probe", "head", "faces")


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all turns of a run."""

    run: str
    machine: Mapping[str, Any]
    code_sha256: str
    commit: software.Commit
    answers: Mapping[tuple[str, ...], Answer]
    inputs: Mapping[str, str]
    pace: Pace


class Turn:
    """One step of a plan, ready to be run."""

    def __init__(self, plan: Plan, step: Step, surroundings: Surroundings) -> None:
        self.plan = plan
        self.step = step
        self.surroundings = surroundings
        cell = step.cell
        self._runner = load_runner(cell.runner)
        self._answer = surroundings.answers[cell.model] if cell.model else Answer(input_shape=(1, 1, 1))

    @cached_property
    def task(self) -> Task:
        """Return what the measuring process is told; its files are missing where they could not be made."""
        cell, answer, request = self.step.cell, self._answer, self.plan.request
        channels, height, width = answer.input_shape
        with_head = cell.scenario == "accuracy"
        return Task(
            model=answer.model,
            runner=cell.runner,
            settings=cell.settings,
            batch=cell.batch,
            scenario=cell.scenario,
            files=answer.files_for(cell.kind, cell.batch),
            nodes=answer.nodes,
            input_shape=(channels, height, width),
            probe=answer.probe,
            tolerance=TOLERANCES[cell.settings.precision],
            limits=self.plan.limits,
            seed=request.seed,
            head=str(Path(request.head).resolve()) if with_head else "",
            faces=str(Path(request.faces).resolve()) if with_head else "",
        )

    @cached_property
    def variables(self) -> dict[str, str]:
        """Return the environment variables that are set for this cell."""
        settings = self.step.cell.settings
        return environment.variables(settings.threads, self._runner.environment(settings))

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """Return all that decides the figures, as JSON values; it does not change from round to round."""
        told = {name: value for name, value in self.task.to_json().items() if name not in NO_FIGURE}
        told["limits"] = {name: value for name, value in told["limits"].items() if name != "timeout_seconds"}
        found = {
            "task": told,
            "model_sha256": self._answer.model_sha256,
            "probe": models.probe_inputs(self._answer) if self._answer.probe else "",
            "inputs": dict(self.surroundings.inputs) if self.step.cell.scenario == "accuracy" else {},
            "versions": software.versions(self._packages()),
            "environment": self.variables,
            "machine": dict(self.surroundings.machine),
            "code_sha256": self.surroundings.code_sha256,
        }
        plain: dict[str, Any] = json.loads(json.dumps(found))
        return plain

    def _packages(self) -> list[str]:
        return list(peak.LIBRARIES if self.step.cell.scenario == "peak" else (*self._runner.packages, "numpy"))

    @property
    def key(self) -> str:
        """Return the key that the result will have."""
        return f"{configuration_hash(self.configuration)}{self.step.twin.lower()}-{self.step.round}"

    def run(self, attempts: int = 0) -> Result:
        """Measure, or find out why that cannot be; only an interruption raises.

        A measurement of times that others disturbed is made again, as often as the plan says: what is chosen by is the
        disturbance, which knows nothing of the figures. The last one stays, with its verdict. After `attempts` in an
        earlier turn there is one more.
        """
        cell = self.step.cell
        began = datetime.now(UTC)
        unmade = self._answer.reason(cell.kind, cell.batch) if cell.model else ""
        if unmade:
            return self._result(began, outcome.unmade(cell.kind, unmade), None, {})
        disturbed = [""]
        most = 1 + (attempts or self.plan.repeats)
        while disturbed and attempts < most:
            attempts += 1
            measured, ended, state = self._paced()
            disturbed = self._disturbances(measured, state)
        judged = measured.model_copy(update={"verdicts": [*measured.verdicts, *disturbed]})
        return self._result(began, judged, ended, {**state, "attempts": attempts})

    def disturbed(self, result: Result) -> bool:
        """Return whether others disturbed a measurement of times, as far as is known now."""
        return bool(self._disturbances(result.measured, result.machine))

    def _disturbances(self, measured: Measured, state: Mapping[str, Any]) -> list[str]:
        if self.step.cell.scenario not in TIMED or measured.status != "ok":
            return []
        slowed = self.surroundings.pace.reason(state)
        return outcome.disturbances(state, self.plan.busy_fraction) + ([slowed] if slowed else [])

    def _paced(self) -> tuple[Measured, child.Ended, dict[str, Any]]:
        """Measure between two looks at the machine's pace, where a processor's times are measured."""
        cell, pace = self.step.cell, self.surroundings.pace
        if not pace.watched or cell.scenario not in TIMED or cell.settings.device != "cpu":
            return self._measured()
        before = pace.before()
        measured, ended, state = self._measured()
        return measured, ended, {**state, PACE: [before, pace.take()]}

    def _measured(self) -> tuple[Measured, child.Ended, dict[str, Any]]:
        """Run the process once; return what it measured, how it ended, and what the machine was like meanwhile."""
        before = load.ticks()
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            told, written = Path(folder) / "task.json", Path(folder) / "measured.json"
            told.write_text(json.dumps(self.task.to_json()), encoding="utf-8")
            command = child.python("benchmarks.measuring", str(told), str(written))
            timeout = self.plan.limits.timeout_seconds
            ended = child.run(command, {**environment.clean(), **self.variables}, timeout)
            disturbance = load.between(before, load.ticks(), ended.processor_seconds)
            state = facts.passing(disturbance, self.step.cell.settings.device)
            return outcome.of(ended, written, timeout), ended, state

    def _result(
        self, began: datetime, measured: Measured, ended: child.Ended | None, state: Mapping[str, Any]
    ) -> Result:
        cell, answer = self.step.cell, self._answer
        return Result(
            run=self.surroundings.run,
            model=answer.model,
            model_sha256=answer.model_sha256,
            runner=cell.runner,
            asked=asdict(cell.settings),
            batch=cell.batch,
            scenario=cell.scenario,
            round=self.step.round,
            twin=self.step.twin,
            configuration=self.configuration,
            machine={**self.surroundings.machine, **state},
            network={
                **answer.network,
                "artefact": dict(answer.facts.get(cell.kind, {})),
                "asked_nodes": list(self.plan.request.nodes),
            },
            commit=self.surroundings.commit.name,
            dirty=self.surroundings.commit.dirty,
            started=began.isoformat(timespec="milliseconds"),
            seconds=ended.seconds if ended else 0.0,
            exit_status=ended.exit_status if ended else None,
            stderr_tail=ended.tail if ended else "",
            measured=measured,
        )
