"""The clock of the ledger: UTC, to the microsecond, replaceable in tests.

Contest rules depend on time, so all other code reads the time here.
"""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone

from challenge.errors import Fault, WrongUse

__all__ = ["day_start", "from_micros", "iso", "micros", "now", "read_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now() -> datetime:
    """Return the time in UTC; the environment variable CHALLENGE_NOW (ISO 8601) replaces it."""
    replaced = os.environ.get("CHALLENGE_NOW")
    if replaced:
        return read_time(replaced, "CHALLENGE_NOW")
    return datetime.now(timezone.utc)


def read_time(text: str, where: str) -> datetime:
    """Read an ISO 8601 time as UTC; a date alone is its last microsecond, no offset means UTC.

    >>> read_time("2026-01-31T13:00:00+01:00", "--as-of").isoformat()
    '2026-01-31T12:00:00+00:00'
    >>> read_time("2026-01-31", "--as-of").isoformat()
    '2026-01-31T23:59:59.999999+00:00'
    """
    plain = text.strip()
    plain = plain[:-1] + "+00:00" if plain.endswith(("Z", "z")) else plain
    try:
        at = datetime.fromisoformat(plain)
        if _is_date(plain):
            at += timedelta(days=1) - timedelta(microseconds=1)
        at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise WrongUse(
            Fault(
                where,
                repr(text),
                "a date or a time in ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z",
                "correct it",
                code="time-format",
            )
        ) from None
    return at


def _is_date(text: str) -> bool:
    # Newer versions of Python also read 20260131 and 2026-W05-6.
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def micros(at: datetime) -> int:
    """Return microseconds since 1970 in UTC, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """Return the UTC time of `micros`."""
    return _EPOCH + timedelta(microseconds=value)


def day_start(at: datetime) -> datetime:
    """Return midnight of the UTC day of `at`."""
    return at.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def iso(at: datetime) -> str:
    """Return the time as receipts and pages write it, to the second.

    >>> iso(datetime(2026, 1, 31, 12, tzinfo=timezone.utc))
    '2026-01-31T12:00:00Z'
    """
    return at.astimezone(timezone.utc).isoformat(timespec="seconds")[:19] + "Z"
