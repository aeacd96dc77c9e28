"""Suites from TOML: those of this package by name, anybody's own by path."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.cells import INSTRUCTIONS, PRECISIONS, SCENARIOS, Limits
from benchmarks.errors import UsageError
from benchmarks.runners import RUNNERS
from benchmarks.suites.suite import ALL, Suite
from converters.errors import did_you_mean
from converters.files.named_toml import NamedToml

SUITES = NamedToml("benchmarks.suites", "suite", UsageError)
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Scenario = Literal["latency", "throughput", "cold_start", "memory", "accuracy", "energy", "peak"]
Precision = Literal["fp32-strict", "tf32", "fp16", "bf16", "int8"]
Instructions = Literal["all", "avx2"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Limits(_Strict):
    """The fields of Limits."""

    samples: Count = Limits.samples
    least_samples: Count = Limits.least_samples
    seconds: Seconds = Limits.seconds
    warm_up_seconds: Seconds = Limits.warm_up_seconds
    steady_fraction: Annotated[float, Field(gt=0, lt=1)] = Limits.steady_fraction
    timeout_seconds: Seconds = Limits.timeout_seconds


class _Written(_Strict):
    """What stands in the file. Lists may not be empty: a product with nothing in it measures nothing."""

    description: str = ""
    models: Annotated[list[str | list[str]], Field(min_length=1)]
    runners: Annotated[list[str], Field(min_length=1)] | Literal["all"] = "all"
    devices: Annotated[list[str], Field(min_length=1)] = ["cpu"]
    batches: Annotated[list[Count], Field(min_length=1)] = [1]
    precisions: Annotated[list[Precision], Field(min_length=1)] = ["fp32-strict"]
    threads: Annotated[list[Count | Literal["all"]], Field(min_length=1)] = ["all"]
    instructions: Annotated[list[Instructions], Field(min_length=1)] = ["all"]
    scenarios: Annotated[list[Scenario], Field(min_length=1)]
    rounds: Count = 3
    busy_fraction: Annotated[float, Field(gt=0)] = 0.1
    repeats: Annotated[int, Field(ge=0)] = 2
    limits: _Limits = _Limits()


def built_in() -> list[str]:
    """Return the names of the suites that come with this package."""
    return SUITES.names()


def load_suite(name_or_path: str | Path) -> Suite:
    """Return a suite by its name, or from a TOML file; UsageError lists all that is wrong with it."""
    name, path = SUITES.find(name_or_path)
    _, told = SUITES.read(path)
    try:
        return _suite(name, _Written.model_validate(told))
    except ValidationError as error:
        raise UsageError(_problems(path, told, error)) from error


def _suite(name: str, written: _Written) -> Suite:
    return Suite(
        name=name,
        description=written.description,
        models=tuple((words,) if isinstance(words, str) else tuple(words) for words in written.models),
        runners=tuple(RUNNERS) if written.runners == ALL else tuple(written.runners),
        devices=tuple(written.devices),
        batches=tuple(written.batches),
        precisions=tuple(written.precisions),
        threads=tuple(0 if count == ALL else int(count) for count in written.threads),
        instructions=tuple(written.instructions),
        scenarios=tuple(written.scenarios),
        rounds=written.rounds,
        busy_fraction=written.busy_fraction,
        repeats=written.repeats,
        limits=Limits(**written.limits.model_dump()),
    )


def _problems(path: Path, told: Mapping[str, Any], error: ValidationError) -> list[str]:
    found: dict[str, str] = {}
    for each in error.errors(include_url=False):
        where = ".".join(str(step) for step in each["loc"] if isinstance(step, int) or step in _names(told))
        found.setdefault(where or ".".join(map(str, each["loc"])), _problem(each, told))
    return [f"{path}: {where}: {problem}" for where, problem in found.items()]


def _names(told: Mapping[str, Any]) -> set[Any]:
    """Return all keys of the file: pydantic puts the alternatives of a type into its places as well."""
    inner = told.get("limits")
    return {*told, *(inner if isinstance(inner, Mapping) else ()), *_Written.model_fields, *asdict(Limits())}


def _problem(each: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    key = each["loc"][-1]
    if each["type"] == "extra_forbidden":
        known = asdict(Limits()) if len(each["loc"]) > 1 else list(_Written.model_fields)
        return f"there is no such key{did_you_mean(str(key), known)}; there are {', '.join(known)}"
    if each["type"] == "missing":
        return f"is missing, beside {', '.join(told) or 'nothing'}"
    choices = {"scenarios": SCENARIOS, "precisions": PRECISIONS, "instructions": INSTRUCTIONS}.get(each["loc"][0], ())
    hint = did_you_mean(str(each["input"]), choices) if choices else ""
    message = str(each["msg"])
    return f"{each['input']!r} does not do: {message[:1].lower()}{message[1:]}{hint}"
