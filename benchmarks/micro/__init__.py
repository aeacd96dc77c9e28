"""Micro-benchmarks by pytest-benchmark: `tox -e bench`."""
