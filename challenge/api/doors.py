"""Checks of arguments where a user calls: what is of another type is refused, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from challenge.errors import Fault, WrongUse, meant

__all__ = ["PLACE", "require", "require_choice", "require_flag", "require_text"]

PLACE = (str, Path)
"""What names a file, folder or address."""


def require(value: object, types: tuple[type, ...], where: str, expected: str, fix: str) -> None:
    """Raise WrongUse for a value of none of the types, for an empty text, and for a stray bool."""
    if isinstance(value, types) and value != "" and not isinstance(value, bool):
        return
    found = repr(value)
    kind = type(value).__name__
    if value is not None and value != "":
        found = f"{found}, of type {kind}" if len(found) <= 60 else f"an object of type {kind}"
    raise WrongUse(Fault(where, found, expected, fix, code="wrong-argument"))


def require_text(value: object, where: str, expected: str) -> None:
    """Raise WrongUse for anything but a text that is not empty."""
    require(value, (str,), where, expected, "give it as a text in quotes")


def require_flag(value: object, where: str, meaning: str = "") -> None:
    """Raise WrongUse for anything but True or False; `meaning` is what a number may have meant."""
    if not isinstance(value, bool):
        fix = f"write {where}=True or {where}=False{meaning and f'; {meaning}'}"
        raise WrongUse(Fault(where, repr(value), "True or False", fix, code="wrong-argument"))


def require_choice(value: object, allowed: Sequence[str], where: str) -> None:
    """Raise WrongUse for anything but one of the allowed texts."""
    if value not in allowed:
        fix = meant(str(value), allowed, "name one of these")
        expected = " or ".join(map(repr, allowed))
        raise WrongUse(Fault(where, repr(value), expected, fix, code="wrong-argument"))
