"""From labelled embeddings to a head in a folder: the whole of a training."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from converters.command_line.terminal import Reporter
from converters.files.staging import Stage, check_output, commit
from heads.embeddings.labelled import Labelled
from heads.errors import UsageError
from heads.models.head import Head, save_head
from heads.recipes.recipe import MlpSettings, Recipe
from heads.training import classical, recording, seen
from heads.training.calibration import calibrate
from heads.training.checkpoint import Checkpoints
from heads.training.data import TrainingData, training_data
from heads.training.judging import Judge, classical_outcomes
from heads.training.network_training import HISTORY, PassTraining
from heads.training.options import TrainOptions
from heads.training.runs import Outcome, network_runs, passes
from heads.training.stack import FRAMEWORKS

FITTED_ON_TRAIN = "train"
HISTORY_FILE, RUNS_FILE = "history.csv", "runs.csv"
# Columns of runs.csv that hold whole numbers, or nothing where a kind of head has no such thing.
WHOLE = ("initialisation_seed", "order_seed", "dropout_seed", "epochs", "best_epoch")


@dataclass(frozen=True, eq=False)
class Trained:
    """The head that was chosen, and how all came to be.

    `history` has a row for each network after each epoch: the training loss is the mean over the epoch's batches while
    learning, dropout and class weights included; what is measured on validation has neither. `runs` has a row for each
    head that was trained. `warnings` are what a user must see. `resumed` says that an earlier start was taken up.
    """

    head: Head
    history: pd.DataFrame
    runs: pd.DataFrame
    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    resumed: bool = False


def train(
    labelled: Labelled,
    recipes: Recipe | Sequence[Recipe],
    options: TrainOptions,
    folder: Path,
    report: Reporter = lambda _title, _fraction: None,
) -> Trained:
    """Train every recipe with every seed and learning rate, and write the best head on validation into `folder`.

    head.json and weights.safetensors, history.csv, runs.csv and seen.safetensors (hashes of the faces it was made of)
    appear together at the end. Until then a hidden folder beside it keeps what was done: the same call goes on from
    there, to the same bytes. DataError, UsageError and TrainingError say what cannot be trained on or came to nothing.
    """
    check_output(folder, force=options.force, folder=True)
    chosen = _checked([recipes] if isinstance(recipes, Recipe) else list(recipes), options)
    report("reading embeddings", 0.0)
    data = training_data(labelled, options)
    work = _Work(labelled, data, chosen, options)
    kept = Checkpoints(folder, work.key())
    outcomes, history, resumed = _outcomes(work, kept, report)
    head, warnings = _finished(work, outcomes)
    if kept.replaced:
        warnings = [f"{kept.folder.name}: an unfinished training with other data or settings was given up", *warnings]
    runs = _runs_table(outcomes, head)
    faces = seen.record(labelled, data, refitted=head.facts["fitted_on"] != FITTED_ON_TRAIN)
    files = _written(head, history, runs, faces, folder, options)
    kept.remove()
    return Trained(head, history, runs, tuple(files), tuple(warnings), resumed)


class _Work:
    """What a training is about, hashed once."""

    def __init__(
        self, labelled: Labelled, data: TrainingData, recipes: Sequence[Recipe], options: TrainOptions
    ) -> None:
        self.labelled, self.data, self.recipes, self.options = labelled, data, recipes, options
        self.digest = data.digest()
        self.judge = Judge(data, labelled.spec, options)
        self.framework = FRAMEWORKS[options.framework]
        kinds = {isinstance(recipe.settings, MlpSettings) for recipe in recipes}
        self.environments = [*([self.framework.environment()] if True in kinds else [])]
        self.environments += [classical.environment()] if False in kinds else []

    def key(self) -> str:
        """Return a sha256 over all that decides which head comes out."""
        told = [
            [{"name": recipe.name, "kind": recipe.kind, **recipe.told()} for recipe in self.recipes],
            self.options.training(),
            self.labelled.spec.key,
            self.digest,
            recording.software(self.environments),
            self.environments,
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _checked(recipes: list[Recipe], options: TrainOptions) -> list[Recipe]:
    names = [recipe.name for recipe in recipes]
    problems = [
        f"the recipe '{name}' is given more than once" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if not recipes:
        problems.append("there is no recipe to train")
    networks = [recipe for recipe in recipes if isinstance(recipe.settings, MlpSettings)]
    asked = {
        "learning rates": bool(options.learning_rates),
        "more than one seed": options.seeds > 1,
        "the framework 'keras'": options.framework == "keras",
    }
    if recipes and not networks:
        problems += [
            f"{what} mean nothing for {', '.join(names)}: no network is trained" for what, is_ in asked.items() if is_
        ]
    if problems:
        raise UsageError(problems)
    return recipes


def _outcomes(work: _Work, kept: Checkpoints, report: Reporter) -> tuple[list[Outcome], pd.DataFrame, bool]:
    """Return what all runs came to, the networks' history, and whether anything was taken up from an earlier start."""
    outcomes, history, resumed = _networks(work, kept, report)
    number = len(outcomes)
    for recipe in work.recipes:
        if isinstance(recipe.settings, MlpSettings):
            continue
        found, was_kept = classical_outcomes(recipe, number, work.judge, kept, report)
        outcomes, resumed = outcomes + found, resumed or was_kept
        number += len(found)
    return outcomes, history, resumed


