"""Which class was taken for which: counted where labels may be known, and nowhere before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from challenge.ledger import Ledger, close, open_ledger, read_snapshot, submit
from challenge.ledger.contest.rehearsal import rehearse
from tests.ledger.toy import (
    CLASSES,
    CONTEST,
    make_challenge,
    subsets_of,
    truth_of,
    write_hits,
    write_labels,
)


def stored(ledger: Ledger) -> list[list[list[int]] | None]:
    entries = read_snapshot(ledger).entries_of(1)
    return [
        None if score is None or score.confusion_counts is None else score.confusion_counts.tolist()
        for _, score in entries
    ]


def n_rows(ledger: Ledger) -> int:
    with ledger.store.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM confusion_counts").scalar_one())


def counted(truth: list[str], said: list[str]) -> list[list[int]]:
    table = np.zeros((3, 3), int)
    for true, label in zip(truth, said, strict=True):
        table[CLASSES.index(true), CLASSES.index(label)] += 1
    return [[i, j, int(table[i, j])] for i in range(3) for j in range(3) if table[i, j]]


def test_a_benchmark_counts_every_row(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger, task = open_ledger(challenge), challenge.task("toy")
    said = ["cat"] * 30 + ["dog"] * 30
    path = write_labels(task, tmp_path / "a.csv", said)
    receipt = submit(ledger, task, path, team="Ada", method="m")
    assert stored(ledger) == [counted(truth_of(task), said)]
    assert "confusion_counts" not in str(receipt.as_json())


def test_a_contest_counts_the_finals_at_the_close_and_nothing_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800)
    ledger, task = open_ledger(challenge), challenge.task("toy")
    for hits in (300, 200):
        path = write_hits(task, tmp_path / f"{hits}.csv", hits, subset="public")
        submit(ledger, task, path, team="Ada", method="m")
    rehearse(ledger, seed=1)
    assert n_rows(ledger) == 0 and stored(ledger) == [None, None]
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-02T00:00:00Z")
    close(ledger)
    assert n_rows(ledger) == 1
    truth, subsets = truth_of(task), subsets_of(task)
    said = [line.split(",")[1] for line in (tmp_path / "300.csv").read_text().split()[1:]]
    inside = [row for row, subset in enumerate(subsets) if subset == "private"]
    final = counted([truth[row] for row in inside], [said[row] for row in inside])
    assert stored(ledger) == [final, None]
