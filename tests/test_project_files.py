"""The project's own files agree with each other: what is packed, what is pinned, what is switched off and why."""

import os
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from converters.doctor.diagnosis import LIBRARIES

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
# Not in the tested set: one for other systems, one that must never meet onnxruntime.
UNPINNED = {"tensorflow", "onnxruntime-gpu"}


def own_folders() -> list[Path]:
    tops = [path.parent for path in ROOT.glob("*/__init__.py")]
    return sorted(path.parent for top in tops for path in top.rglob("__init__.py"))


def requirements(extra: str) -> set[str]:
    """Name everything an extra asks for, through the project's other extras as well."""
    found = set()
    for requirement in map(Requirement, EXTRAS[extra]):
        if requirement.name == PYPROJECT["project"]["name"]:
            found |= set().union(*map(requirements, requirement.extras))
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def test_every_package_is_packed() -> None:
    finder = PYPROJECT["tool"]["setuptools"]["packages"]["find"]
    tops = {folder.name for folder in own_folders() if folder.parent == ROOT}
    assert tops >= {"benchmarks", "converters", "heads", "prototxt"}
    assert sorted(finder["include"]) == sorted(f"{top}*" for top in tops)


def test_no_folder_of_a_package_is_left_behind() -> None:
    tops = [folder for folder in own_folders() if folder.parent == ROOT]
    holding_code = {path.parent for top in tops for path in top.rglob("*.py")}
    assert holding_code == set(own_folders())


def test_every_file_of_a_package_is_packed() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    for folder in own_folders():
        name = ".".join(folder.relative_to(ROOT).parts)
        packed = {path for pattern in patterns.get(name, []) for path in folder.glob(pattern)}
        files = {path for path in folder.iterdir() if path.is_file() and path.suffix not in {".py", ".pyc"}}
        assert files <= packed


def test_everything_asked_for_is_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}
    asked = [*PYPROJECT["project"]["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name not in UNPINNED | {PYPROJECT["project"]["name"]}:
            assert requirement.specifier.contains(pinned[name]), requirement


def test_everything_the_core_asks_for_is_used() -> None:
    code = "\n".join(path.read_text() for folder in own_folders() for path in folder.glob("*.py"))
    for requirement in map(Requirement, PYPROJECT["project"]["dependencies"]):
        assert re.search(rf"(import|from) {requirement.name}\b", code), requirement


def test_the_doctor_looks_for_what_the_extras_bring() -> None:
    asked = {extra: requirements(extra) for extra in LIBRARIES if extra != "core"}
    asked["core"] = {Requirement(line).name for line in PYPROJECT["project"]["dependencies"]}
    for extra, groups in LIBRARIES.items():
        known = {canonicalize_name(name) for group in groups for name in group}
        assert asked[extra] <= known
        assert all(asked[extra] & set(map(canonicalize_name, group)) for group in groups)


def test_the_two_onnxruntimes_never_meet() -> None:
    assert {"onnxruntime", "onnxruntime-gpu"} <= requirements("onnx") | requirements("onnx-gpu")
    for extra in EXTRAS:
        assert not {"onnxruntime", "onnxruntime-gpu"} <= requirements(extra)


def test_each_ignored_rule_has_its_reason() -> None:
    section = (ROOT / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("[tool.mypy]")[0]
    rules = re.findall(r'^.*"[A-Z]+[0-9]*"[\],].*$', section, re.MULTILINE)
    rules = [line for line in rules if not line.startswith("select")]
    assert len(rules) > 10
    assert [line for line in rules if not re.search(r"# \S+ \S+", line)] == []


def test_the_oracle_runs_before_what_is_compared_with_it() -> None:
    order = re.search(r"^env_list = (.*)$", (ROOT / "tox.ini").read_text(), re.MULTILINE)
    assert order is not None
    environments = order[1].split(", ")
    assert environments.index("caffe2onnx") < environments.index("parity")


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
