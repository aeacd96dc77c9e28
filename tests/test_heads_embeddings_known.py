import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedding_cases import files_up_to, resident_bytes
from heads.embeddings.known import known_keys
from heads.errors import HeadsError

COUNT = 200_000


def keys(count: int, salt: bytes = b"") -> Iterator[bytes]:
    return (hashlib.sha256(salt + number.to_bytes(8, "big")).digest() for number in range(count))


def test_what_was_given_and_added_is_known_and_nothing_else() -> None:
    with known_keys(keys(100)) as known, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(known.__contains__, keys(100)))
        assert not any(pool.map(known.__contains__, keys(100, b"other")))
        list(pool.map(known.add, keys(50, b"other")))
        list(pool.map(known.add, keys(50, b"other")))
        assert sum(pool.map(known.__contains__, keys(100, b"other"))) == 50


def test_many_keys_take_no_memory() -> None:
    with known_keys(keys(1000)):
        before = resident_bytes()
    with known_keys(keys(COUNT)) as known:
        assert next(keys(COUNT)) in known
        assert resident_bytes() - before < 32 * COUNT / 2


def test_a_full_disk_is_said() -> None:
    said = "cannot be kept in the folder for temporary files"
    with files_up_to(2**20), pytest.raises(HeadsError, match=said), known_keys(keys(COUNT)):
        raise AssertionError


def test_adding_tells_whether_a_key_is_new() -> None:
    with known_keys([b"a"]) as known:
        assert [known.add(key) for key in (b"a", b"b", b"b")] == [False, True, False]
