"""The fastest faithful row: who may win, who is tied, and why the others are out."""

from dataclasses import replace
from typing import Any

import pytest

from bench_records import MACHINE, broken, parity, settings, timed
from benchmarks.errors import BenchError, UsageError
from benchmarks.records.result import Parity, Result
from benchmarks.statistics.assembly import rows
from benchmarks.statistics.best import best
from benchmarks.statistics.rows import FaceTest, Row

FAST, MIDDLE, SLOW = [5.0, 5.05, 4.95, 5.02], [8.0, 8.1, 7.9, 8.05], [10.0, 10.1, 9.9, 10.0]


def proved(results: list[Result], found: Parity) -> list[Result]:
    return [
        each.model_copy(update={"measured": each.measured.model_copy(update={"parity": found})}) for each in results
    ]


def some_rows(images: int = 32, disagreements: int = 0) -> list[Row]:
    """OpenCV is slow, torch in the middle and tied with openvino, int8 fast but coarse; keras crashed."""
    coarse = parity(images, disagreements, difference=0.02, tolerance=None)
    int8 = timed("onnxruntime", FAST, asked=settings(precision="int8"))
    return rows([
        *timed("opencv", SLOW), *timed("torch", MIDDLE), *timed("openvino", MIDDLE[::-1]), *proved(int8, coarse),
        broken("keras"), *timed("numpy", [1.0, 1.0, 1.0], batch=8),
    ])  # fmt: skip


def with_test(found: list[Row], label: str, **counts: Any) -> list[Row]:
    told = {"faces": 4000, "reference_only": 0, "own_only": 0, "differing": 0, "p": 1.0, **counts}
    test = FaceTest("svm", "opencv:forward", **told)
    return [replace(row, face_tests=(test,)) if row.label == label else row for row in found]


def test_without_any_loss_the_fastest_row_that_answers_the_same_wins() -> None:
    found = best(some_rows())
    assert {found.winner.label, *(row.label for row in found.tied)} == {"torch:eager", "openvino:infer"}
    assert [row.label for row in found.slower] == ["opencv:forward"]
    assert {row.label: reason for row, reason in found.excluded} == {
        "onnxruntime:run int8": "differs by 0.02 of the largest value, more than 1e-05",
        "keras:call": "timed out: no answer within 300 s",
    }
    assert found.rule == "answers as the reference does, within 1e-05 of the largest value"


def test_a_loss_is_allowed_where_enough_images_bound_it() -> None:
    assert best(some_rows(images=4000), 0.001).winner.label == "onnxruntime:run int8"
    assert best(some_rows(images=4000, disagreements=2), 0.002).winner.label == "onnxruntime:run int8"
    few = best(some_rows(images=32), 0.01)
    assert few.winner.precision == "fp32-strict"
    reason = next(reason for row, reason in few.excluded if row.precision == "int8")
    assert reason == (
        "probe set: 0 of 32 images lost, up to 8.94% with 95 % confidence, 1.00% is allowed "
        "(it takes 299 images without a loss to know)"
    )
    assert few.rule == "loses at most 1.00% of its answers, with 95 % confidence"


def test_faces_count_where_a_head_was_measured() -> None:
    found = some_rows(images=32)
    int8 = "onnxruntime:run int8"
    assert best(with_test(found, int8, differing=3, reference_only=1, own_only=2), 0.01).winner.label == int8
    lossy = best(with_test(found, int8, differing=60, reference_only=60), 0.01)
    assert "head 'svm': 60 of 4000 faces lost" in {row.label: why for row, why in lossy.excluded}[int8]


def test_without_a_loss_no_face_may_be_answered_differently() -> None:
    found = with_test(some_rows(), "torch:eager", differing=2, own_only=2)
    chosen = best(found)
    assert chosen.winner.label == "openvino:infer" and not chosen.tied
    assert ("torch:eager", "head 'svm': 2 of 4000 faces answered differently") in [
        (row.label, reason) for row, reason in chosen.excluded
    ]
    assert best(found, 0.01).winner.label in ("torch:eager", "openvino:infer")


def test_a_reference_that_is_not_faithful_itself_judges_nobody() -> None:
    found = with_test(some_rows(), "torch:eager", differing=2, own_only=2)
    crooked = [replace(row, difference=0.5) if row.label == "opencv:forward" else row for row in found]
    assert "torch:eager" in [row.label for row in (best(crooked).winner, *best(crooked).tied)]


def test_rows_that_pass_without_a_loss_pass_with_one() -> None:
    labels = {row.label for row in (best(some_rows(), 0.01).winner, *best(some_rows(), 0.01).tied)}
    assert labels == {"torch:eager", "openvino:infer"}  # although 32 images bound nothing by 1 %


def test_rows_of_bound_instructions_are_out() -> None:
    found = best(rows([*timed("torch", SLOW), *timed("torch", FAST, asked=settings("torch", instructions="avx2"))]))
    assert found.winner.label == "torch:eager" and not found.tied
    assert [(row.label, reason) for row, reason in found.excluded] == [
        ("torch:eager avx2", "was bound to avx2, which only shows what other processors would do")
    ]


def test_rows_that_were_never_compared_are_out() -> None:
    torch = next(row for row in some_rows() if row.runner == "torch")
    unproved = replace(torch, difference=None, disagreement=None)
    with pytest.raises(BenchError, match="torch:eager on cpu, 1 threads: was not compared with the reference"):
        best([unproved])
    with pytest.raises(BenchError, match="torch:eager on cpu, 1 threads: was not timed"):
        best([replace(torch, round_ms={}, median_ms=None)])


def test_no_faithful_row_is_an_error_with_every_reason() -> None:
    with pytest.raises(BenchError) as caught:
        best(rows([broken("keras"), broken("torch", "crashed", "signal 11")]))
    assert caught.value.problems[0].startswith("no row is fit to be recommended (answers as the reference does")
    assert sorted(caught.value.problems[1:]) == [
        "keras:call on cpu, 1 threads: timed out: no answer within 300 s",
        "torch:eager on cpu, 1 threads: crashed: signal 11",
    ]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"model": "tyny"}, "no row has the model tyny; did you mean 'tiny'"),
        ({"batch": 4}, "no row has the batch 4.*there are 1, 8"),
        ({"device": "cuda:0"}, "no row has the device cuda:0.*there are cpu"),
        ({"max_loss": 1.5}, "the largest loss is 1.5; expected a fraction"),
        ({"max_loss": -0.1}, "the largest loss is -0.1"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        best(some_rows(), **chosen)


def test_one_machine_and_one_model_at_a_time() -> None:
    with pytest.raises(UsageError, match="there are no results"):
        best([])
    two = [*timed("torch", FAST), *timed("torch", SLOW, machine={**MACHINE, "name": "other"})]
    with pytest.raises(UsageError, match="several machines: bench-box, other; choose one"):
        best(rows(two))
    models = [*timed("torch", FAST), *timed("torch", SLOW, model="other")]
    with pytest.raises(UsageError, match="several models: other, tiny"):
        best(rows(models))
    assert best(rows(models), model="other").winner.model == "other"


def test_devices_and_threads_compete_unless_one_is_asked_for() -> None:
    found = rows([*timed("torch", SLOW), *timed("torch", FAST, asked=settings("torch", threads=2))])
    assert best(found).winner.threads == 2
    assert best(found, threads=1).winner.threads == 1
