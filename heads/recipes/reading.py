"""Recipes from TOML: those of this package by name, anybody's own by path."""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from converters.errors import did_you_mean
from converters.files.named_toml import NamedToml
from heads.errors import UsageError
from heads.recipes.recipe import KINDS, Recipe, checked

RECIPES = NamedToml("heads.recipes", "recipe", UsageError)
# "base" names a recipe of this package, whose settings hold where the file states none.
KEYS = ("kind", "base", "description", "settings")


def built_in() -> list[str]:
    """Return the names of the recipes that come with this package."""
    return RECIPES.names()


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Return a recipe by its name, or from a TOML file; UsageError lists all that is wrong, with file and line."""
    name, path = RECIPES.find(name_or_path)
    text, told = RECIPES.read(path)
    kind, given, problems = _outline(told)
    if kind in KINDS and isinstance(given, Mapping):
        settings, unfit = checked(kind, given)
        problems = {**problems, **unfit, **_misplaced(kind, told)}
        if settings is not None and not problems:
            return Recipe(name, settings, str(told.get("description", "")))
    raise UsageError([f"{path}{_line(text, key)}: {problem}" for key, problem in problems.items()])


def _misplaced(kind: str, told: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that stand above the table they belong to."""
    names = {each.name for each in fields(KINDS[kind])}
    return {key: f"the setting '{key}' belongs below a line [settings]" for key in told if key in names}


def _outline(told: Mapping[str, Any]) -> tuple[str, Any, dict[str, str]]:
    """Return the kind, the settings (with those of the base), and what is wrong outside the settings."""
    problems = {key: f"there is no key '{key}'{did_you_mean(key, KEYS)}" for key in told if key not in KEYS}
    own, base = told.get("settings", {}), told.get("base")
    if not isinstance(own, Mapping):
        problems["settings"] = "'settings' is not a table"
    if base is not None and base not in built_in():
        problems["base"] = f"the base is {base!r}, expected one of {', '.join(built_in())}"
    if base is not None and "base" not in problems:
        recipe = load_recipe(base)
        if told.get("kind", recipe.kind) != recipe.kind:
            problems["kind"] = f"the kind is {told['kind']!r}, but that of the base '{base}' is '{recipe.kind}'"
        return recipe.kind, {**recipe.told(), **own} if isinstance(own, Mapping) else own, problems
    kind = told.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        problems["kind"] = f"the kind is {kind!r}, expected one of {', '.join(KINDS)}"
    return str(kind), own, problems


def _line(text: str, key: str) -> str:
    """Return `:line` of a key, or nothing where it does not stand in the file."""
    found = re.search(rf"^[ \t]*(?:\[{re.escape(key)}\]|[\"']?{re.escape(key)}[\"']?[ \t]*=)", text, re.MULTILINE)
    return f":{text.count(chr(10), 0, found.start()) + 1}" if found else ""
