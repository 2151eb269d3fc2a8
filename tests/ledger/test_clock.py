"""The one clock of the room, and how moments are written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from challenge.errors import WrongUse
from challenge.ledger.store import clock


def test_the_clock_reads_its_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00+02:00")
    assert clock.iso(clock.now()) == "2026-01-05T10:00:00Z"


@pytest.mark.parametrize("text", ["2026-01-31", " 2026-01-31 ", "20260131", "2026-W05-6"])
def test_a_date_alone_is_its_last_moment(text: str) -> None:
    try:
        at = clock.read_time(text, "--as-of")
    except WrongUse:
        assert text in ("20260131", "2026-W05-6")  # not read before Python 3.11
    else:
        assert at == datetime(2026, 2, 1, tzinfo=timezone.utc) - timedelta(microseconds=1)
