"""Benchmarks of a network over runtimes, whose tables can be believed: `bench`, the same as `python -m benchmarks`."""
