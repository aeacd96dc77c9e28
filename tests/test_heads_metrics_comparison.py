"""Two heads on the same images: McNemar by hand, paired differences, and what cannot be compared."""

import numpy as np
import pytest
from scipy.stats import binomtest

from heads.errors import MismatchError
from heads.metrics import Comparison, EvaluateOptions, Scores, compare, evaluate
from heads.metrics.comparison import exact_mcnemar
from heads_scores import drawn_scores, plain_scores

FEW = EvaluateOptions(resamples=200)


def shuffled(scores: Scores, seed: int = 9) -> Scores:
    order = np.random.default_rng(seed).permutation(len(scores))
    return plain_scores(
        scores.probabilities[order],
        scores.targets[order],
        identities=scores.identities[order],
        groups=scores.groups.iloc[order],
        paths=scores.paths[order],
    )


def worse(scores: Scores, share: float, seed: int = 2) -> Scores:
    """The same faces, a share of the answers turned around."""
    turned = np.random.default_rng(seed).random(len(scores)) < share
    return plain_scores(
        np.where(turned, 1 - scores.probabilities, scores.probabilities),
        scores.targets,
        identities=scores.identities,
        groups=scores.groups,
        paths=scores.paths,
    )


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (3, 3), (2, 9), (10, 4), (700, 800), (0, 40)])
def test_mcnemar_is_the_binomial_test(counts: tuple[int, int]) -> None:
    expected = binomtest(counts[0], sum(counts), 0.5).pvalue if sum(counts) else 1.0
    assert exact_mcnemar(*counts) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_of_many_images() -> None:
    assert exact_mcnemar(0, 5000) == 0  # smaller than any float, and no overflow on the way
    assert exact_mcnemar(10_000, 10_000) == 1


def test_counts_and_differences_by_hand() -> None:
    first = plain_scores([0.9, 0.8, 0.3, 0.1, 0.7, 0.2], [True, True, True, False, False, False])
    second = plain_scores([0.9, 0.4, 0.6, 0.1, 0.2, 0.3], [True, True, True, False, False, False])
    found = compare(first, second, ("old", "new"), FEW)
    assert (found.both_right, found.first_only, found.second_only, found.both_wrong) == (3, 1, 2, 0)
    assert found.mcnemar == 1
    assert found.differences["accuracy"].number == pytest.approx(1 / 6)
    assert found.differences["f1"].number == pytest.approx(4 / 5 - 2 / 3)
    assert found.by_people is None
    assert found.names == ("old", "new")


def test_images_are_matched_by_path() -> None:
    scores = drawn_scores(300, people=100)
    other = worse(scores, 0.1)
    assert compare(scores, shuffled(other), options=FEW) == compare(scores, other, options=FEW)
    same = compare(scores, shuffled(scores), options=FEW)
    assert (same.first_only, same.second_only, same.mcnemar) == (0, 0, 1)
    assert same.differences["roc_auc"].number == 0
    assert same.by_people == 1


def test_pairing_makes_the_interval_narrower_than_two_of_them() -> None:
    scores = drawn_scores(400, shift=0.8)
    found = compare(scores, worse(scores, 0.03))
    interval = found.differences["accuracy"].interval
    alone = evaluate(scores).overall.metrics["accuracy"].interval
    assert interval is not None
    assert alone is not None
    assert interval.low < found.differences["accuracy"].number < interval.high
    assert interval.high - interval.low < 0.8 * (alone.high - alone.low)


def test_the_interval_of_a_difference_by_its_formula() -> None:
    scores = drawn_scores(2000, shift=0.8)
    other = worse(scores, 0.1)
    found = compare(scores, other, options=EvaluateOptions(resamples=4000))
    count, lost, won = len(scores), found.first_only, found.second_only
    spread = np.sqrt((lost + won) / count - ((won - lost) / count) ** 2) / np.sqrt(count)
    interval = found.differences["accuracy"].interval
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * spread, rel=0.06)


def test_people_are_turned_around_whole() -> None:
    # Ten people of 20 faces; the heads differ for one person alone: no evidence at all, though McNemar sees 20 faces.
    people = np.repeat([f"p{number}" for number in range(10)], 20)
    targets = np.tile([True, False], 100)
    good = np.where(targets, 0.8, 0.3)
    bad = np.where(people == "p0", 1 - good, good)
    found = compare(
        plain_scores(bad, targets, identities=people), plain_scores(good, targets, identities=people), options=FEW
    )
    assert found.mcnemar < 1e-5
    assert found.by_people == 1
    assert found.people == 10
    interval = found.differences["accuracy"].interval
    assert interval is not None
    assert interval.method == "bootstrap by identity"
    assert interval.low == 0


def test_what_is_undefined_stays_so() -> None:
    targets = [True, False, True, False, True]
    found = compare(
        plain_scores([1, 0, 1, 1, 0], targets), plain_scores([0.9, 0.2, 0.6, 0.7, 0.1], targets), options=FEW
    )
    assert "hard labels" in found.differences["roc_auc"].undefined
    assert found.values["roc_auc"][1].defined
    assert found.differences["accuracy"].number == 0


def refusal(first: Scores, second: Scores) -> list[str]:
    with pytest.raises(MismatchError) as caught:
        compare(first, second, ("old", "new"), FEW)
    return caught.value.problems


def test_other_images_are_refused_both_ways() -> None:
    first = plain_scores([0.1, 0.9, 0.8], [False, True, True])
    second = plain_scores([0.1, 0.9], [False, True], paths=np.array(["00000.jpg", "other.jpg"]))
    problems = refusal(first, second)
    assert "2 images were given to 'old' but not to 'new': 00001.jpg, 00002.jpg" in problems[0]
    assert "1 images were given to 'new' but not to 'old': other.jpg" in problems[1]


def test_other_labels_and_people_are_refused() -> None:
    first = plain_scores([0.1, 0.9], [False, True], identities=np.array(["a", "b"]))
    second = plain_scores([0.1, 0.9], [True, True], identities=np.array(["a", "c"]))
    problems = refusal(first, second)
    assert (
        "1 images have another label for 'new' than for 'old', the first is 00000.jpg: 'female', not 'male'"
        in (problems[0])
    )
    assert "another identity" in problems[1]


def test_heads_of_other_labels_or_without_images_are_refused() -> None:
    first = plain_scores([0.1, 0.9], [False, True])
    second = plain_scores([0.1, 0.9], [False, True], labels=("female", "male"), paths=np.empty(0, str))
    problems = refusal(first, second)
    assert "say nothing of images" in problems[0]
    assert "'old' tells male from female, 'new' tells female from male" in problems[1]


def test_a_comparison_is_seeded() -> None:
    def made(seed: int) -> Comparison:
        scores = drawn_scores(200, people=60)
        return compare(scores, worse(scores, 0.1), options=EvaluateOptions(resamples=200, seed=seed))

    assert made(1) == made(1)
    assert made(1) != made(2)
