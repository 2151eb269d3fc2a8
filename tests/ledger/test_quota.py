"""The cap of faulty files."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import SubmissionError
from challenge.ledger import open_ledger
from tests.ledger.toy import CONTEST, make_challenge, write_hits


def test_a_new_name_gives_no_more_faulty_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5))
    ledger, task = open_ledger(challenge), challenge.task("toy")
    ledger.submit(task, write_hits(task, tmp_path / "a.csv", 30), team="Ada", method="m")
    for number in range(3):
        if number == 2:
            ledger.rename_team("Ada", "Ada and Co")
        faulty = tmp_path / f"{number}.csv"
        faulty.write_text(f"id,label\nnobody{number},cat\n")
        with pytest.raises(SubmissionError, match="unknown"):
            ledger.submit(task, faulty, team="Ada and Co" if number == 2 else "Ada", method="m")
    for name in ("Ada", "Ada and Co"):
        with pytest.raises(SubmissionError, match="3 today"):
            ledger.submit(task, faulty, team=name, method="m")
    with pytest.raises(SubmissionError, match="unknown"):
        ledger.submit(task, faulty, team="Bob", method="m")
