"""What runs where: tests of libraries that are not installed, the complete run, and hypothesis' profiles.

A test file whose imports lead to a heavy library (its own imports, or those of our modules it imports) is left out
where that library is not installed, and the summary says so. With `--complete` every library must be there and no
test may be skipped for want of one.
"""

import ast
import gc
import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Whoever imports TensorFlow first in a process decides for all: oneDNN's convolutions round more coarsely than Eigen's
# (1.8e-5 of the maximum instead of 7e-6 on full-size VGG-Face's prob).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Published weights of the person who runs the tests, and models of theirs, are none of the tests' business.
os.environ["FACEPORT_WEIGHTS"] = str(Path(__file__).parent / "no-weights")
os.environ.pop("FACEPORT_REGISTRY", None)

ROOT = Path(__file__).parent.parent
HEAVY = (
    "cv2", "imagehash", "keras", "matplotlib", "onnx", "onnxruntime", "openvino", "pandas", "PIL", "psutil", "pyarrow",
    "pydantic", "pynvml", "ray", "sklearn", "tabulate", "tensorflow", "tf2onnx", "threadpoolctl", "torch",
)  # fmt: skip
COULD_NOT_IMPORT = "could not import"  # how pytest.importorskip begins its reason

settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, database=None)
settings.register_profile("bounded", max_examples=200, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--complete", action="store_true", help="fail when a library is missing or a test skipped for it")


def pytest_configure(config: pytest.Config) -> None:
    missing = sorted(filter(is_missing, HEAVY))
    if config.getoption("--complete") and missing:
        raise pytest.UsageError(f"--complete: not installed: {', '.join(missing)}")
    config.pluginmanager.register(Absences(complete=config.getoption("--complete")), "absences")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    missing = sorted(filter(is_missing, libraries(collection_path)))
    if not missing:
        return None
    config.pluginmanager.getplugin("absences").left_out.append(f"{collection_path.name} ({', '.join(missing)})")
    return True


def pytest_collection_finish() -> None:
    # Thousands of tests and four frameworks live until the end: no collection need look at them again, and those that
    # tests or our code ask for take milliseconds instead of half a second.
    gc.collect()
    gc.freeze()


class Absences:
    """Collects what did not run because a library is missing; turns that into a failure in a complete run."""

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete
        self.left_out: list[str] = []
        self.skipped: list[str] = []

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and COULD_NOT_IMPORT in str(report.longrepr):
            self.skipped.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        worker = getattr(session.config, "workeroutput", None)
        if worker is not None:  # several processes: what only this one saw goes to the one that started it
            worker["absences"] = {"left_out": self.left_out, "skipped": self.skipped}
        elif self.complete and self.skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for name, rows in getattr(node, "workeroutput", {}).get("absences", {}).items():
            getattr(self, name).extend(row for row in rows if row not in getattr(self, name))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for title, rows in (("left out", self.left_out), ("skipped", self.skipped)):
            if rows:
                terminalreporter.write_line(f"{title} for want of a library: {', '.join(sorted(rows))}")


@cache
def is_missing(library: str) -> bool:
    return importlib.util.find_spec(library) is None


@cache
def libraries(path: Path) -> frozenset[str]:
    """Find the heavy libraries that importing a file of ours loads, through our other files as well."""
    found: set[str] = set()
    seen = {path}
    waiting = [path]
    while waiting:  # a package and its modules may import one another
        for module in imports(waiting.pop()):
            top = module.split(".")[0]
            own = own_file(module)
            if top in HEAVY:
                found.add(top)
            elif own and own not in seen:
                seen.add(own)
                waiting.append(own)
    return frozenset(found)


@cache
def imports(path: Path) -> frozenset[str]:
    """Name every module that a file imports at its top level."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    # Importing a module runs the packages above it first.
    above = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    return frozenset(names | above)


@cache
def own_file(module: str) -> Path | None:
    """Find the file of one of our modules, None for anything else."""
    stem = ROOT.joinpath(*module.split("."))
    tests = Path(__file__).parent / module
    candidates = (stem.with_suffix(".py"), stem / "__init__.py", tests.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)
