"""The datasheet: questions about the data. To add a question, add a field here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from challenge.task.declarations import Declaration

__all__ = ["UNANSWERED", "Datasheet", "answers", "hints"]

UNANSWERED = "not stated"
"""Shown on pages for a missing answer."""


def _question(text: str, hint: str) -> Any:
    return Field(default="", title=text, description=hint)


class Datasheet(Declaration):
    """`[datasheet]` of task.toml: the answer to each question, empty if not answered."""

    row: str = _question("What is a row?", "what is one row, and how was it chosen?")
    labelled_by: str = _question("Who decided the label?", "who decided the label?")
    certainty: str = _question("How certain is it?", "how sure are they?")
    not_for: str = _question("What is it not for?", "what must the data not be used for?")
    weaknesses: str = _question("Known weaknesses", "what is known to be weak?")


def answers(given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield each question and its answer, empty where `given` (by key) has none."""
    for key, field in Datasheet.model_fields.items():
        yield str(field.title), str(given.get(key) or "")


def hints() -> Iterator[tuple[str, str]]:
    """Yield the key of each question and its prompt."""
    for key, field in Datasheet.model_fields.items():
        yield key, str(field.description)
