"""How well a network still answers: what is drawn over its latency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.statistics.digits import alone, small, spelled
from benchmarks.statistics.rows import Estimate, Row

# Cosines of float32 vectors are known to about this; a smaller loss is drawn here.
FLOOR = 1e-8


@dataclass(frozen=True)
class Measure:
    """`read` gives a row's value for the `axis`, or None; higher is better where `rising`, lower elsewhere."""

    name: str
    axis: str
    read: Callable[[Row], Estimate | None]
    rising: bool
    spell: Callable[[Estimate], str] = lambda estimate: spelled(estimate)[0]
    logarithmic: bool = False

    def better(self, value: float, than: float) -> bool:
        """Return whether one value is better than another."""
        return value > than if self.rising else value < than


def measures(rows: Sequence[Row]) -> list[Measure]:
    """Return what can be drawn of these rows: the accuracy of each head, other answers, and loss of the cosine."""
    heads = dict.fromkeys(score.head for row in rows for score in row.scores)
    return [*(_accuracy(head) for head in heads), OTHER_ANSWERS, COSINE]


def _accuracy(head: str) -> Measure:
    def read(row: Row) -> Estimate | None:
        of_head = (score for score in row.scores if (score.name, score.head, score.group) == ("accuracy", head, ""))
        return _percent(next((score.estimate for score in of_head), None))

    return Measure(
        f"accuracy {head}".strip(), f"accuracy of {head or 'the head'}, %", read, rising=True, spell=_one_decimal
    )


def _one_decimal(estimate: Estimate) -> str:
    return f"{spelled(estimate, least_decimals=1)[0]} %"


def _percent(share: Estimate | None) -> Estimate | None:
    if share is None:
        return None
    low, high = (None if each is None else 100 * each for each in (share.low, share.high))
    return Estimate(100 * share.value, low, high, share.n)


def _other_answers(row: Row) -> Estimate | None:
    found = row.disagreement
    if found is None:
        return None
    return Estimate(found.per_ten_thousand, found.per_ten_thousand, found.upper_per_ten_thousand, found.images)


def _cosine_loss(row: Row) -> Estimate | None:
    return None if row.cosine is None else Estimate(max(FLOOR, 1 - row.cosine))


OTHER_ANSWERS = Measure("answers", "answers other than the reference's, per 10 000", _other_answers, rising=False,
                        spell=lambda estimate: alone(estimate.value))  # fmt: skip
COSINE = Measure("cosine", f"1 - cosine to the reference (at least {FLOOR:g})", _cosine_loss, rising=False,
                 spell=lambda estimate: small(estimate.value), logarithmic=True)  # fmt: skip
