"""`python -m benchmarks`, the same as `bench`."""

from benchmarks.cli import main

main()
