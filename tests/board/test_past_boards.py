"""A board of the past, built from the ledger again: the same bytes, whatever came after."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.board.site import build_site
from challenge.ledger import close, open_ledger, rename_team, submit, withdraw
from challenge.ledger.store.clock import read_time
from tests.ledger.toy import CONTEST, make_challenge, write_hits


def files_of(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_the_site_of_a_past_day_is_built_again_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=9), n=700)
    task = challenge.task("toy")
    sites: dict[int, Path] = {}
    for day in (2, 3, 4):
        monkeypatch.setenv("CHALLENGE_NOW", f"2026-01-0{day}T12:00:00Z")
        ledger = open_ledger(challenge)
        for team in ("Ada", "Bob"):
            path = write_hits(task, tmp_path / "x.csv", 90 * day + len(sites), subset="public")
            submit(ledger, task, path, team=team, method=f"day {day}")
        if day == 3:
            withdraw(ledger, 1)
        sites[day] = build_site(ledger, tmp_path / str(day)).index.parent
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-02T00:00:00Z")
    ledger = open_ledger(challenge)
    rename_team(ledger, "Ada", "Countess")
    close(ledger)
    build_site(ledger, tmp_path / "again")
    assert "Countess" in (tmp_path / "again/index.html").read_text()
    for day, site in sites.items():
        at = read_time(f"2026-01-0{day}", "--as-of")
        build_site(ledger, tmp_path / "again", as_of=at)
        assert files_of(tmp_path / "again") == files_of(site), day
