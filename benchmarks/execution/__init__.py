"""From what a person asks for to results: the plan, one process for each cell and round, and what became of it.

    planned = plan(Request(suite="cpu"))
    summary = run(planned, Path("results"), resume=True)

No framework is imported here: whatever is measured is measured in a child process.
"""

from benchmarks.execution.cell import Cell, LeftOut, Plan, Step
from benchmarks.execution.diagnosis import Diagnosis, Finding, diagnose
from benchmarks.execution.planning import plan
from benchmarks.execution.progress import Progress
from benchmarks.execution.request import Request, group_models
from benchmarks.execution.running import Summary, run, seconds_of
from benchmarks.execution.runtimes import Found, list_runners

__all__ = [
    "Cell", "Diagnosis", "Finding", "Found", "LeftOut", "Plan", "Progress", "Request", "Step", "Summary", "diagnose",
    "group_models", "list_runners", "plan", "run", "seconds_of",
]  # fmt: skip
