"""`python -m weights`, the same as `weights`."""

from weights.cli import main

main()
