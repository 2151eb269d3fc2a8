"""Any past state can be read again, whatever happened since."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from challenge.ledger import (
    Ledger,
    Snapshot,
    close,
    open_ledger,
    read_snapshot,
    refresh,
    rename_team,
    rescore,
    submit,
    withdraw,
)
from challenge.scoring.solution import count_public
from challenge.task import Challenge
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def shown(snapshot: Snapshot) -> dict[str, object]:
    """Return all that a board could be made of."""
    ids = snapshot.primary.submission.tolist()
    return {
        "at": snapshot.at,
        "settings": snapshot.settings,
        "cards": snapshot.cards,
        "teams": snapshot.teams,
        "subset": snapshot.subset,
        "closed": snapshot.closed_at,
        "baseline_scores": snapshot.baseline_scores,
        "finals": snapshot.finals,
        "steps": snapshot.steps,
        "unscored": snapshot.unscored,
        "primary": [
            np.nan_to_num(getattr(snapshot.primary, name), nan=-1).tolist()
            for name in ("submission", "team", "task", "value", "low", "high", "at")
        ],
        "public": None if snapshot.public is None else snapshot.public.submission.tolist(),
        "entries": list(snapshot.entries()),
        "marks": dict(snapshot.team_marks()),
        "vectors": [one and one.to_bytes() for one in snapshot.vectors(ids)],
        "methods": dict(snapshot.methods(ids)),
    }


@pytest.mark.slow
def test_every_moment_of_a_contest_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=50), n=700)
    make_task(challenge, "small", n=100)
    dice = np.random.default_rng(4)
    seen: list[tuple[datetime, dict[str, object]]] = []
    now = START
    for number in range(40):
        now += timedelta(hours=int(dice.integers(1, 30)))
        monkeypatch.setenv("CHALLENGE_NOW", now.isoformat())
        ledger = open_ledger(challenge)
        act(ledger, challenge, tmp_path, number, dice)
        seen.append((now, shown(read_snapshot(ledger))))
    monkeypatch.setenv("CHALLENGE_NOW", "2026-06-01T00:00:00Z")
    ledger = open_ledger(challenge)
    close(ledger)
    last = shown(read_snapshot(ledger))
    for at, before in seen:
        assert shown(read_snapshot(ledger, at)) == before
        assert shown(read_snapshot(ledger, at + timedelta(minutes=59))) == before
    assert last["subset"] == "private"
    assert shown(read_snapshot(ledger, datetime(2027, 1, 1, tzinfo=timezone.utc))) == last
    empty = read_snapshot(ledger, START - timedelta(days=1))
    assert empty.at is None and len(empty.primary) == 0 and empty.teams == {}


def act(
    ledger: Ledger,
    challenge: Challenge,
    tmp_path: Path,
    number: int,
    dice: np.random.Generator,
) -> None:
    """Do one thing that can happen in a contest."""
    standing = [entry.id for entry in read_snapshot(ledger).submissions() if not entry.withdrawn]
    kind = dice.choice(["submit", "submit", "submit", "withdraw", "rename", "rescore", "card"])
    if number < 4 or kind == "submit":
        task = challenge.task(str(dice.choice(["toy", "toy", "small"])))
        hits = int(dice.integers(20, 60) * count_public(task) / 100)
        path = write_hits(task, tmp_path / "x.csv", hits, subset="public", salt=number + 1)
        submit(
            ledger, task, path, team=f"Team {number % 3}{'abc'[number % 3]}", method=f"m{number}"
        )
    elif kind == "withdraw" and standing:
        withdraw(ledger, int(dice.choice(standing)))
    elif kind == "rename":
        team = read_snapshot(ledger).teams[1]
        rename_team(ledger, team.name, f"Renamed {number}")
    elif kind == "rescore":
        make_task(challenge, "toy", n=700, solution="stuv"[number % 4], title=f"Toy {number}")
        rescore(ledger)
    else:
        make_task(challenge, "small", n=100, title=f"Small {number}")
        refresh(ledger)
