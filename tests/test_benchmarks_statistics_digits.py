"""Digits come from the interval, bounds are rounded outwards, and nothing looks better than it is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics.digits import LEAST, MOST, alone, rounded, small, spelled, upwards
from benchmarks.statistics.rows import Estimate

POSITIVE = st.floats(1e-9, 1e9)


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (105.234, 104.18, 106.6, "105.2 [104.1, 106.6]"),
        (105.234, 101.0, 110.0, "105 [101, 110]"),
        (105.234, 60.0, 150.0, "110 [60, 150]"),
        (1305.52, 1305.51, 1305.53, "1306 [1305, 1306]"),
        (0.00123456, 0.0012, 0.0013, "0.00123 [0.00120, 0.00130]"),
        (9.99, 9.5, 10.4, "10.0 [9.5, 10.4]"),
        (5.0, 5.0, 5.0, "5.000 [5.000, 5.000]"),
        (0.0, 0.0, 0.02, "0.000 [0.000, 0.020]"),
    ],
)
def test_the_interval_decides_the_digits(value: float, low: float, high: float, expected: str) -> None:
    assert " ".join(spelled(Estimate(value, low, high))) == expected


def test_without_an_interval_there_are_three_digits() -> None:
    assert spelled(Estimate(1234.5)) == ("1230", "")
    assert [alone(each) for each in (0, 0.012345, 1.0, 99.96, 145e6)] == ["0", "0.0123", "1.00", "100.0", "145000000"]


def test_a_scaled_number_is_not_rounded_away_from_itself() -> None:
    assert 0.57 * 100 < 57  # what the trap is
    assert spelled(Estimate(0.6, 0.57, 0.63), 100, least_decimals=1) == ("60.0", "[57.0, 63.0]")


@given(POSITIVE, st.floats(0, 0.9), st.floats(0, 3))
def test_printed_intervals_cover_what_was_computed(value: float, below: float, above: float) -> None:
    low, high = value * (1 - below), value * (1 + above)
    text, interval = spelled(Estimate(value, low, high))
    printed_low, printed_high = map(float, interval.strip("[]").split(","))
    tiny = 1e-11 * value
    assert printed_low <= low + tiny and high - tiny <= printed_high
    assert printed_low <= float(text) <= printed_high
    significant = len(Decimal(text).normalize().as_tuple().digits)
    assert significant <= MOST


@given(POSITIVE, st.floats(1e-6, 0.5))
def test_values_keep_enough_digits_to_lie_in_their_interval(value: float, share: float) -> None:
    text, _ = spelled(Estimate(value, value * (1 - share), value * (1 + share)))
    assert abs(float(text) - value) <= value * 0.5 * 10.0 ** (1 - LEAST)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.83e-7, "1.9e-7"), (1e-5, "1.0e-5"), (9.99e-6, "1.0e-5"), (0, "0"), (0.2, "2.0e-1"), (float("nan"), "nan"),
     (float("inf"), "inf")],
)  # fmt: skip
def test_differences_are_rounded_up(value: float, expected: str) -> None:
    assert small(value) == expected


def test_bounds_are_rounded_up_to_two_digits() -> None:
    assert [upwards(each) for each in (0, 0.0121, 2.21, 49.9, 893.7)] == ["0", "0.013", "2.3", "50", "894"]


def test_there_is_no_negative_zero_and_nothing_breaks_on_what_is_not_finite() -> None:
    assert rounded(-0.0004, 2) == "0.00"
    assert rounded(float("inf"), 1) == "inf"
    assert spelled(Estimate(1.0, 0.5, float("inf"))) == ("1.00", "[0.50, inf]")
