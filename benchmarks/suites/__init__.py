"""Suites: named choices of what is measured, as TOML files that anybody may add to."""

from benchmarks.suites.reading import built_in, load_suite
from benchmarks.suites.suite import Suite

__all__ = ["Suite", "built_in", "load_suite"]
