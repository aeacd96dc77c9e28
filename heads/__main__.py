"""`python -m heads`, the same as `heads`."""

from heads.cli import main

main()
