"""What is trained: each head that a training makes is a run of a recipe with its seeds and learning rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from converters.ops import Array
from heads.recipes.recipe import MlpSettings, Recipe
from heads.training.options import TrainOptions
from heads.training.selection import Scores

# Learned numbers that are trained at once: with gradients and Adam's two moments 16 bytes each, 1.6 GB.
AT_ONCE = 100_000_000
# Learned numbers from which on a worker has more to do than Python has to say to it: less is quicker in one stack.
WORTH_A_WORKER = 400_000


@dataclass(frozen=True)
class Run:
    """One head to train: the `number`-th, made by a recipe. What a kind of head does not use is None.

    `point` is what a recipe lets validation choose: {"c": 0.1}.
    """

    number: int
    recipe: Recipe
    learning_rate: float | None = None
    initialisation_seed: int | None = None
    order_seed: int | None = None
    dropout_seed: int | None = None
    point: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> MlpSettings:
        """Return the settings of a network."""
        assert isinstance(self.recipe.settings, MlpSettings)
        return self.recipe.settings

    def told(self) -> dict[str, Any]:
        """Return what tells this run from others, as plain JSON values."""
        return {
            "run": self.number,
            "recipe": self.recipe.name,
            "learning_rate": self.learning_rate,
            "initialisation_seed": self.initialisation_seed,
            "order_seed": self.order_seed,
            "dropout_seed": self.dropout_seed,
            "point": dict(self.point),
        }


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run came to: its arrays (None where they were not worth keeping) and scores, or why it failed.

    `loss_calibrated` is the validation loss at the run's own best temperature, by which runs of all kinds compare.
    """

    run: Run
    arrays: Mapping[str, Array] | None = None
    scores: Scores | None = None
    loss_calibrated: float | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    failure: str = ""
    warnings: tuple[str, ...] = ()

    def key(self, selection: str) -> tuple[float, float]:
        """Return what is larger for a better run; only for one that did not fail."""
        assert self.scores is not None and self.loss_calibrated is not None
        return replace(self.scores, loss=self.loss_calibrated).key(selection)

    def told(self) -> dict[str, Any]:
        """Return all but the arrays as plain JSON values."""
        found = self.scores
        return {
            **self.run.told(),
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "val_loss": found and found.loss,
            "val_loss_calibrated": self.loss_calibrated,
            "val_accuracy": found and found.accuracy,
            "val_macro": found and found.macro,
            "val_worst_group": found and found.worst_group,
            "failure": self.failure,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, eq=False)
class Pass:
    """Networks that see the same batches: going over the faces once trains them all.

    Those of one stack have layers of the same widths and differ in their numbers alone.
    """

    batch_size: int
    order_seed: int
    stacks: tuple[tuple[Run, ...], ...]


def network_runs(recipes: Sequence[Recipe], options: TrainOptions, first: int = 0) -> list[Run]:
    """Return the runs of all networks among the recipes: each with every learning rate and every seed."""
    runs: list[Run] = []
    for recipe in recipes:
        if not isinstance(recipe.settings, MlpSettings):
            continue
        for rate in options.learning_rates or (recipe.settings.learning_rate,):
            runs += [
                Run(
                    first + len(runs) + seed,
                    recipe,
                    rate,
                    options.initialisation_seed + seed,
                    options.order_seed + (seed if options.vary_order else 0),
                    options.dropout_seed + seed,
                )
                for seed in range(options.seeds)
            ]
    return runs


def passes(runs: Sequence[Run], dimension: int, workers: int) -> list[Pass]:
    """Put runs together that see the same batches, as many as fit into memory; stacks for so many workers."""
    alike: dict[tuple[int, int], list[list[Run]]] = {}
    for run in runs:
        groups = alike.setdefault((run.settings.batch_size, int(run.order_seed or 0)), [[]])
        held = sum(each.settings.parameters(dimension) for each in groups[-1])
        if groups[-1] and held + run.settings.parameters(dimension) > AT_ONCE:
            groups.append([])
        groups[-1].append(run)
    return [
        Pass(batch_size, order_seed, _stacks(group, dimension, workers))
        for (batch_size, order_seed), groups in alike.items()
        for group in groups
    ]


def _stacks(runs: Sequence[Run], dimension: int, workers: int) -> tuple[tuple[Run, ...], ...]:
    stacks: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        own = run.settings
        key = (own.hidden, own.dropout, own.standardise, own.beta_1, own.beta_2, own.epsilon)
        stacks.setdefault(key, []).append(run)
    shares = max(1, workers // len(stacks))
    return tuple(part for stack in stacks.values() for part in _divided(stack, min(shares, _worth(stack, dimension))))


def _worth(stack: Sequence[Run], dimension: int) -> int:
    """Return how many workers a stack has enough work for."""
    return max(1, len(stack) * stack[0].settings.parameters(dimension) // WORTH_A_WORKER)


def _divided(runs: Sequence[Run], shares: int) -> list[tuple[Run, ...]]:
    """Return the runs in at most so many parts of nearly the same size."""
    size = -(-len(runs) // shares)
    return [tuple(runs[start : start + size]) for start in range(0, len(runs), size)]
