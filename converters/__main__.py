"""`python -m converters`, the same as `convert`."""

from converters.cli import main

main()
