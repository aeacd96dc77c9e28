"""What is found of rows, in a temporary file."""

import pytest

from embedding_cases import files_up_to, resident_bytes
from heads.embeddings.found import RowFound, rows_found
from heads.errors import HeadsError

COUNT = 200_000


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_rows_come_in_their_order_however_they_were_noted() -> None:
    with rows_found() as found:
        for number in (700, 3, *range(4, 700), 0, 2, 1):
            found.note(RowFound(number, key(number % 5)))
        assert list(found) == [RowFound(number, key(number % 5)) for number in range(701)]
        assert found.key(699) == key(4)
        assert found.problems() == 0


def test_what_fails_takes_every_row_of_its_content_with_it() -> None:
    with rows_found() as found:
        found.note(RowFound(0, key(1)))
        found.note(RowFound(1, b"", "is not there"))
        found.fail(key(1), "gives no numbers")
        found.fail(key(1), "fails for another reason")
        found.note(RowFound(2, key(1)))
        found.note(RowFound(3, key(2)))
        found.note(RowFound(4, key(1), "has no box"))
        assert [row.problem for row in found] == [
            "gives no numbers",
            "is not there",
            "gives no numbers",
            "",
            "has no box",
        ]
        assert found.problems() == 4


def test_many_rows_take_no_memory() -> None:
    def noted(count: int) -> int:
        with rows_found() as found:
            for number in range(count):
                found.note(RowFound(number, key(number)))
            assert sum(1 for _ in found) == count
            return resident_bytes()

    before = noted(10_000)
    assert noted(COUNT) - before < 32 * COUNT / 2


def test_a_full_disk_is_said() -> None:
    said = "cannot be kept in the folder for temporary files"
    with files_up_to(2**20), pytest.raises(HeadsError, match=said):
        note_many()


def note_many() -> None:
    with rows_found() as found:
        for number in range(COUNT):
            found.note(RowFound(number, key(number)))
