"""What a recipe is: a kind of head and all settings that decide how it is trained."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from converters.errors import did_you_mean
from heads.errors import UsageError
from heads.recipes.rules import RULE, number, setting, several, whole, word, yes_or_no


@dataclass(frozen=True)
class Settings:
    """What every kind of head states: whether inputs lose the training faces' mean and get their unit deviation."""

    standardise: bool = setting(yes_or_no())

    def problems(self) -> dict[str, str]:
        """Return what does not fit together: the name of a setting -> what is wrong with it."""
        return {}


@dataclass(frozen=True)
class MlpSettings(Settings):
    """Dense layers of `hidden` units, each followed by the activation and by dropout, then one logit.

    Adam as in its paper's section 2 (`epsilon` stands beside the root of the uncorrected second moment). After
    `reduce_patience` epochs without improvement the learning rate is multiplied by `reduce_factor`, after
    `stop_patience` the training ends; 0 means never. An improvement is one by more than `least_improvement`.
    """

    hidden: tuple[int, ...] = setting(several(whole(1)))
    dropout: tuple[float, ...] = setting(several(number(least=0, below=1)))
    activation: str = setting(word("relu"))
    initialisation: str = setting(word("glorot-uniform", "fan-in-uniform"))
    optimizer: str = setting(word("adam"))
    learning_rate: float = setting(number(above=0))
    beta_1: float = setting(number(least=0, below=1))
    beta_2: float = setting(number(least=0, below=1))
    epsilon: float = setting(number(above=0))
    batch_size: int = setting(whole(1))
    epochs: int = setting(whole(1))
    reduce_patience: int = setting(whole(0))
    reduce_factor: float = setting(number(above=0, below=1))
    least_learning_rate: float = setting(number(least=0))
    stop_patience: int = setting(whole(0))
    least_improvement: float = setting(number(least=0))

    def problems(self) -> dict[str, str]:
        """Return what does not fit together."""
        if len(self.hidden) == len(self.dropout):
            return {}
        return {"dropout": f"has {len(self.dropout)} rates for {len(self.hidden)} hidden layers; give one for each"}

    def parameters(self, dimension: int) -> int:
        """Return how many numbers such a head learns on embeddings of this length."""
        widths = (dimension, *self.hidden, 1)
        return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(widths))


@dataclass(frozen=True)
class LinearSettings(Settings):
    """Logistic regression with an L2 penalty: the best of `c` on validation, `refit` on "train" or "train+val"."""

    c: tuple[float, ...] = setting(several(number(above=0)))
    iterations: int = setting(whole(1))
    tolerance: float = setting(number(above=0))
    refit: str = setting(word("train", "train+val"))


@dataclass(frozen=True)
class SvmSettings(Settings):
    """A support vector machine with the kernel exp(-gamma |x - s|²), gamma = factor / (dimension * variance)."""

    c: tuple[float, ...] = setting(several(number(above=0)))
    gamma_factor: tuple[float, ...] = setting(several(number(above=0)))
    tolerance: float = setting(number(above=0))
    refit: str = setting(word("train", "train+val"))


@dataclass(frozen=True)
class KnnSettings(Settings):
    """The labels of the nearest training faces; the best of `neighbours` on validation."""

    neighbours: tuple[int, ...] = setting(several(whole(1)))
    metric: str = setting(word("euclidean", "cosine"))


@dataclass(frozen=True)
class CentroidSettings(Settings):
    """The nearer of the two labels' mean embeddings."""


KINDS: dict[str, type[Settings]] = {
    "mlp": MlpSettings,
    "linear": LinearSettings,
    "svm": SvmSettings,
    "knn": KnnSettings,
    "centroid": CentroidSettings,
}


@dataclass(frozen=True)
class Recipe:
    """A named kind of head with its settings."""

    name: str
    settings: Settings
    description: str = ""

    @property
    def kind(self) -> str:
        """Return which kind of head it makes."""
        return next(kind for kind, made in KINDS.items() if type(self.settings) is made)

    def told(self) -> dict[str, Any]:
        """Return all settings as plain JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.settings).items()
        }

    def with_settings(self, **changes: Any) -> "Recipe":
        """Return the recipe with other settings; UsageError lists all that cannot be."""
        settings, problems = checked(self.kind, {**self.told(), **changes})
        if settings is None:
            raise UsageError([f"recipe '{self.name}': {problem}" for problem in problems.values()])
        return replace(self, settings=settings)


def checked(kind: str, given: Mapping[str, Any]) -> tuple[Settings | None, dict[str, str]]:
    """Return the settings of a kind of head, or None and what is wrong with each setting by name."""
    rules = {each.name: each.metadata[RULE] for each in fields(KINDS[kind])}
    problems = {
        name: f"there is no setting '{name}' of kind '{kind}'{did_you_mean(name, rules)}"
        for name in given
        if name not in rules
    }
    for name, rule in rules.items():
        if name not in given:
            problems[name] = f"the setting '{name}' is missing: {rule.words}"
        elif not rule.accepts(given[name]):
            problems[name] = f"'{name}' is {given[name]!r}, expected {rule.words}"
    if problems:
        return None, problems
    settings = KINDS[kind](**{name: rule.convert(given[name]) for name, rule in rules.items()})
    unfit = {name: f"'{name}' {problem}" for name, problem in settings.problems().items()}
    return (None, unfit) if unfit else (settings, {})
