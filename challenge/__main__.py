"""`python -m challenge` is the command `challenge`."""

from challenge.cli import main

main()
