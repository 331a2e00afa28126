"""`python -m loadtest` is the `lab` command."""

from loadtest.cli import main

main()
