"""The commands; the only place that prints or exits."""

from challenge.cli.app import main

__all__ = ["main"]
