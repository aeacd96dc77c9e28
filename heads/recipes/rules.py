"""What a setting of a recipe may be: a rule says it in words and tells whether a value is of that kind."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RULE = "rule"


@dataclass(frozen=True)
class Rule:
    """`words` say what is accepted; `accepts` tells of a value as TOML gives it; `convert` makes it what we keep."""

    words: str
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def setting(rule: Rule) -> Any:
    """Return a field of a class of settings: without a default, since a recipe states all it uses."""
    return field(metadata={RULE: rule})


def yes_or_no() -> Rule:
    """Return the rule for true and false."""
    return Rule("true or false", lambda value: isinstance(value, bool))


def word(*words: str) -> Rule:
    """Return the rule for one of some words."""
    return Rule(f"one of {', '.join(map(repr, words))}", lambda value: value in words and isinstance(value, str))


def whole(least: int) -> Rule:
    """Return the rule for a whole number."""
    return Rule(f"a whole number from {least} on", lambda value: _is_whole(value) and value >= least)


def number(above: float = -math.inf, least: float = -math.inf, below: float = math.inf) -> Rule:
    """Return the rule for a finite number above `above`, at least `least`, and below `below`."""
    bounds = [
        text
        for text, stated in (
            (f"above {above:g}", above > -math.inf),
            (f"from {least:g} on", least > -math.inf),
            (f"below {below:g}", below < math.inf),
        )
        if stated
    ]
    return Rule(
        " ".join(["a number", *bounds]),
        lambda value: _is_number(value) and value > above and least <= value < below,
        float,
    )


def several(rule: Rule, least: int = 1) -> Rule:
    """Return the rule for a list of values, each of which follows `rule`."""
    return Rule(
        f"a list of {least} or more, each {rule.words}",
        lambda value: isinstance(value, list | tuple) and len(value) >= least and all(map(rule.accepts, value)),
        lambda value: tuple(map(rule.convert, value)),
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
