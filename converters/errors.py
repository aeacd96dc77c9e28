"""Everything this package refuses, as one family of exceptions, and what such families of other packages share.

A frontend collects all problems of a model and raises once, so that a person mends a file in one go.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class Refusal(Exception):  # noqa: N818 - the base of each package's family, whose members are errors by name
    """Something is refused; `problems` holds one line per reason.

    Each line says where (file:line, layer), what was found, what was expected and what to do.
    """

    exit_status = 1

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class ConversionError(Refusal):
    """A model cannot be read, converted or proved."""


class FormatError(ConversionError):
    """A file is not what it should be: truncated, corrupt, of another kind, or lying about its sizes."""


class UnsupportedError(ConversionError):
    """A model was understood but holds something that has no faithful form here or in the target."""


class ShapeError(ConversionError):
    """Shapes, settings or parameters of a node do not fit together."""


class ParityError(ConversionError):
    """A converted model does not compute what its source computes."""


class MissingLibraryError(ConversionError):
    """An optional library is not installed; the message names the extra that brings it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest known spelling, or an empty string."""
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""
