"""What a person asks to be measured: a suite, and what stands in place of its choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cells import INSTRUCTIONS, PRECISIONS, SCENARIOS
from benchmarks.errors import UsageError
from benchmarks.runners import RUNNERS
from converters.errors import did_you_mean

# A file of weights belongs to the network named before it.
WEIGHTS = (".caffemodel", ".h5", ".hdf5")


@dataclass(frozen=True)
class Request:
    """What `bench run` was asked for. Whatever is empty is the suite's own.

    `suite` is a name or the path of a TOML file; `models` hold the words of each model (`group_models` makes them from
    a command line); `threads` 0 means as many as can run at once. `nodes` are the values that the network is to give.
    `head` and `faces` (a head's folder and a CSV of faces) belong to the scenario "accuracy"; `images` is a folder of
    images for the probe set, which holds `probe_images`; `channel_order`, `mean` (in the order R, G, B) and `scale` are
    said of a network that does not say them itself. `seconds` is how long a round of one cell measures; one that other
    processes disturbed is made again up to `repeats` times. `work` keeps converted models.
    """

    suite: str = "smoke"
    models: tuple[tuple[str, ...], ...] = ()
    runners: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    precisions: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    instructions: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    rounds: int | None = None
    seconds: float | None = None
    samples: int | None = None
    timeout_seconds: float | None = None
    repeats: int | None = None
    nodes: tuple[str, ...] = ()
    head: str = ""
    faces: str = ""
    images: str = ""
    probe_images: int = 16
    channel_order: str = ""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    seed: int = 0
    work: Path = Path("bench-work")

    def problems(self) -> list[str]:
        """Return what makes no sense whatever is installed, one line each."""
        found = [_unknown("--precision", each, PRECISIONS) for each in self.precisions if each not in PRECISIONS]
        found += [
            _unknown("--instructions", each, INSTRUCTIONS) for each in self.instructions if each not in INSTRUCTIONS
        ]
        found += [_unknown("--scenario", each, SCENARIOS) for each in self.scenarios if each not in SCENARIOS]
        found += [
            f"{option} {value}: expected {least} or more"
            for option, values, least in (
                ("--batch", self.batches, 1),
                ("--threads", self.threads, 0),
                ("--rounds", (self.rounds,), 1),
                ("--samples", (self.samples,), 1),
                ("--repeats", (self.repeats,), 0),
                ("--seed", (self.seed,), 0),
                ("--probe-images", (self.probe_images,), 1),
            )
            for value in values
            if value is not None and value < least
        ]
        found += [
            f"{option} {value}: expected more than 0 seconds"
            for option, value in (("--seconds", self.seconds), ("--timeout", self.timeout_seconds))
            if value is not None and value <= 0
        ]
        return found + self._accuracy_problems()

    def _accuracy_problems(self) -> list[str]:
        given = {"--head": self.head, "--faces": self.faces}
        missing = [option for option, value in given.items() if not value]
        if "accuracy" in self.scenarios and missing:
            return [f"--scenario accuracy: needs {' and '.join(missing)}: a head's folder and a CSV of labelled faces"]
        if len(missing) == 1:
            there = next(option for option in given if option not in missing)
            return [f"{there} is given without {missing[0]}: accuracy is of one head on labelled faces"]
        paths = [(option, Path(value)) for option, value in given.items() if value]
        return [f"{option} {path}: is not there" for option, path in paths if not path.exists()]


def _unknown(option: str, word: str, known: Sequence[str]) -> str:
    return f"{option} {word}: there is no such thing{did_you_mean(word, known)}; there are {', '.join(known)}"


@dataclass(frozen=True)
class Choice:
    """A runner that was chosen: its name or "module:Class", and a call path; "" is its first, "*" all of them."""

    runner: str
    call_path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Choice":
        """Read `name`, `name:call_path`, `module:Class` or `module:Class:call_path`; UsageError for anything else."""
        first, *others = text.split(":")
        if not first or not all(others) or len(others) > 2:
            raise UsageError(f"--runner {text}: write NAME, NAME:CALL_PATH, MODULE:CLASS or MODULE:CLASS:CALL_PATH")
        if first in RUNNERS:
            if len(others) > 1:
                raise UsageError(f"--runner {text}: expected NAME:CALL_PATH, there is one part too many")
            return cls(first, *others)
        if not others:
            raise UsageError(
                f"--runner {text}: there is no such runner{did_you_mean(first, RUNNERS)}; there are "
                f"{', '.join(RUNNERS)}, and one of your own is written MODULE:CLASS"
            )
        return cls(f"{first}:{others[0]}", *others[1:])


def group_models(words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the models that the values of `--model` name: weights belong to the prototxt or name before them.

    UsageError for weights that follow no network.
    """
    models: list[tuple[str, ...]] = []
    for word in words:
        if not word.lower().endswith(WEIGHTS):
            models.append((word,))
        elif models and len(models[-1]) == 1 and not models[-1][0].lower().endswith(".mat"):
            models[-1] = (*models[-1], word)
        else:
            raise UsageError(f"--model {word}: weights alone are no network; name the prototxt before them")
    return tuple(models)
