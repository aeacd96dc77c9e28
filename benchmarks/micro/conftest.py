"""The fixture `against`, and the comparison with the stored baseline after the last benchmark.

`pytest benchmarks/micro` fails where a ratio more than doubled, `python -m benchmarks.micro.store_baseline` makes a new
baseline of several runs.
"""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from benchmarks.errors import BenchError
from benchmarks.micro.baselines import Line, Stored, compare, read_baseline, table, write_run
from benchmarks.micro.pairs import Against, Ratio, measure
from benchmarks.micro.yardsticks import Yardstick

HERE = Path(__file__).parent


class Ratios:
    """What was to be measured in this run, and what was."""

    def __init__(self) -> None:
        self.expected: list[str] = []
        self.measured: dict[str, Ratio] = {}
        self.reasons: dict[str, str] = {}  # for benchmarks without a ratio
        self.lines: list[Line] = []
        self.problems: list[str] = []
        self.disabled = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what is to be measured, and make this process a quiet place."""
        ours = (item for item in session.items if HERE in item.path.parents)
        self.expected = [_name(item) for item in ours if "benchmark" in getattr(item, "fixturenames", ())]
        self.reasons = dict.fromkeys(self.expected, "not run")
        # What lives as long as the run need not be looked at by collections inside a benchmark.
        gc.collect()
        gc.freeze()
        # Work is measured, not how many cores happen to be free.
        threadpool_limits(1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed or was skipped: it has no ratio, whatever was measured before."""
        name = report.nodeid.rpartition("/")[2]
        if report.outcome != "passed":
            self.measured.pop(name, None)
            self.reasons[name] = report.outcome
        elif self.reasons.get(name) == "not run" and report.when == "call":
            del self.reasons[name]

    def judge(self, config: pytest.Config) -> None:
        """Compare all that was to be measured with the baseline, or write it down."""
        saved = config.getoption("save_run")
        stored: Mapping[str, Stored] = {}
        try:
            stored = {} if saved else read_baseline(config.getoption("baseline")).benchmarks
        except BenchError as error:
            self.problems += error.problems
        self.lines = compare(self.expected, self.measured, stored, self.reasons)
        self.problems += filter(None, (line.problem() for line in self.lines))
        if saved:
            write_run(self.measured, saved)


def _name(item: pytest.Item) -> str:
    return item.nodeid.rpartition("/")[2]


RATIOS = pytest.StashKey[Ratios]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the comparison can be told."""
    group = parser.getgroup("micro-benchmarks")
    default = HERE / "baselines" / "baseline.json"
    group.addoption("--baseline", type=Path, default=default, help="the stored ratios to compare with")
    group.addoption("--save-run", type=Path, help="write this run's ratios there instead of comparing them")


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run."""
    config.stash[RATIOS] = Ratios()
    config.pluginmanager.register(config.stash[RATIOS], "ratios")


@pytest.fixture
def against(benchmark: Any, request: pytest.FixtureRequest) -> Against:
    """Return what measures a piece of work in turns with its yardstick, and returns what the work does."""
    ratios = request.config.stash[RATIOS]

    def measured(yardstick: Yardstick, work: Callable[[], Any]) -> Any:
        if benchmark.disabled:
            ratios.disabled = True
            yardstick.call()
            return benchmark(work)
        result, ratio = measure(benchmark, work, yardstick)
        benchmark.extra_info.update(vars(ratio))
        ratios.measured[_name(request.node)] = ratio
        return result

    return measured


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compare, and turn a green run red where a ratio more than doubled or a benchmark measured nothing."""
    ratios = session.config.stash[RATIOS]
    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if not ended or ratios.disabled or not ratios.expected or session.config.option.collectonly:
        return
    ratios.judge(session.config)
    if ratios.problems:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the comparison."""
    ratios = config.stash[RATIOS]
    if ratios.lines:
        terminalreporter.section("ratios to yardsticks, measured in turns; ~ cannot be told from the baseline", "-")
        terminalreporter.write_line(table(ratios.lines))
    for problem in ratios.problems:
        terminalreporter.write_line(problem, red=True)
