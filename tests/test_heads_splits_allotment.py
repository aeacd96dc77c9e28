"""How rows are divided over parts: what belongs together stays together, and every stratum gets its share."""

import numpy as np
import pytest

from heads.splits.allotment import allot

SHARES = [(0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.85, 0.15), (0.2,) * 5]


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def shares_by(parts: np.ndarray, strata: np.ndarray, count: int) -> np.ndarray:
    table = np.zeros((strata.max() + 1, count))
    np.add.at(table, (strata, parts), 1)
    return table


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", range(8))
def test_single_rows_miss_their_share_by_less_than_two(shares: tuple[float, ...], seed: int) -> None:
    count = int(rng(seed).integers(40, 400))
    label = rng(seed).integers(0, 2, count)
    fine = label * 7 + rng(seed + 100).integers(0, 7, count)
    parts = allot(np.arange(count), [label, fine], shares, rng(seed))
    for strata in (np.zeros(count, int), label, fine):
        counts = shares_by(parts, strata, len(shares))
        assert np.abs(counts - counts.sum(1, keepdims=True) * shares).max() < 2
    assert np.abs(np.bincount(parts) - np.array(shares) * count).max() <= 1 + 1e-9


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", range(8))
def test_units_stay_whole_and_shares_are_hit_as_well_as_they_allow(shares: tuple[float, ...], seed: int) -> None:
    sizes = np.minimum(rng(seed).zipf(1.8, 400), 40)
    units = np.repeat(rng(seed).permutation(400) * 3, sizes)
    label = np.repeat((rng(seed).random(400) < 0.3).astype(int), sizes)
    parts = allot(units, [label], shares, rng(seed))
    assert all(len(set(parts[units == unit].tolist())) == 1 for unit in np.unique(units))
    counts = shares_by(parts, label, len(shares))
    assert np.abs(counts / counts.sum(1, keepdims=True) - shares).max() < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_large_units_alone_are_off_by_less_than_one_of_them(seed: int) -> None:
    units = np.repeat(np.arange(60), 20)
    label = np.repeat(np.arange(60) % 3 == 0, 20).astype(int)
    parts = allot(units, [label], (0.7, 0.15, 0.15), rng(seed))
    counts = shares_by(parts, label, 3)
    assert np.abs(counts - counts.sum(1, keepdims=True) * [0.7, 0.15, 0.15]).max() <= 20


def test_units_of_mixed_labels_are_spread_for_every_label() -> None:
    units = np.repeat(np.arange(300), 4)
    label = rng(0).integers(0, 3, 1200)
    parts = allot(units, [label], (0.6, 0.2, 0.2), rng(1))
    counts = shares_by(parts, label, 3)
    assert np.abs(counts / counts.sum(1, keepdims=True) - [0.6, 0.2, 0.2]).max() < 0.01


def test_what_a_rare_stratum_rounds_is_made_up_for_elsewhere() -> None:
    # 50 strata of three faces each: on its own each of them would give val and test the same 0 or 1.
    fine = np.repeat(np.arange(50), 3)
    parts = allot(np.arange(150), [np.zeros(150, int), fine], (0.7, 0.15, 0.15), rng(2))
    assert np.bincount(parts).tolist() in ([105, 23, 22], [105, 22, 23])


def test_the_seed_decides_and_another_seed_gives_another_division() -> None:
    units, label = np.arange(200), rng(0).integers(0, 2, 200)
    first, again, other = (allot(units, [label], (0.7, 0.3), rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert 30 < (first != other).sum() < 150


def test_every_row_has_the_same_chance() -> None:
    label = np.arange(40) % 2
    times = np.mean([allot(np.arange(40), [label], (0.5, 0.5), rng(seed)) for seed in range(400)], axis=0)
    assert np.abs(times - 0.5).max() < 0.12  # five standard deviations
