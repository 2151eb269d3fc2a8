"""Refusals as RFC 9457 problems: every fault at once, and nothing of the organiser's machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from challenge.errors import ChallengeError, Fault, SubmissionError, WrongUse
from challenge.ledger.store import clock
from challenge.ledger.store.clock import day_start

__all__ = ["MEDIA_TYPE", "Refusal", "document_of", "refusal_of"]

MEDIA_TYPE = "application/problem+json"
_FAULTS_PAGE = "/api/v1/docs#faults"
_LINE_SECONDS = 5

_STATUS = {
    **dict.fromkeys(("closed", "not-open", "no-contest", "selected-enough", "withdrawn"), 409),
    **dict.fromkeys(("file-too-large", "file-unpacks-too-large"), 413),
    **dict.fromkeys(("quota-day", "quota-total", "quota-last-day", "quota-failed"), 429),
    **dict.fromkeys(("quota-new-teams", "rate"), 429),
    **dict.fromkeys(("team-baseline", "team-reserved", "unknown-team"), 403),
    **dict.fromkeys(("line-full", "team-line-full"), 503),
    "content-type": 415,
}
_UNTIL_TOMORROW = frozenset({"quota-day", "quota-failed", "quota-new-teams"})
_SHOWN_ERRORS = frozenset({"line-full", "team-line-full"})


class Refusal(Exception):
    """What a call is refused with: the status, the faults as plain values, further headers."""

    def __init__(
        self,
        status: int,
        faults: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        super().__init__("; ".join(f"{one['where']}: {one['found']}" for one in self.faults))

    @classmethod
    def of(cls, status: int, fault: Fault, **headers: str) -> Refusal:
        """Return the refusal for one fault; `_` in names of headers stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, (fault.as_json(),), named)

    def as_json(self) -> dict[str, Any]:
        """Return the refusal as plain values."""
        return {"status": self.status, "faults": list(self.faults), "headers": dict(self.headers)}


def refusal_of(error: ChallengeError) -> Refusal:
    """Return how the server answers an error of the functions that the command line calls too.

    Faults of the organiser's files or machine name paths, so they are logged and not sent.
    """
    codes = {fault.code for fault in error.faults}
    if not isinstance(error, SubmissionError | WrongUse) and not codes <= _SHOWN_ERRORS:
        return own_fault()
    if isinstance(error, WrongUse):
        # A name that is not there; anything else is a value that a call does not take.
        found = any(code.startswith("unknown-") or code == "not-found" for code in codes)
        status = 404 if found else 422
    else:
        status = next((_STATUS[code] for code in sorted(codes) if code in _STATUS), 422)
    headers = {}
    if codes & _UNTIL_TOMORROW:
        seconds = str(seconds_to_tomorrow(clock.now()))
        headers = {"Retry-After": seconds, "RateLimit": f'"per-day";r=0;t={seconds}'}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(_LINE_SECONDS)
    return Refusal(status, tuple(fault.as_json() for fault in error.faults), headers)


def own_fault() -> Refusal:
    """Return the answer when the server itself is at fault; no quota was used."""
    return Refusal.of(
        HTTPStatus.SERVICE_UNAVAILABLE,
        Fault(
            "server",
            "it cannot answer this call now",
            "a server that is whole",
            "try again later; if it stays, give the organiser the request id",
            code="server",
        ),
        Retry_After="30",
    )


def seconds_to_tomorrow(at: datetime) -> int:
    """Return the seconds to the next UTC day, at least 1."""
    return max(1, int((day_start(at) + timedelta(days=1) - at).total_seconds()))


def document_of(refusal: Refusal, request: str) -> dict[str, Any]:
    """Return the problem document of a refusal; `request` is the id of the request."""
    return {
        "type": _FAULTS_PAGE,
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": "; ".join(f"{fault['where']}: {fault['found']}" for fault in refusal.faults)[
            :500
        ],
        "request": request,
        "faults": [dict(fault) for fault in refusal.faults],
    }
