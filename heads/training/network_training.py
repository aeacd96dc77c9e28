"""Networks trained side by side: going over the faces once an epoch, for all heads of a pass."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.command_line.terminal import Reporter
from converters.ops import Array
from heads.models.head import INPUT_MEAN, INPUT_SCALE
from heads.recipes.recipe import MlpSettings
from heads.training.checkpoint import Checkpoints
from heads.training.data import TrainingData, aligned, gathered
from heads.training.runs import Outcome, Pass, Run
from heads.training.schedule import Progress, failure
from heads.training.seeds import batches, dropout_masks, initial_weights
from heads.training.selection import Scores, scores
from heads.training.stack import Framework, Stack

# A row of the history: one head after one epoch.
HISTORY = (
    "run",
    "recipe",
    "epoch",
    "learning_rate",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_macro",
    "val_worst_group",
)
# Learned numbers of one stack from which on several threads share its products.
WORTH_SHARING = 4_000_000


@dataclass
class _Team:
    """The heads of one stack: those in `active` are still trained, in this order; `best` are layers by head."""

    runs: Sequence[Run]
    stack: Stack
    progress: list[Progress]
    active: list[int]
    best: dict[int, list[Array]]

    @property
    def settings(self) -> MlpSettings:
        return self.runs[0].settings

    def rates(self) -> list[float]:
        return [self.progress[head].learning_rate for head in self.active]


class PassTraining:
    """One pass: trains its heads to the end, writing down after epochs how far it is."""

    def __init__(
        self, each: Pass, name: str, data: TrainingData, framework: Framework, selection: str, kept: Checkpoints
    ) -> None:
        self._pass, self._name, self._data, self._framework = each, name, data, framework
        self._selection, self._kept = selection, kept
        self.epoch = 0
        self.history: list[list[Any]] = []
        self._teams = [_begin(runs, data.dimension, framework) for runs in each.stacks]
        self._val = {team.settings.standardise: gathered(data.vectors, data.val_rows) for team in self._teams}
        for team in {team.settings.standardise: team for team in self._teams}.values():
            self._standardise(team, self._val[team.settings.standardise])
        self._resume()

    def run(self, report: Reporter, title: str) -> list[Outcome]:
        """Train until every head has ended, and return what they came to."""
        most = max(run.settings.epochs for runs in self._pass.stacks for run in runs)
        with self._framework.threads(self._threads()), ThreadPoolExecutor(len(self._teams)) as workers:
            while any(team.active for team in self._teams):
                report(title, self.epoch / most)
                self.epoch += 1
                active = [team for team in self._teams if team.active]
                # A team of its own for each core beats sharing every product: nobody waits before the epoch's end.
                for team, losses in zip(active, workers.map(self._one_epoch, active), strict=True):
                    self._judge(team, losses)
                if self._kept.due(self._name) or not any(team.active for team in self._teams):
                    self._write_down()
        return [outcome for team in self._teams for outcome in self._outcomes(team)]

    def _threads(self) -> int | None:
        """Return how many threads share a product: one beside other teams, or where it would be too small to share."""
        single = self._teams[0].settings.parameters(self._data.dimension) * len(self._teams[0].runs)
        return 1 if len(self._teams) > 1 or single < WORTH_SHARING else None

    def _one_epoch(self, team: _Team) -> Array:
        """Learn from every face once; return the heads' mean losses, as they were while learning."""
        data, total = self._data, np.zeros(len(team.active))
        order = batches(len(data.train_rows), self._pass.batch_size, self._pass.order_seed, self.epoch)
        seeds = [int(team.runs[head].dropout_seed or 0) for head in team.active]
        masks = dropout_masks(team.settings, seeds, self.epoch, [len(chosen) for chosen in order])
        batch = aligned((len(order[0]), data.dimension))
        for chosen, drawn in zip(order, masks, strict=True):
            rows = data.train_rows[chosen]
            inputs = gathered(data.vectors, rows, batch[: len(rows)])
            self._standardise(team, inputs)
            losses = team.stack.step(inputs, data.targets[rows], data.weights[rows], drawn, team.rates())
            total += losses * len(rows)
        return np.asarray(total / len(data.train_rows))

    def _judge(self, team: _Team, losses: Array) -> None:
        """Measure the heads on validation, note their bests, and let those go whose training has ended."""
        if not team.active:
            return
        values = team.stack.logits(self._val[team.settings.standardise])
        found = scores(values, self._data.val_targets, self._data.groups)
        layers: list[Array] = []
        for place, (head, loss, score) in enumerate(zip(team.active, losses, found, strict=True)):
            progress, run = team.progress[head], team.runs[head]
            self.history.append(_row(run, self.epoch, progress.learning_rate, float(loss), score))
            why = failure(float(loss), score)
            if why:
                progress.fail(self.epoch, why)
            elif progress.advance(self.epoch, score, self._selection, run.settings):
                layers = layers or team.stack.layers()
                team.best[head] = [layer[place].copy() for layer in layers]
        going_on = [place for place, head in enumerate(team.active) if not team.progress[head].ended]
        if len(going_on) < len(team.active):
            team.active = [team.active[place] for place in going_on]
            if going_on:
                team.stack.keep(going_on)

    def _standardise(self, team: _Team, vectors: Array) -> None:
        """Standardise in place, if that is what the team's heads are trained on."""
        if team.settings.standardise:
            mean, scale = self._data.standardisation
            np.subtract(vectors, mean, out=vectors)
            np.multiply(vectors, scale, out=vectors)

    def _outcomes(self, team: _Team) -> list[Outcome]:
        return [
            Outcome(
                run,
                _arrays(team.best[head], run.settings, self._data)
                if head in team.best and not progress.failure
                else None,
                epochs=progress.epochs,
                best_epoch=progress.best_epoch or None,
                failure=progress.failure,
            )
            for head, (run, progress) in enumerate(zip(team.runs, team.progress, strict=True))
        ]

    def _write_down(self) -> None:
        arrays: dict[str, Array] = {}
        for number, team in enumerate(self._teams):
            if team.active:
                arrays |= {f"{number}.state.{name}": array for name, array in team.stack.state().items()}
            for head, layers in team.best.items():
                arrays |= {f"{number}.best.{head}.{layer}": array for layer, array in enumerate(layers)}
        teams = [{"active": team.active, "progress": [one.to_json() for one in team.progress]} for team in self._teams]
        self._kept.save(self._name, arrays, {"epoch": self.epoch, "teams": teams, "history": self.history})

    def _resume(self) -> None:
        found = self._kept.load(self._name)
        if found is None:
            return
        arrays, told = found
        self.epoch, self.history = told["epoch"], told["history"]
        for number, (team, known) in enumerate(zip(self._teams, told["teams"], strict=True)):
            team.progress = [Progress.from_json(each) for each in known["progress"]]
            team.active = known["active"]
            for head in range(len(team.runs)):
                best = _numbered(arrays, f"{number}.best.{head}.")
                if best:
                    team.best[head] = [best[str(layer)] for layer in range(len(best))]
            if team.active:
                team.stack.keep(team.active)
                team.stack.restore(_numbered(arrays, f"{number}.state."))


def _begin(runs: Sequence[Run], dimension: int, framework: Framework) -> _Team:
    drawn = [initial_weights(run.settings, dimension, int(run.initialisation_seed or 0)) for run in runs]
    stack = framework.create([np.stack(layers) for layers in zip(*drawn, strict=True)], runs[0].settings)
    progress = [Progress(float(run.learning_rate or run.settings.learning_rate)) for run in runs]
    return _Team(runs, stack, progress, list(range(len(runs))), {})


def _row(run: Run, epoch: int, rate: float, loss: float, score: Scores) -> list[Any]:
    return [run.number, run.recipe.name, epoch, rate, loss, score.loss, score.accuracy, score.macro, score.worst_group]


def _numbered(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _arrays(layers: Sequence[Array], settings: MlpSettings, data: TrainingData) -> dict[str, Array]:
    """Return a head's arrays from its layers."""
    names = [f"{what}_{layer + 1}" for layer in range(len(settings.hidden) + 1) for what in ("weight", "bias")]
    arrays = dict(zip(names, layers, strict=True))
    if settings.standardise:
        arrays[INPUT_MEAN], arrays[INPUT_SCALE] = data.standardisation
    return arrays
