"""Metrics of every group in every resample: all groups see the same draws, so that their differences can be drawn."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heads.metrics.formulas import FORMULAS, PROPORTIONS, calibration_noise
from heads.metrics.prepared import Prepared
from heads.metrics.ranking import RANKED, Ranking
from heads.metrics.resampling import resamples
from heads.metrics.slices import Slice
from heads.metrics.sums import Sums, Tally

Array = np.ndarray[Any, Any]
NOISE = "ece_noise"
# Proportions have Wilson's interval; of accuracy the differences between groups are drawn.
DRAWN = ("accuracy", *(name for name in FORMULAS if name not in PROPORTIONS), *RANKED)


@dataclass(frozen=True, eq=False)
class _Group:
    """One group's part of the draws: its faces, what they sum up to, their order, the metrics that are drawn."""

    tally: Tally
    known: Sums
    ranking: Ranking | None
    names: tuple[str, ...]

    def measure(self, weights: Array) -> Iterator[tuple[str, Array]]:
        """Yield each metric's name and its values (draws,) for weights (draws, all faces)."""
        own = np.take(weights, self.tally.faces, axis=1)  # indexing would order it by faces, and slow all that follows
        sums = self.tally.drawn(own)
        for name in self.names:
            if name in FORMULAS:
                yield name, FORMULAS[name](sums)
        if "ece" in self.names:
            yield NOISE, calibration_noise(sums, self.known)
        if self.ranking:
            yield from zip(RANKED, self.ranking.measure(own), strict=True)


def draw(prepared: Prepared, groups: Sequence[Slice], names: Sequence[Sequence[str]]) -> list[dict[str, Array]]:
    """Return for each group the values (resamples,) of the metrics `names` asks for there, if they are drawn at all.

    With "ece" comes NOISE: the calibration error that the draws would show of a head without any.
    """
    parts = [_group(prepared, group, wanted) for group, wanted in zip(groups, names, strict=True)]
    found: list[dict[str, list[Array]]] = [defaultdict(list) for _ in parts]
    for weights in resamples(prepared.people, prepared.options.resamples, prepared.options.seed):
        for part, lists in zip(parts, found, strict=True):
            for name, values in part.measure(weights):
                lists[name].append(values)
    return [{name: np.concatenate(chunks) for name, chunks in lists.items()} for lists in found]


def _group(prepared: Prepared, group: Slice, wanted: Sequence[str]) -> _Group:
    names = tuple(name for name in DRAWN if name in wanted)
    scores = prepared.scores
    tally = Tally(scores, prepared.options.bins, group.faces)
    ranked = set(RANKED) & set(names)
    ranking = Ranking(scores.probabilities[tally.faces], scores.targets[tally.faces]) if ranked else None
    return _Group(tally, tally.sums(), ranking, names)
