"""`python -m swc` is the `swc` command."""

from swc.cli import main

main()
