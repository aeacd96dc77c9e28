"""Did the runtime get what was asked for? Compares its own word with the settings, and both with what is observed."""

from dataclasses import asdict
from typing import Any

from benchmarks.cells import ALL_INSTRUCTIONS, Task
from benchmarks.errors import RunnerError
from benchmarks.measuring.outcome import Outcome
from benchmarks.runners import Runner

ReadBack = dict[str, Any]
# What bounds nothing: whatever a runtime has then is what was asked for.
UNBOUNDED = {"instructions": ALL_INSTRUCTIONS}


def read_back(runner: Runner, task: Task, outcome: Outcome) -> None:
    """Note what the runtime says of each setting; RunnerError, naming all of them, where it is not what was asked."""
    asked = asdict(task.settings)
    asked["provider"] = asked["provider"] or type(runner).provider(task.settings)
    if not asked["provider"]:
        del asked["provider"]  # a runtime without any
    said = runner.read_back()
    unknown = sorted(set(said) - set(asked))
    if unknown:
        raise RunnerError(f"{task.runner}: read back {', '.join(unknown)}, which are no settings")
    outcome.settings.update(
        {name: entry(value, said.get(name), bound=value != UNBOUNDED.get(name)) for name, value in asked.items()}
    )
    require(outcome)


def entry(asked: Any, got: Any, *, bound: bool = True) -> ReadBack:
    """Return the fields of `ReadBack` for one setting; None: the runtime cannot tell. Without a bound anything does."""
    if got is None:
        return {"asked": asked, "got": None, "ok": None, "how": "the runtime does not tell"}
    return {"asked": asked, "got": got, "ok": got == asked or not bound, "how": "read back"}


def require(outcome: Outcome) -> None:
    """Refuse what did not get its settings."""
    wrong = [
        f"{name}: asked for {each['asked']}, got {each['got']} ({each['how']})"
        for name, each in outcome.settings.items()
        if each["ok"] is False
    ]
    if wrong:
        raise RunnerError(wrong)
