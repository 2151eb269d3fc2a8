"""Copies of other teams' predictions are shown to the organiser, and to nobody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from challenge.ledger import open_ledger, similar_pairs, submit
from challenge.task import Challenge
from tests.cli.shell import shell
from tests.ledger.toy import make_challenge, truth_of, write_labels


def entry(challenge: Challenge, team: str, seed: int, changed: int = 0) -> None:
    """Put a file with independent errors into the inbox, with some rows drawn again."""
    task = challenge.task("toy")
    truth = truth_of(task)
    chance = np.random.default_rng(seed)
    labels = [
        str(chance.choice(list(task.classes))) if chance.random() < 0.4 else label
        for label in truth
    ]
    for row in range(changed):
        labels[row] = str(np.random.default_rng(99 + row).choice(list(task.classes)))
    folder = challenge.inbox / team / "toy"
    folder.mkdir(parents=True)
    write_labels(task, folder / "p.csv", labels)


def test_copies_are_shown_after_collect_and_by_the_command(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", n=800)
    for team, seed, changed in (("Ada", 1, 0), ("Bo", 2, 0), ("Cy", 1, 0), ("Di", 1, 60)):
        entry(challenge, team, seed, changed)
    done = shell(challenge.root, "collect")
    assert done.code == 0, done.err
    lines = [line for line in done.err.splitlines() if "for the organiser only" in line]
    assert any("(Ada)" in line and "(Cy)" in line and "identical" in line for line in lines)
    assert any("(Di)" in line and "same wrong answer" in line for line in lines)
    assert not any("(Bo)" in line for line in lines)
    shown = shell(challenge.root, "similar")
    assert "(Ada)" in shown.out and "(Cy) are identical" in shown.out
    assert not any(name in shown.out for name in challenge.task("toy").classes)
    pairs = shell(challenge.root, "similar", "--task", "toy", "--json").json()["pairs"]
    assert {pair["identical"] for pair in pairs} == {True, False}
    assert shell(challenge.root, "leaderboard").code == 0
    for page in (challenge.root / "leaderboard").rglob("*.html"):
        assert "same wrong answer" not in page.read_text(encoding="utf-8")
    for receipt in challenge.inbox.rglob("*.receipt.*"):
        assert "organiser only" not in receipt.read_text(encoding="utf-8")
    again = shell(challenge.root, "collect")
    assert "organiser only" not in again.err, "nothing is new"


def test_without_copies_the_command_says_so(tmp_path: Path) -> None:
    root = make_challenge(tmp_path / "c").root
    assert shell(root, "similar").out == "no similar predictions of different teams\n"


def test_a_method_that_errs_as_a_baseline_does_is_no_copy(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c", n=800)
    ledger, task = open_ledger(challenge), challenge.task("toy")
    entry(challenge, "Ada", 1)
    entry(challenge, "Bo", 1, changed=60)
    files = {team: challenge.inbox / team / "toy" / "p.csv" for team in ("Ada", "Bo")}
    submit(ledger, task, files["Ada"], team="Linear", method="linear", baseline=True)
    submit(ledger, task, files["Bo"], team="Bo", method="mine")
    assert similar_pairs(ledger) == []
    submit(ledger, task, files["Ada"], team="Ada", method="theirs")
    found = {(pair.team_a, pair.team_b, pair.identical) for pair in similar_pairs(ledger)}
    assert found == {("Linear", "Ada", True), ("Bo", "Ada", False)}
