"""A contest from its opening to its close, by a clock that the tests set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from challenge.board.site import build_site
from challenge.errors import LedgerError, SubmissionError, TaskError, WrongUse
from challenge.ledger import (
    Ledger,
    close,
    history,
    open_ledger,
    read_snapshot,
    refresh,
    rename_team,
    rescore,
    select,
    submit,
    withdraw,
)
from challenge.ledger.contest.rehearsal import rehearse
from challenge.ledger.store import schema
from challenge.scoring.solution import count_public
from challenge.task import Task
from tests.ledger.toy import BENCHMARK, CONTEST, make_challenge, make_task, write_hits

OPENS = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLOSES = datetime(2026, 2, 1, tzinfo=timezone.utc)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    return open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=800))


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", at.isoformat())


def toy(ledger: Ledger) -> Task:
    return ledger.challenge.task("toy")


def hand_in(ledger: Ledger, tmp_path: Path, hits: int, team: str = "Ada", salt: int = 0) -> int:
    path = write_hits(toy(ledger), tmp_path / "x.csv", hits, subset="public", salt=salt)
    return submit(ledger, toy(ledger), path, team=team, method="m").submission.id


def test_the_ladder_tells_only_steps(ledger: Ledger, tmp_path: Path) -> None:
    # 400 public rows: the step is .05.
    task = toy(ledger)

    def hand_in(hits: int, salt: int = 0) -> tuple[float | None, float | None, str]:
        path = write_hits(task, tmp_path / "x.csv", hits, subset="public", salt=salt)
        receipt = submit(ledger, task, path, team="Ada", method="m")
        assert receipt.step == 0.05
        value = receipt.score.value if receipt.score else None
        return value, receipt.reference, receipt.message

    assert hand_in(206)[:2] == (0.5, 0.5)  # .515 is shown as .5
    value, reference, message = hand_in(218)  # .545 is no step above .5
    assert (value, reference) == (None, 0.5)
    assert message.endswith("accepted, no improvement on .500")
    assert ".54" not in message
    assert hand_in(222)[:2] == (0.55, 0.55)  # .555
    assert hand_in(150)[:2] == (None, 0.55)
    snapshot = read_snapshot(ledger)
    assert snapshot.subset == "public"
    assert snapshot.primary.value.tolist() == [0.5, 0.55]
    for end in (*snapshot.primary.low, *snapshot.primary.high):
        assert round(end / 0.05, 6) == round(end / 0.05)
    assert [row.state for row in history(ledger)] == [
        "counted",
        "not released",
        "on the board",
        "not released",
    ]
    assert snapshot.score(2) is None
    assert snapshot.vectors([2]) == [None]
    shown = snapshot.score(3)
    assert shown is not None and list(shown.metrics) == ["accuracy"]
    assert not shown.diagnostics


def test_on_few_rows_later_submissions_need_four_steps(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 400 public rows: the first twelve submissions of a team need one step of .05.
    released = []
    for number in range(16):
        set_clock(monkeypatch, OPENS + timedelta(days=number, hours=1))
        hits = {0: 200, 11: 222, 12: 262, 13: 298, 14: 304}.get(number, 150)
        key = hand_in(ledger, tmp_path, hits, salt=number)
        if read_snapshot(ledger).score(key) is not None:
            released.append(number)
    assert released == [0, 11, 14]
    hand_in(ledger, tmp_path, 240, team="Bob")
    before = read_snapshot(ledger).primary.value.tolist()
    assert before == [0.5, 0.55, 0.75, 0.6]
    make_task(ledger.challenge, "toy", n=800, solution="t")
    assert rescore(ledger)[0].stored
    assert read_snapshot(ledger).primary.value.tolist() == before


def test_a_withdrawal_lowers_no_reference_and_gives_no_quota_back(
    ledger: Ledger, tmp_path: Path
) -> None:
    hand_in(ledger, tmp_path, 200)
    best = hand_in(ledger, tmp_path, 280)
    withdraw(ledger, best)
    assert read_snapshot(ledger).primary.value.tolist() == [0.5]
    path = write_hits(toy(ledger), tmp_path / "x.csv", 280, subset="public")
    again = submit(ledger, toy(ledger), path, team="Ada", method="m")
    assert again.score is None and again.reference == 0.7
    assert again.quota_left == 2
    with pytest.raises(SubmissionError, match="already withdrawn"):
        withdraw(ledger, best)


def test_dates_hold_to_the_second_in_utc(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, OPENS - timedelta(seconds=1))
    with pytest.raises(SubmissionError, match="2026-01-01T00:00:00Z on"):
        hand_in(ledger, tmp_path, 200)
    set_clock(monkeypatch, OPENS)
    hand_in(ledger, tmp_path, 200)
    east = timezone(timedelta(hours=13))
    set_clock(monkeypatch, (CLOSES - timedelta(seconds=1)).astimezone(east))
    last = hand_in(ledger, tmp_path, 240)
    with pytest.raises(SubmissionError, match="it is 2026-01-31T23:59:59Z"):
        close(ledger)
    set_clock(monkeypatch, CLOSES)
    for action in (
        lambda: hand_in(ledger, tmp_path, 280),
        lambda: withdraw(ledger, last),
        lambda: select(ledger, last),
    ):
        with pytest.raises(SubmissionError, match="it ended at 2026-02-01T00:00:00Z"):
            action()
    close(ledger)
    with pytest.raises(SubmissionError, match="cannot be undone"):
        close(ledger)


def test_the_sixth_of_a_day_is_refused_and_the_next_day_begins_at_midnight(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, datetime(2026, 1, 5, 23, 59, 59, tzinfo=timezone.utc))
    for salt in range(5):
        hand_in(ledger, tmp_path, 200, salt=salt + 1)
    with pytest.raises(SubmissionError, match="after 2026-01-06T00:00:00Z"):
        hand_in(ledger, tmp_path, 200, salt=9)
    hand_in(ledger, tmp_path, 200, team="Bob", salt=9)
    set_clock(monkeypatch, datetime(2026, 1, 6, tzinfo=timezone.utc))
    hand_in(ledger, tmp_path, 200, salt=9)


def test_private_scores_come_with_the_close_and_of_finals_only(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hand_in(ledger, tmp_path, 200, salt=1)
    second = hand_in(ledger, tmp_path, 300, salt=2)
    third = hand_in(ledger, tmp_path, 250, salt=3)
    lonely = hand_in(ledger, tmp_path, 220, team="Bob", salt=4)
    select(ledger, first)
    select(ledger, third)
    with pytest.raises(SubmissionError, match=f"2 are selected: {first}, {third}"):
        select(ledger, second)
    with ledger.store.reading() as connection:
        subsets = connection.execute(sa.select(schema.scores.c.subset).distinct()).scalars().all()
        assert subsets == ["public"]
        baseline_scores = (
            connection.execute(sa.select(schema.baseline_scores.c.subset)).scalars().all()
        )
        assert baseline_scores == ["public"]
    before = read_snapshot(ledger)
    with pytest.raises(KeyError):
        before.primary_of("private")
    assert before.score(first, "private") is None
    set_clock(monkeypatch, CLOSES)
    report = close(ledger)
    assert (report.n_teams, report.n_finals) == (2, 3)
    after = read_snapshot(ledger)
    assert after.subset == "private" and after.closed_at == CLOSES
    assert after.primary.submission.tolist() == [first, third, lonely]
    assert after.finals[1, "toy"] == (first, third)
    assert after.score(second) is None
    assert None not in after.vectors([first, third, lonely])
    assert after.public is not None
    assert after.public.submission.tolist() == [first, second, lonely]
    assert before.at is not None
    past = read_snapshot(ledger, before.at)
    assert past.subset == "public" and past.closed_at is None and past.finals == {}
    assert past.score(first, "private") is None


def test_a_selection_can_be_taken_back_and_ends_with_a_withdrawal(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [hand_in(ledger, tmp_path, 200 + 20 * i, salt=i + 1) for i in range(3)]
    assert select(ledger, ids[0]) == (ids[0],)
    assert select(ledger, ids[1]) == (ids[0], ids[1])
    assert select(ledger, ids[0], chosen=False) == (ids[1],)
    withdraw(ledger, ids[1])
    set_clock(monkeypatch, CLOSES)
    close(ledger)
    assert read_snapshot(ledger).finals == {(1, "toy"): (ids[2],)}
    with pytest.raises(WrongUse, match="stored submission"):
        select(ledger, 99)


def test_a_missing_file_stops_the_close_before_anything_is_stored(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = hand_in(ledger, tmp_path, 200)
    ledger.files.path(read_snapshot(ledger).submission(key).sha256).unlink()
    set_clock(monkeypatch, CLOSES)
    with pytest.raises(LedgerError, match="challenge verify"):
        close(ledger)
    assert read_snapshot(ledger).closed_at is None


def test_a_small_public_subset_shows_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=598)
    ledger = open_ledger(challenge)
    task = challenge.task("toy")
    assert count_public(task) == 299
    for salt in (1, 2):
        path = write_hits(task, tmp_path / "x.csv", 200, subset="public", salt=salt)
        receipt = submit(ledger, task, path, team="Ada", method="m")
        assert receipt.score is None and receipt.reference is None
        assert "has no public score" in receipt.message
    snapshot = read_snapshot(ledger)
    assert snapshot.unscored == {"toy"}
    assert np.isnan(snapshot.primary.value).tolist() == [True, True]
    set_clock(monkeypatch, CLOSES)
    close(ledger)
    assert read_snapshot(ledger).finals == {(1, "toy"): (2,)}  # the latest


def test_a_roster_refuses_strangers_and_look_alikes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    roster = '[[team]]\nname = "Alpha"\nmembers = ["ann", "ben"]\n[[team]]\nname = "Beta"\n'
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5) + roster, n=800)
    ledger = open_ledger(challenge)
    with pytest.raises(SubmissionError, match="did you mean 'Alpha'"):
        hand_in(ledger, tmp_path, 200, team="Alpa")
    hand_in(ledger, tmp_path, 200, team="ALPHA")
    with pytest.raises(SubmissionError, match="does not look like 'ALPHA'"):
        hand_in(ledger, tmp_path, 210, team="Аlpha")
    assert read_snapshot(ledger).teams[1].members == ("ann", "ben")
    renamed = rename_team(ledger, "alpha", "Gamma Rays")
    assert (renamed.name, renamed.slug) == ("Gamma Rays", "alpha")
    assert renamed.members == ("ann", "ben")
    hand_in(ledger, tmp_path, 250, team="gamma rays")
    assert len(read_snapshot(ledger).teams) == 1
    with pytest.raises(SubmissionError, match="of the roster"):
        submit(ledger, toy(ledger), tmp_path / "x.csv", team="Majority", method="m")
    baseline = submit(
        ledger, toy(ledger), tmp_path / "x.csv", team="Majority", method="m", baseline=True
    )
    assert baseline.quota_left is None and baseline.team.baseline


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("closes = 2026-02-01", "closes = 2026-02-02", None),
        ("per_day = 5", "per_day = 9", None),
        ('reveal = "contest"', 'reveal = "all"', "reveal"),
        ('tasks = ["toy"]', 'tasks = ["toy", "more"]', "also"),
        ('metric = "accuracy"', 'metric = "macro_f1"', "metric"),
        ('tasks = ["toy"]', 'tasks = ["toy"]\nprize = "Gold"', "prize without a rule for ties"),
        ("opens", "ladder_step = 0.001\nopens", "ladder_step"),
    ],
)
def test_what_decides_stands_still_once_the_contest_is_open(
    ledger: Ledger, tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    hand_in(ledger, tmp_path, 200)
    toml = ledger.challenge.root / "challenge.toml"
    toml.write_text(toml.read_text().replace(old, new))
    changed = open_ledger(ledger.challenge)
    if message is None:
        assert refresh(changed) == []
        assert read_snapshot(changed).settings == changed.settings
        return
    with pytest.raises(TaskError, match=message):
        refresh(changed)
    with pytest.raises(TaskError, match=message):
        hand_in(changed, tmp_path, 280)


def test_a_person_in_two_teams_is_seen(tmp_path: Path) -> None:
    roster = '[[team]]\nname = "A 1"\nmembers = ["Ann"]\n[[team]]\nname = "B"\nmembers = ["ann "]\n'
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5) + roster))
    with pytest.raises(TaskError, match="one person in one team"):
        refresh(ledger)


def test_a_label_fix_is_rescored_with_the_ladder_replayed(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy(ledger)
    first = hand_in(ledger, tmp_path, 200, salt=1)
    hand_in(ledger, tmp_path, 203, salt=2)
    best = hand_in(ledger, tmp_path, 300, salt=3)
    before = read_snapshot(ledger)
    set_clock(monkeypatch, datetime(2026, 1, 6, tzinfo=timezone.utc))
    codes = np.random.default_rng(5).integers(0, 3, 800)
    make_task(ledger.challenge, "toy", n=800, solution="t", truth=codes)
    dry = rescore(ledger, dry_run=True)
    assert read_snapshot(ledger).primary.value.tolist() == before.primary.value.tolist()
    done = rescore(ledger)
    assert dry[0].rows == done[0].rows and done[0].stored and not dry[0].stored
    row = done[0].rows[0]
    assert (row.old_submission, row.old_value, row.old_rank, row.new_rank) == (best, 0.75, 1, 1)
    after = read_snapshot(ledger)
    assert row.new_value == max(after.primary.value)
    assert after.primary.submission[0] == first
    assert after.cards["toy"].solution_digest != task.solution_digest
    assert rescore(ledger)[0].unchanged
    assert before.at is not None
    assert read_snapshot(ledger, before.at).primary.value.tolist() == before.primary.value.tolist()
    assert read_snapshot(ledger, before.at).score(best) == before.score(best)


def test_a_rehearsal_shows_the_ceremony_and_opens_nothing_private(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = hand_in(ledger, tmp_path, 200, salt=1)
    second = hand_in(ledger, tmp_path, 300, salt=2)
    other = hand_in(ledger, tmp_path, 250, team="Bob", salt=3)
    select(ledger, first)
    select(ledger, second)
    private = toy(ledger).private
    private.rename(private.with_name("elsewhere"))
    rehearsal = rehearse(ledger, seed=3)
    again = rehearse(ledger, seed=3)
    assert rehearsal.as_json()["n_finals"] == 3
    snapshot = rehearsal.snapshot
    assert snapshot.subset == "private" and snapshot.closed_at == CLOSES
    assert snapshot.primary.submission.tolist() == [first, second, other]
    assert snapshot.primary.value.tolist() == again.snapshot.primary.value.tolist()
    assert (
        snapshot.primary.value.tolist() != rehearse(ledger, seed=4).snapshot.primary.value.tolist()
    )
    assert None not in snapshot.vectors([first, other])
    assert snapshot.public is not None and len(snapshot.public) == 3
    shown = snapshot.score(first)
    assert shown is not None and shown.n == 500  # 400, coarse
    assert read_snapshot(ledger).subset == "public"
    assert not private.exists()


def test_a_benchmark_with_submissions_becomes_no_contest(tmp_path: Path) -> None:
    challenge = make_challenge(tmp_path / "c")
    task = challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 30)
    submit(open_ledger(challenge), task, path, team="Ada", method="m")
    (challenge.root / "challenge.toml").write_text(CONTEST.format(per_day=5))
    with pytest.raises(TaskError, match="reveal"):
        refresh(open_ledger(challenge))


def test_a_label_fix_after_the_close_scores_the_same_finals_anew(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task(ledger.challenge, "empty", n=700)
    refresh(ledger)
    ids = [hand_in(ledger, tmp_path, 200 + 40 * i, salt=i + 1) for i in range(3)]
    select(ledger, ids[0])
    set_clock(monkeypatch, CLOSES)
    close(ledger)
    closed = read_snapshot(ledger)
    assert set(closed.baseline_scores) == {"empty", "toy"}  # nobody entered one of them
    set_clock(monkeypatch, CLOSES + timedelta(days=1))
    codes = np.random.default_rng(5).integers(0, 3, 800)
    make_task(ledger.challenge, "toy", n=800, solution="t", truth=codes)
    report = rescore(ledger, ["toy"])[0]
    after = read_snapshot(ledger)
    assert after.primary.submission.tolist() == [ids[0]]
    assert report.rows[0].old_value == closed.primary.value[0]
    assert report.rows[0].new_value == after.primary.value[0]
    assert None not in after.vectors([ids[0]])
    assert set(after.baseline_scores) == {"empty", "toy"}
    assert after.team_marks() != closed.team_marks()


def test_a_file_that_is_not_there_counts_as_no_failure(ledger: Ledger, tmp_path: Path) -> None:
    for _ in range(5):
        with pytest.raises(SubmissionError, match="no-such-file"):
            submit(ledger, toy(ledger), tmp_path / "no-such-file.csv", team="Ada", method="m")


def test_a_device_is_never_read_and_counts_as_no_failure(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "device.csv").symlink_to("/dev/null")
    for _ in range(5):
        with pytest.raises(SubmissionError, match="not a regular file"):
            submit(ledger, toy(ledger), tmp_path / "device.csv", team="Ada", method="m")


def test_a_floor_is_rounded_also_before_the_first_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The majority holds about a third of 200 rows: no multiple of the step by chance.
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", CONTEST.format(per_day=5), n=802))
    refresh(ledger)
    floor = read_snapshot(ledger).baseline_scores["toy"]
    assert floor == round(floor, 3)


@pytest.mark.parametrize("toml", [BENCHMARK, CONTEST.format(per_day=5)])
def test_a_task_without_its_solution_has_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str
) -> None:
    """Where only `public/` is, nothing can be scored, but the task can be shown."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger = open_ledger(make_challenge(tmp_path / "c", toml, n=800))
    private = toy(ledger).private
    private.rename(tmp_path / "elsewhere")
    assert refresh(ledger) == []
    build_site(ledger, tmp_path / "site")
    assert "Toy" in (tmp_path / "site" / "task" / "toy" / "index.html").read_text()
    (tmp_path / "elsewhere").rename(private)
    assert refresh(ledger) == []
    hand_in(ledger, tmp_path, 200)
    assert len(read_snapshot(ledger).primary) == 1
