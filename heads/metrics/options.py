"""How an evaluation or a comparison is made."""

from dataclasses import dataclass

from heads.errors import UsageError

FEWEST_RESAMPLES = 100


@dataclass(frozen=True)
class EvaluateOptions:
    """How to evaluate: group columns `by`, crossed up to `crossings` of them (label is always one of the columns).

    `bins` are those of the calibration error; a group of fewer than `small` faces or people is marked; `level` is that
    of the intervals. UsageError lists what makes no sense.
    """

    by: tuple[str, ...] = ()
    crossings: int = 2
    seed: int = 0
    resamples: int = 1000
    level: float = 0.95
    bins: int = 15
    small: int = 30

    def __post_init__(self) -> None:
        sound = {
            f"resamples is {self.resamples}; intervals need {FEWEST_RESAMPLES} at least": (
                self.resamples >= FEWEST_RESAMPLES
            ),
            f"level is {self.level}; it lies between 0.5 and 1, usually at 0.95": 0.5 <= self.level < 1,
            f"bins is {self.bins}; the calibration error needs 2 at least": self.bins >= 2,
            f"crossings is {self.crossings}; 1 means that no columns are crossed": self.crossings >= 1,
            f"seed is {self.seed}; seeds are 0 or more": self.seed >= 0,
        }
        problems = [problem for problem, is_sound in sound.items() if not is_sound]
        if problems:
            raise UsageError(problems)
