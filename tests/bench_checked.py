"""A task measured in this process, and what a benchmark would read of it."""

import json

from benchmarks.cells import Task
from benchmarks.measuring.process import measure
from benchmarks.records.result import Measured


def checked(task: Task) -> Measured:
    return Measured.model_validate(json.loads(json.dumps(measure(task).to_json(), allow_nan=False)))
