"""What runs came to, by what their heads say of the validation faces; and the choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from converters.command_line.terminal import Reporter
from converters.ops import Array
from heads.errors import TrainingError
from heads.models.head import Head
from heads.models.inference import logits
from heads.provenance import EmbeddingSpec
from heads.recipes.recipe import Recipe
from heads.training import classical, soundness
from heads.training.calibration import fit_temperature
from heads.training.checkpoint import Checkpoints
from heads.training.data import TrainingData
from heads.training.options import TrainOptions
from heads.training.runs import Outcome, Run
from heads.training.selection import Scores, log_loss, scores

# These count and average faces, whatever they weigh.
WEIGHTLESS = ("knn", "centroid")


@dataclass(frozen=True, eq=False)
class Judge:
    """Measures heads on the validation faces."""

    data: TrainingData
    spec: EmbeddingSpec
    options: TrainOptions

    def head(self, run: Run, arrays: Any) -> Head:
        """Return the head that a run made, not calibrated yet."""
        return Head(run.recipe.name, run.recipe.kind, self.data.labels, arrays, run.recipe.told(), self.spec)

    def logits(self, outcome: Outcome) -> Array:
        """Return what an outcome's head says of the validation faces."""
        return logits(self.head(outcome.run, outcome.arrays), self.data.val_vectors)

    def judged(self, outcome: Outcome) -> Outcome:
        """Return an outcome with its scores and warnings; one that failed stays as it is."""
        if outcome.arrays is None:
            return outcome
        values, targets = self.logits(outcome), self.data.val_targets
        temperature, _ = fit_temperature(values, targets)
        found = scores(values[None], targets, self.data.groups)[0]
        kind = outcome.run.recipe.kind
        warnings = [*outcome.warnings, *soundness.warnings(values, targets, self.data.labels, kind)]
        if kind in WEIGHTLESS and self.options.class_weights != "none":
            warnings.append(f"class weights have no effect on a head of kind '{kind}'")
        return replace(
            outcome,
            scores=found,
            loss_calibrated=float(log_loss(values / temperature, targets)),
            warnings=tuple(warnings),
        )

    def best(self, outcomes: Sequence[Outcome]) -> Outcome:
        """Return the best outcome, the first among equals; TrainingError where all failed."""
        sound = [outcome for outcome in outcomes if outcome.scores is not None]
        if not sound:
            raise TrainingError([f"{_named(outcome.run)}: {outcome.failure}" for outcome in outcomes])
        return max(sound, key=lambda outcome: outcome.key(self.options.selection))


def classical_outcomes(
    recipe: Recipe, first: int, judge: Judge, kept: Checkpoints, report: Reporter
) -> tuple[list[Outcome], bool]:
    """Return what each point of a recipe's grid came to, arrays with the best alone.

    Whether this was taken up from an earlier start is the second value.
    """
    name = f"recipe-{first}"
    found = kept.load(name)
    if found is not None:
        return _restored(recipe, *found), True
    outcomes: list[Outcome] = []
    for number, each in enumerate(classical.candidates(recipe.settings, judge.data)):
        report(f"{recipe.name} {_pointed(each.point)}", 0.0)
        run = Run(first + number, recipe, point=each.point)
        outcomes.append(judge.judged(Outcome(run, each.arrays, warnings=each.warnings)))
        best = judge.best(outcomes)
        # Support vectors and stored faces are large: only the best so far keeps its own.
        outcomes = [one if one is best else replace(one, arrays=None) for one in outcomes]
    best = judge.best(outcomes)
    kept.save(name, best.arrays or {}, {"outcomes": [one.told() for one in outcomes], "best": best.run.number})
    return outcomes, False


def _restored(recipe: Recipe, arrays: dict[str, Array], told: Any) -> list[Outcome]:
    return [_outcome(recipe, each, arrays if each["run"] == told["best"] else None) for each in told["outcomes"]]


def _outcome(recipe: Recipe, told: dict[str, Any], arrays: dict[str, Array] | None) -> Outcome:
    """Return the outcome that `told` of a classical run was written by."""
    known = Scores(told["val_loss"], told["val_accuracy"], told["val_macro"], told["val_worst_group"])
    run = Run(told["run"], recipe, point=told["point"])
    return Outcome(run, arrays, known, told["val_loss_calibrated"], warnings=tuple(told["warnings"]))


def _named(run: Run) -> str:
    seeds = "" if run.initialisation_seed is None else f", seed {run.initialisation_seed}"
    rate = "" if run.learning_rate is None else f", learning rate {run.learning_rate:g}"
    return f"{run.recipe.name}{rate}{seeds}{_pointed(run.point)}"


def _pointed(point: Any) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in point.items())