def _networks(work: _Work, kept: Checkpoints, report: Reporter) -> tuple[list[Outcome], pd.DataFrame, bool]:
    runs = network_runs(work.recipes, work.options)
    outcomes: list[Outcome] = []
    rows: list[list[Any]] = []
    resumed = False
    planned = passes(runs, work.data.dimension, work.framework.workers) if runs else []
    for number, each in enumerate(planned):
        training = PassTraining(each, f"pass-{number}", work.data, work.framework, work.options.selection, kept)
        resumed = resumed or training.epoch > 0
        heads = sum(map(len, each.stacks))
        title = f"training {heads} heads" + (f", pass {number + 1} of {len(planned)}" if len(planned) > 1 else "")
        outcomes += map(work.judge.judged, training.run(report, title))
        rows += training.history
    history = pd.DataFrame(sorted(rows, key=lambda row: (row[0], row[2])), columns=list(HISTORY))
    return sorted(outcomes, key=lambda outcome: outcome.run.number), history, resumed


def _finished(work: _Work, outcomes: list[Outcome]) -> tuple[Head, list[str]]:
    """Return the chosen head, calibrated and with its facts, and the warnings."""
    best = work.judge.best(outcomes)
    values = work.judge.logits(best)
    calibration, how, calibration_warnings = calibrate(values, work.data.val_targets, work.options)
    again = classical.refitted(best.run.recipe.settings, best.run.point, work.data)
    arrays = best.arrays if again is None else again.arrays
    failed = [f"run {one.run.number} failed: {one.failure}" for one in outcomes if one.failure]
    warnings = [*best.warnings, *(() if again is None else again.warnings), *calibration_warnings, *failed]
    head = replace(work.judge.head(best.run, arrays), calibration=calibration)
    return head.with_facts(
        data=recording.data_facts(work.labelled, work.data, work.options, work.digest),
        backbone=list(work.labelled.backbone),
        software=recording.software(work.environments),
        options=work.options.training(),
        description=best.run.recipe.description,
        parameters=head.parameters,
        selection=recording.selection_facts(work.data, work.options),
        chosen=best.told(),
        fitted_on=FITTED_ON_TRAIN if again is None else "train and val; what is said of val was measured before",
        calibration=how,
        runs=recording.run_facts(outcomes),
        warnings=warnings,
    ), warnings


def _runs_table(outcomes: Sequence[Outcome], head: Head) -> pd.DataFrame:
    rows = [
        {
            **outcome.told(),
            "point": json.dumps(dict(outcome.run.point)) if outcome.run.point else "",
            "warnings": "; ".join(outcome.warnings),
            "chosen": outcome.run.number == head.facts["chosen"]["run"],
        }
        for outcome in outcomes
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(WHOLE, "Int64"))


def _written(
    head: Head, history: pd.DataFrame, runs: pd.DataFrame, faces: bytes, folder: Path, options: TrainOptions
) -> list[Path]:
    with Stage(folder, force=options.force) as stage:
        with stage.writing():
            stage.path.mkdir()
            files = [
                *save_head(head, stage.path),
                *(stage.path / name for name in (HISTORY_FILE, RUNS_FILE, seen.SEEN)),
            ]
            history.to_csv(stage.path / HISTORY_FILE, index=False, lineterminator="\n")
            runs.to_csv(stage.path / RUNS_FILE, index=False, lineterminator="\n")
            (stage.path / seen.SEEN).write_bytes(faces)
        commit([stage])
    return [folder / path.name for path in files]
