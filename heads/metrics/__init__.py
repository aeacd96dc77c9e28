"""How good a head is: values that may be undefined, each with what it rests on and an interval."""

from heads.metrics.comparison import Comparison, compare
from heads.metrics.evaluation import Evaluation, Gap, evaluate
from heads.metrics.options import EvaluateOptions
from heads.metrics.rows import Row
from heads.metrics.scores import Scores, scores_of
from heads.metrics.values import Interval, Value

__all__ = [
    "Comparison",
    "EvaluateOptions",
    "Evaluation",
    "Gap",
    "Interval",
    "Row",
    "Scores",
    "Value",
    "compare",
    "evaluate",
    "scores_of",
]
