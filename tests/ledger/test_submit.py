"""A submission from the file to the board, without a contest."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenge.errors import SubmissionError
from challenge.ledger import open_ledger, read_snapshot, refresh, submit
from tests.ledger.toy import make_challenge, make_task, write_hits


def test_a_submission_is_scored_stored_and_on_the_board(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    ledger = open_ledger(challenge)
    path = write_hits(task, tmp_path / "a.csv", 45)
    receipt = submit(ledger, task, path, team="Ada", method="majority", details={"seed": 3})
    assert receipt.score is not None
    assert receipt.score.value == pytest.approx(45 / 60)
    assert receipt.released and receipt.identical_to is None and receipt.quota_left == 4
    assert receipt.submission.details == {"seed": 3}
    assert ledger.files.open_path(receipt.submission.sha256).is_file()
    snapshot = read_snapshot(ledger)
    assert snapshot.subset == "all"
    assert snapshot.primary.value.tolist() == [receipt.score.value]
    assert snapshot.primary.low[0] == receipt.score.low
    assert snapshot.teams[receipt.team.id].slug == "ada"
    assert snapshot.baseline_scores["toy"] == pytest.approx(
        sum(label == "bird" for label in _truth(task)) / 60
    )
    found, unknown = snapshot.vectors([receipt.submission.id, 99])
    assert found is not None and len(found.clusters) > 12
    assert unknown is None
    assert snapshot.score(receipt.submission.id) == receipt.score
    assert [team for team, _ in snapshot.entries()] == [receipt.team.id]


def _truth(task: object) -> list[str]:
    from tests.ledger.toy import truth_of

    return truth_of(task)  # type: ignore[arg-type]


def test_identical_predictions_are_told_so_and_cost_no_quota(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    ledger = open_ledger(challenge)
    path = write_hits(task, tmp_path / "a.csv", 45)
    first = submit(ledger, task, path, team="Ada", method="one")
    shuffled = tmp_path / "b.csv"
    lines = path.read_text().splitlines()
    shuffled.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    second = submit(ledger, task, shuffled, team="ADA", method="two")
    assert second.identical_to == first.submission.id
    assert second.quota_left == first.quota_left == 4
    assert "no quota was used" in second.message
    assert len(read_snapshot(ledger).primary) == 1


def test_a_faulty_file_is_refused_and_counts_against_a_cap_of_its_own(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    ledger = open_ledger(challenge)
    bad = tmp_path / "bad.csv"
    bad.write_text("id,label\n")
    for _ in range(50):
        with pytest.raises(SubmissionError, match="no rows"):
            submit(ledger, task, bad, team="Ada", method="m")
    with pytest.raises(SubmissionError, match="50 today"):
        submit(ledger, task, bad, team="Ada", method="m")
    assert len(read_snapshot(ledger).primary) == 0
    assert read_snapshot(ledger).teams == {}


def test_names_are_checked_all_at_once(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    ledger = open_ledger(challenge)
    with pytest.raises(SubmissionError) as caught:
        submit(
            ledger, challenge.task("toy"), tmp_path, team="..", method="x" * 300, note="a\u202eb"
        )
    assert [fault.code for fault in caught.value.faults] == [
        "name-empty",
        "name-too-long",
        "name-not-printable",
    ]


def test_a_rebuilt_task_waits_for_a_rescore(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    ledger = open_ledger(challenge)
    submit(ledger, task, write_hits(task, tmp_path / "a.csv", 45), team="Ada", method="m")
    mended = make_task(challenge, "toy", solution="t", title="Mended")
    assert "challenge rescore toy" in refresh(ledger)[0]
    with pytest.raises(Exception, match="was rebuilt"):
        submit(ledger, mended, write_hits(mended, tmp_path / "b.csv", 40), team="Ada", method="m")
    assert len(read_snapshot(ledger).primary) == 1
    assert read_snapshot(ledger).cards["toy"].card["title"] == "Toy"


def test_a_mended_word_makes_a_new_card_and_touches_no_score(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    ledger = open_ledger(challenge)
    submit(ledger, task, write_hits(task, tmp_path / "a.csv", 45), team="Ada", method="m")
    before = read_snapshot(ledger)
    make_task(challenge, "toy", title="Mended")
    assert refresh(ledger) == []
    after = read_snapshot(ledger)
    assert after.cards["toy"].card["title"] == "Mended"
    assert after.primary.value.tolist() == before.primary.value.tolist()
    assert before.at is not None
    assert read_snapshot(ledger, before.at).cards["toy"].card["title"] == "Toy"
