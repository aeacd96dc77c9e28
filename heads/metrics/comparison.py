"""Two heads on the same images: who is right where the other is wrong, and how far their metrics lie apart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from heads.errors import MismatchError
from heads.metrics.draws import draw
from heads.metrics.intervals import bootstrap_interval
from heads.metrics.options import EvaluateOptions
from heads.metrics.prepared import Prepared, prepare
from heads.metrics.rows import metric_value
from heads.metrics.scores import NAMED, Scores
from heads.metrics.slices import Slice
from heads.metrics.values import Value

Array = np.ndarray[Any, Any]
COMPARED = ("accuracy", "balanced_accuracy", "f1", "roc_auc")


@dataclass(frozen=True)
class Comparison:
    """Two heads compared image by image; a difference is the second head's value less the first one's.

    `mcnemar` is the two-sided exact p of the hypothesis that both are as often right, faces taken as independent.
    `by_people` is the same by turning whole people around at random, None where no person has several faces.
    """

    names: tuple[str, str]
    n: int
    people: int
    both_right: int
    first_only: int
    second_only: int
    both_wrong: int
    mcnemar: float
    by_people: float | None
    values: Mapping[str, tuple[Value, Value]]
    differences: Mapping[str, Value]


def compare(
    first: Scores,
    second: Scores,
    names: tuple[str, str] = ("first", "second"),
    options: EvaluateOptions | None = None,
) -> Comparison:
    """Compare two heads on the same images, matched by path; MismatchError lists all that keeps them apart."""
    options = options or EvaluateOptions()
    second = _matched(first, second, names)
    sides = (prepare(first, options), prepare(second, options))
    right = [scores.predicted == scores.targets for scores in (first, second)]
    first_only, second_only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    people = sides[0].people
    values, differences = _differences(*sides)
    return Comparison(
        names,
        len(first),
        int(people.max()) + 1,
        int((right[0] & right[1]).sum()),
        first_only,
        second_only,
        int((~right[0] & ~right[1]).sum()),
        exact_mcnemar(first_only, second_only),
        _people_turned(right[1].astype(int) - right[0], people, options) if sides[0].clustered else None,
        values,
        differences,
    )


def exact_mcnemar(first_only: int, second_only: int) -> float:
    """Return the two-sided p of McNemar's test (1947) by the binomial distribution, in whole numbers until the end."""
    count = first_only + second_only
    ways, term = 0, 1
    for hits in range(min(first_only, second_only) + 1):
        ways += term
        term = term * (count - hits) // (hits + 1)
    return min(1.0, (2 * ways) / (1 << count))


def _people_turned(better: Array, people: Array, options: EvaluateOptions) -> float:
    """Return how often a difference as large comes about when people are turned around at random.

    That exchanges the heads for all faces of a person; `better` (faces,) is 1, 0 or -1.
    """
    sums = np.bincount(people, weights=better)
    sums = sums[sums != 0]
    signs = np.random.default_rng(options.seed).integers(0, 2, (options.resamples, len(sums)), np.int8) * 2 - 1
    as_large = int((np.abs(signs @ sums) >= abs(sums.sum())).sum())
    return (as_large + 1) / (options.resamples + 1)


def _differences(first: Prepared, second: Prepared) -> tuple[dict[str, tuple[Value, Value]], dict[str, Value]]:
    everyone = Slice((), np.arange(len(first.scores)))
    missing = [side.absences(everyone) for side in (first, second)]
    wanted = [name for name in COMPARED if name not in missing[0] and name not in missing[1]]
    # The same seed and the same people: both heads see the same draws.
    drawn = [draw(side, [everyone], [wanted])[0] for side in (first, second)]
    values, differences = {}, {}
    for name in COMPARED:
        pair = [_value(side, everyone, name) for side in (first, second)]
        values[name] = (pair[0], pair[1])
        if name in wanted:
            interval, note = bootstrap_interval(drawn[1][name] - drawn[0][name], first.options.level, (-1, 1))
            difference = pair[1].number - pair[0].number
            differences[name] = Value(difference, len(first.scores), interval=first.told(interval), note=note)
        else:
            differences[name] = next(replace(value) for value in pair if not value.defined)
    return values, differences


def _value(side: Prepared, everyone: Slice, name: str) -> Value:
    reason = side.absences(everyone).get(name)
    if reason:
        return Value(None, len(everyone.faces), reason.why)
    return Value(metric_value(side, everyone, name), len(everyone.faces))


def _matched(first: Scores, second: Scores, names: tuple[str, str]) -> Scores:
    """Return the second scores in the order of the first ones."""
    problems = [
        f"the scores of '{name}' say nothing of images; heads are compared image by image, matched by path"
        for name, scores in zip(names, (first, second), strict=True)
        if not len(scores.paths)
    ]
    if first.labels != second.labels:
        problems.append(
            f"'{names[0]}' tells {' from '.join(first.labels)}, '{names[1]}' tells {' from '.join(second.labels)} "
            "(the negative label first); only heads with the same labels can be compared"
        )
    if problems:
        raise MismatchError(problems)
    problems = _strangers(first, second, names)
    if problems:
        raise MismatchError(problems)
    order = np.argsort(second.paths)[np.argsort(np.argsort(first.paths))]
    return _agreeing(first, _taken(second, order), names)


def _strangers(first: Scores, second: Scores, names: tuple[str, str]) -> list[str]:
    problems = []
    for mine, theirs, place in ((first, second, 0), (second, first, 1)):
        alone = np.setdiff1d(mine.paths, theirs.paths)
        if len(alone):
            problems.append(
                f"{len(alone)} images were given to '{names[place]}' but not to '{names[1 - place]}': "
                f"{', '.join(alone[:NAMED])}{' ...' if len(alone) > NAMED else ''}; evaluate both on the same images"
            )
    return problems


def _taken(scores: Scores, order: Array) -> Scores:
    return replace(
        scores,
        probabilities=scores.probabilities[order],
        targets=scores.targets[order],
        identities=scores.identities[order],
        groups=scores.groups.iloc[order],
        paths=scores.paths[order],
    )


def _agreeing(first: Scores, second: Scores, names: tuple[str, str]) -> Scores:
    problems = []
    for what, mine, theirs in (
        ("label", first.label_names, second.label_names),
        ("identity", first.identities, second.identities),
    ):
        differing = np.flatnonzero(mine != theirs)
        if len(differing):
            one = differing[0]
            problems.append(
                f"{len(differing)} images have another {what} for '{names[1]}' than for '{names[0]}', the first is "
                f"{first.paths[one]}: '{theirs[one]}', not '{mine[one]}'; evaluate both with the same table"
            )
    if problems:
        raise MismatchError(problems)
    return second
