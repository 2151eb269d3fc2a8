"""What the calls of the API share: who calls, ids in paths, and the problems of an answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi import Path as InPath

from challenge.ledger.network.tokens import Token
from challenge.server import api_answers as answers
from challenge.server.sign_in import program_token

__all__ = ["Number", "Reader", "Submitter", "TaskId", "problems"]

TaskId = Annotated[str, InPath(description="The id of a task.", max_length=100)]
Number = Annotated[int, InPath(ge=1, le=2**31 - 1, description="A submission's number.")]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a call may answer with, beside those that every call has."""
    return {status: {"model": answers.Problem} for status in (*statuses, 422, 503)}


def reader(request: Request) -> Token:
    """Return the token of a call that reads."""
    return program_token(request, "read")


def submitter(request: Request) -> Token:
    """Return the token of a call that hands in for its team; the organiser's acts for any team."""
    return program_token(request, "submit")


Reader = Annotated[Token, Depends(reader)]
Submitter = Annotated[Token, Depends(submitter)]
