"""Sets, pairs of close bit patterns and of similar embeddings: all are found, against comparing every pair."""

import numpy as np
import pandas as pd
import pytest

from heads.checks import similarity
from heads.checks.components import Components
from heads.checks.hamming import ORDER, chunks, close_pairs
from heads.checks.similarity import Vectors, find_similar
from heads.errors import DataError, UsageError


def all_pairs(patterns: np.ndarray, distance: int) -> dict[tuple[int, int], int]:
    bits = np.unpackbits(patterns, axis=1).astype(np.float32)
    differing = bits.sum(1)[:, None] + bits.sum(1) - 2 * bits @ bits.T
    first, second = np.nonzero(np.triu(differing <= distance, 1))
    return {(int(i), int(j)): int(differing[i, j]) for i, j in zip(first, second, strict=True)}


def found_pairs(patterns: np.ndarray, distance: int) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for first, second, bits in close_pairs(patterns, distance):
        for i, j, differing in zip(first.tolist(), second.tolist(), bits.tolist(), strict=True):
            assert (i, j) not in found
            found[i, j] = differing
    return found


def patterns_with_copies(count: int, copies: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count + copies, 256), dtype=np.uint8)
    for number in range(copies):
        bits[count + number] = bits[rng.integers(count)]
        bits[count + number, rng.choice(256, number % 40, replace=False)] ^= 1
    return np.packbits(bits, axis=1)


@pytest.mark.parametrize("distance", [0, 1, 8, 31])
@pytest.mark.parametrize("seed", range(3))
def test_no_close_pair_is_missed_or_told_twice(distance: int, seed: int) -> None:
    patterns = patterns_with_copies(700, 160, seed)
    expected = all_pairs(patterns, distance)
    assert len(expected) >= 4
    assert found_pairs(patterns, distance) == expected


def test_bits_that_differ_as_evenly_as_possible_are_found() -> None:
    # 31 bits over 16 chunks: one chunk differs in one bit, all others in two.
    first = np.zeros(256, np.uint8)
    second = first.copy()
    for chunk in range(16):
        second[ORDER[chunk * 16 : chunk * 16 + (1 if chunk == 15 else 2)]] = 1
    noise = np.random.default_rng(0).integers(0, 2, (500, 256), dtype=np.uint8)
    patterns = np.packbits(np.vstack([first, second, noise]), axis=1)
    assert found_pairs(patterns, 31) == {(0, 1): 31}
    assert found_pairs(patterns, 30) == {}


def test_patterns_that_are_all_alike_are_compared_pair_by_pair() -> None:
    bits = np.random.default_rng(1).random((150, 256)) < 0.04
    patterns = np.packbits(bits, axis=1)
    assert found_pairs(patterns, 20) == all_pairs(patterns, 20)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_patterns_have_no_pair(count: int) -> None:
    assert found_pairs(np.zeros((count, 32), np.uint8), 31) == {}


def test_every_bit_is_in_one_chunk() -> None:
    one_bit_each = np.packbits(np.eye(256, dtype=np.uint8), axis=1)
    keys = chunks(one_bit_each)
    assert (np.bitwise_count(keys).sum(1) == 1).all()
    assert (np.bitwise_or.reduce(keys, axis=0) == 2**16 - 1).all()


def test_a_distance_beyond_what_is_found_for_certain_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 31"):
        list(close_pairs(np.zeros((2, 32), np.uint8), 32))


@pytest.mark.parametrize("seed", range(10))
def test_sets_are_those_of_walking_from_neighbour_to_neighbour(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 60
    first, second = rng.integers(0, count, (2, rng.integers(0, 80)))
    sets = Components(count)
    for part in np.array_split(np.arange(len(first)), 4):
        sets.join(first[part], second[part])
    linked = np.eye(count, dtype=bool)
    linked[first, second] = linked[second, first] = True
    reachable = np.linalg.matrix_power(linked.astype(float), count) > 0
    assert sets.labels().tolist() == [int(np.flatnonzero(row)[0]) for row in reachable]


def test_equal_values_are_one_set() -> None:
    sets = Components(6)
    sets.join_equal(np.array([5, 1, 5, 2, 1, 5]))
    assert sets.labels().tolist() == [0, 1, 0, 3, 1, 0]


def copied_vectors(count: int, dimension: int, seed: int) -> Vectors:
    """Make vectors that are never negative, the last tenth of them nearly as others."""
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.standard_normal((count, dimension)) + 2 * rng.random(dimension), 0)
    tenth = count // 10
    values[-tenth:] = values[:tenth] + np.linspace(0, 0.8, tenth)[:, None] * rng.standard_normal((tenth, dimension))
    return Vectors([f"{number}.jpg" for number in range(count)], values.astype(np.float32))


@pytest.mark.parametrize("dimension", [8, 300])
@pytest.mark.parametrize("many", [0.0, 1.0], ids=["one product", "each pair"])
def test_similar_embeddings_are_all_found(dimension: int, many: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "MANY_FRACTION", many)
    monkeypatch.setattr(similarity, "ROWS", 128)
    vectors = copied_vectors(500, dimension, 4)
    centred = vectors.values - vectors.values.astype(np.float64).mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    first, second = np.nonzero(np.triu(centred @ centred.T >= 0.9, 1))
    expected = Components(500)
    expected.join(first, second)
    found = find_similar(pd.Series(vectors.paths), vectors, 0.9)
    assert found.pairs == len(first) > 10
    assert found.sets.tolist() == expected.labels().tolist()


def test_embeddings_are_matched_by_path_and_a_face_without_one_stands_alone() -> None:
    vectors = Vectors(["b", "a", "c"], np.array([[1, 0], [0, 1], [1, 0.01]], np.float32))
    found = find_similar(pd.Series(["c", "none", "a", "b", "c"]), vectors, 0.9)
    assert found.without == 1
    assert found.sets[0] == found.sets[3] == found.sets[4]
    assert len(set(found.sets.tolist())) == 3


def test_an_embedding_without_a_direction_is_similar_to_nothing() -> None:
    vectors = Vectors(list("abc"), np.array([[1, 1], [0, 0], [2, 2]], np.float32))
    assert len(set(find_similar(pd.Series(list("abc")), vectors, 0.5).sets.tolist())) == 3


@pytest.mark.parametrize(
    ("values", "paths", "cosine", "error", "message"),
    [
        (np.ones((2, 3)), ["a", "b"], 0.0, UsageError, "above 0 and at most 1"),
        (np.ones((2, 3)), ["a"], 0.9, DataError, r"1 paths, but an array of shape \(2, 3\)"),
        (np.ones((2, 3)), ["x", "y"], 0.9, DataError, "none of them is of a path in the table, as a"),
        (np.array([[1, 2], [np.nan, 1]]), ["a", "b"], 0.9, DataError, "1 are not finite, the first is that of b"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(
    values: np.ndarray, paths: list[str], cosine: float, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find_similar(pd.Series(["a", "b"]), Vectors(paths, values), cosine)
