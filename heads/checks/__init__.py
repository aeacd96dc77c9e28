"""What is wrong or worth knowing about a table of faces, before anything is trained on it."""

from heads.checks.checking import Check, CheckOptions, check
from heads.checks.duplicates import Duplicates, find_duplicates
from heads.checks.examination import Examined, examine
from heads.checks.leaks import Leak, Leaks, find_leaks
from heads.checks.plain import PlainTable
from heads.checks.similarity import Vectors

__all__ = [
    "Check", "CheckOptions", "Duplicates", "Examined", "Leak", "Leaks", "PlainTable", "Vectors", "check", "examine",
    "find_duplicates", "find_leaks",
]  # fmt: skip
