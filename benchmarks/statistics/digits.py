"""How many digits a number deserves: as many as its interval leaves certain, four at most."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from math import floor, log10

from benchmarks.statistics.rows import Estimate

MOST = 4  # significant digits, however narrow an interval is: machines differ by more from day to day
LEAST = 2  # with fewer a value would leave its own interval
ALONE = 3  # significant digits of a number that has no interval


def spelled(estimate: Estimate, scale: float = 1.0, least_decimals: int | None = None) -> tuple[str, str]:
    """Return an estimate and its interval, "" where there is none, as text; each number is multiplied by `scale`.

    The last digit shown is the first that the interval leaves open, or the second where that is a 1 or 2. Bounds are
    rounded outwards, so that what is printed covers what was computed.
    """
    value = estimate.value * scale
    if estimate.low is None or estimate.high is None:
        return rounded(value, _at_least(_for_significant(value, ALONE), least_decimals)), ""
    low, high = estimate.low * scale, estimate.high * scale
    places = _at_least(_places(value, max(value - low, high - value)), least_decimals)
    bounds = f"[{rounded(low, places, ROUND_FLOOR)}, {rounded(high, places, ROUND_CEILING)}]"
    return rounded(value, places), bounds


def alone(value: float, significant: int = ALONE) -> str:
    """Return a number without an interval, by default with three significant digits."""
    return rounded(value, _for_significant(value, significant))


def small(value: float) -> str:
    """Return a number near zero as "1.8e-7", rounded up: a difference never looks smaller than it is."""
    if value == 0 or not _finite(value):
        return "0" if value == 0 else str(value)
    exponent = floor(log10(abs(value)))
    digits = rounded(float(Decimal(repr(value)).scaleb(-exponent)), 1, ROUND_CEILING)
    return f"1.0e{exponent + 1}" if digits == "10.0" else f"{digits}e{exponent}"


def upwards(value: float) -> str:
    """Return an upper bound with two significant digits, all before the decimal point, rounded up."""
    return rounded(value, max(0, _for_significant(value, 2)), ROUND_CEILING)


def rounded(value: float, places: int, direction: str = ROUND_HALF_EVEN) -> str:
    """Return a number with so many decimals; negative places round to tens, hundreds ..."""
    if not _finite(value):
        return str(value)
    # Twelve digits: 0.57 * 100 is 56.99999999999999, and must not be rounded down to 56.9.
    number = Decimal(f"{value:.12g}").quantize(Decimal(1).scaleb(-places), rounding=direction)
    return f"{number + 0:f}"  # + 0: no "-0"


def _places(value: float, half_width: float) -> int:
    if not _finite(half_width):
        return _for_significant(value, ALONE)
    if value == 0:
        return 0 if half_width <= 0 else _first_open(half_width)
    wanted = _for_significant(value, MOST) if half_width <= 0 else _first_open(half_width)
    return min(max(wanted, _for_significant(value, LEAST)), _for_significant(value, MOST))


def _first_open(half_width: float) -> int:
    places = -floor(log10(half_width))
    return places + (half_width * 10.0**places < 3)


def _for_significant(value: float, digits: int) -> int:
    if value == 0 or not _finite(value):
        return 0
    return digits - 1 - floor(log10(abs(value)))


def _at_least(places: int, least: int | None) -> int:
    return places if least is None else max(places, least)


def _finite(value: float) -> bool:
    return value - value == 0
