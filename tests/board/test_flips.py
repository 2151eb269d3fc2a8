"""Flips on pages: against whom, counts by hand, what a contest may show, and when pages change."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.board.plots.flips_plot import Dot, trade_svg
from challenge.board.plots.svg_parts import Spot
from challenge.board.rules.task_board import task_board
from challenge.board.rules.upgrades import CHAMPION, OWN, REFERENCE, Flips, Upgrades, front_of
from challenge.board.site import build_site, write_site
from challenge.kinds import kind_of
from challenge.ledger import Ledger, close, compare, open_ledger, read_snapshot, submit
from challenge.ledger.store.snapshot import Snapshot
from challenge.scoring import Comparison
from challenge.task import Subset
from tests.board.hand import Made, snapshot_of, vector_like
from tests.board.showcase import showcase
from tests.ledger.toy import CONTEST, make_challenge, make_task, write_hits

N = 100
VECTOR = vector_like(np.random.default_rng(0), 0.02)


def rows(*wrong: int) -> list[bool]:
    return [row not in wrong for row in range(N)]


def entry(team: str, hour: float, wrong: Sequence[int], value: float | None = None) -> Made:
    score = 1 - len(wrong) / N if value is None else value
    return Made(team, "t1", score, hour, vector=VECTOR, right=rows(*wrong))


def four(subset: Subset = "all") -> Snapshot:
    """Return a reference entry and two teams: .9, then .8 and .95 of Ada, .92 of Bob."""
    made = (
        entry("AutoGluon", 0, range(10)),
        entry("Ada", 1, range(20)),
        entry("Ada", 2, (0, 1, 2, 50, 51)),
        entry("Bob", 3, (*range(4), *range(60, 64))),
    )
    return snapshot_of(made, tasks=("t1",), baselines=("AutoGluon",), subset=subset)


def of(snapshot: Snapshot, *keys: int) -> dict[int, list[Flips]]:
    return Upgrades(snapshot).of(dict.fromkeys(keys, "t1"))


def test_each_is_held_against_its_team_the_best_before_and_the_reference() -> None:
    found = of(four(), 1, 2, 3, 4)
    assert {key: [(one.against, one.roles) for one in each] for key, each in found.items()} == {
        1: [],
        2: [(1, (CHAMPION, REFERENCE))],
        3: [(2, (OWN,)), (1, (CHAMPION, REFERENCE))],
        4: [(3, (CHAMPION,)), (1, (REFERENCE,))],
    }


def test_flips_worked_out_by_hand() -> None:
    # Of 100 rows, 0 to 9 are wrong before and 0, 1, 2, 50, 51 now: 2 are lost and 7 won.
    _, found = of(four(), 3)[3]
    assert (found.team, found.negative, found.positive) == ("AutoGluon", 2, 7)
    assert (found.rate.value, found.positive_rate) == (0.02, 0.07)
    assert found.rate.low is not None and found.rate.high is not None
    assert found.rate.low < 0.02 < found.rate.high
    assert found.relative == pytest.approx(0.02 / (0.9 * 0.05))
    # 9 coins, at most 2 of one side: 2 (1 + 9 + 36) / 512.
    assert found.p == pytest.approx(92 / 512)


def test_the_board_has_error_and_flips_against_the_reference() -> None:
    snapshot = four()
    board = task_board(snapshot, "t1", snapshot.vectors)
    found = {row.submission: (round(row.error or 0.0, 9), row.flips) for row in board.rows}
    assert found == {3: (0.05, 0.02), 4: (0.08, 0.04), 1: (0.1, None)}
    assert all((row.flips_low is None) == (row.flips is None) for row in board.rows)
    # Bob has more errors and more flips than Ada.
    assert [row.submission for row in front_of(board.rows)] == [1, 3]


def test_a_subset_shows_whole_percents_and_no_counts() -> None:
    found = of(four("private"), 3)[3][1]
    assert (found.negative, found.positive) == (None, None)
    assert (found.rate.value, found.positive_rate, found.relative) == (0.02, 0.07, 0.44)
    assert (found.rate.low, found.rate.high) == (0.0, 0.1)
    assert found.p == 0.2
    made = [entry("AutoGluon", 0, range(10)), *(entry(f"T{i}", i, range(i)) for i in range(3))]
    small = snapshot_of(made, tasks=("t1",), baselines=("AutoGluon",), subset="private")
    for row in task_board(small, "t1", small.vectors).rows:
        assert row.error == round(row.error or 0.0, 2)


def test_a_running_contest_and_kinds_without_right_answers_show_none() -> None:
    running = four("public")
    assert of(running, 3) == {}
    board = task_board(running, "t1", running.vectors)
    assert all(row.flips is None and row.error is None for row in board.rows)
    for kind in ("regression", "bandit"):
        assert not kind_of(kind).has_right_answers


def test_rows_that_are_not_stored_are_left_out() -> None:
    made = (Made("AutoGluon", "t1", 0.9, 0), entry("Ada", 1, range(20)))
    snapshot = snapshot_of(made, tasks=("t1",), baselines=("AutoGluon",))
    assert of(snapshot, 2) == {2: []}
    assert all(row.flips is None for row in task_board(snapshot, "t1", None).rows)


def test_only_a_new_leader_before_them_changes_the_mark_of_others() -> None:
    made = (entry("Ada", 1, range(20)), entry("Bob", 2, range(15)), entry("Eve", 3, range(12)))
    before = Upgrades(snapshot_of(made, tasks=("t1",))).marks()
    better = (*made, entry("Zoe", 4, range(2)))
    after = Upgrades(snapshot_of(better, tasks=("t1",))).marks()
    assert {team: after[team] for team in before} == before
    renamed = (*(entry("Ann", 1, range(20)),), *made[1:])
    changed = Upgrades(snapshot_of(renamed, tasks=("t1",))).marks()
    assert changed[2] != before[2] and changed[3] == before[3]


def text_of(page: Path) -> str:
    html = re.sub(r"<[^>]*>", "|", page.read_text("utf-8"))
    return re.sub(r"[|\s]*\|[|\s]*", "|", html)


def test_the_pages_show_them(tmp_path: Path) -> None:
    snapshot = four()
    card = snapshot.cards["t1"]
    shown = {"id": "t1", "columns": [], "classes": [], "n_train": 9, "n_test": N}
    cards = {"t1": replace(card, task={**card.task, **shown})}
    write_site(replace(snapshot, cards=cards), tmp_path)
    text = text_of(tmp_path / "submission/3.html")
    assert "|Against the team’s best before it: 2 rows became wrong, 17 right.|" in text
    assert "|#1|AutoGluon|the best of all before it, the reference entry|.020|" in text
    assert "challenge compare 2 3 --upgrade" in text
    assert "Upgrade" not in text_of(tmp_path / "submission/1.html")
    document = json.loads((tmp_path / "team/ada/submissions.json").read_text("utf-8"))
    [own, reference] = document["submissions"][1]["upgrades"]
    assert (own["against"], own["negative"], own["positive"]) == (2, 2, 17)
    assert reference["negative_flip_rate"]["value"] == 0.02
    page = (tmp_path / "task/t1/index.html").read_text("utf-8")
    assert 'data-col="flips"' in page and 'class="front"' in page
    assert re.findall(r'<tr data-row="(\d+)"><th scope="row"><a', page) == ["1", "2", "3"]
    dots = re.findall(r'data-row="(\d+)"><title>([^<]*)</title><circle class="trade', page)
    assert sorted(number for number, _ in dots) == ["1", "2", "3"]
    assert ("1", "Ada: .950, 1 Jan 2026") in [(n, t.split(", 0")[0]) for n, t in dots]


def test_a_running_contest_says_when_rows_are_compared(tmp_path: Path) -> None:
    write_site(showcase("running", n_teams=3, n_each=1), tmp_path)
    text = text_of(tmp_path / "submission/2.html")
    assert "Rows are compared after the close: until then, flips would reveal labels." in text
    for page in tmp_path.rglob("*.html"):
        assert "flip rate" not in page.read_text("utf-8"), page
    assert '"flips": null' in (tmp_path / "task/icon-tag/board.json").read_text("utf-8")


def test_labels_of_the_plot_do_not_cover_each_other() -> None:
    dots = [
        Dot(f"Team {i}", 0.01 + i / 1e4, 0.2 - i / 1e4, Spot(f"Team {i}", ""), on_front=True)
        for i in range(5)
    ]
    svg = trade_svg("trade", "Error", [*dots, Dot("Far", 0.9, 0.9, Spot("Far", "", rows=(9,)))])
    heights = [float(y) for y in re.findall(r'class="label" x="[\d.]+" y="([\d.-]+)"', svg)]
    assert len(heights) == 5
    assert all(abs(a - b) >= 13.9 for i, a in enumerate(heights) for b in heights[:i])
    assert "1 beyond the axes" in svg and 'data-row="9"' not in svg
    weak = Dot("Majority", 0.0, 0.95, Spot("", "", rows=(8,)), on_front=True, reference=True)
    assert 'data-row="8"' not in trade_svg("trade", "Error", [*dots, weak])


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    challenge = make_challenge(tmp_path / "c", n=200)
    return open_ledger(challenge)


def test_stored_rows_agree_with_the_comparison(ledger: Ledger, tmp_path: Path) -> None:
    task = ledger.challenge.task("toy")
    for salt, (team, hits) in enumerate((("Ada", 120), ("Bob", 150)), 1):
        path = write_hits(task, tmp_path / "x.csv", hits, salt=salt)
        submit(ledger, task, path, team=team, method="m")
    found = Upgrades(read_snapshot(ledger)).of({2: "toy"})[2][0]
    compared = compare(ledger, 1, 2)
    assert isinstance(compared, Comparison) and compared.upgrade is not None
    assert (found.negative, found.positive) == (
        compared.upgrade.n_negative,
        compared.upgrade.n_positive,
    )
    whole = compared.upgrade.rates[0]
    assert found.rate.low is not None
    assert (found.rate.value, found.rate.title) == (whole.value, whole.title)
    assert (found.rate.low, found.rate.high) == pytest.approx((whole.low, whole.high), abs=1e-12)
    assert found.relative == pytest.approx(compared.upgrade.rates[2].value)
    assert found.p == compared.outcomes.p


def test_a_contest_stores_rows_at_the_close_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=5))
    make_task(challenge, "toy", n=1200)
    ledger, task = open_ledger(challenge), challenge.task("toy")
    for salt, (team, hits) in enumerate((("Ada", 300), ("Bob", 380)), 1):
        path = write_hits(task, tmp_path / "x.csv", hits, subset="public", salt=salt)
        submit(ledger, task, path, team=team, method="m")
    assert Upgrades(read_snapshot(ledger)).of({2: "toy"}) == {}
    with ledger.store.reading() as connection:
        for table in ("right_rows", "groupings"):
            query = f"SELECT count(*) FROM {table}"
            assert connection.exec_driver_sql(query).scalar_one() == 0
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-01T12:00:00Z")
    close(ledger)
    [found] = Upgrades(read_snapshot(ledger)).of({2: "toy"})[2]
    assert found.roles == (CHAMPION,) or found.roles == (OWN, CHAMPION)
    assert found.negative is None
    build_site(ledger, tmp_path / "site")
    assert "of the rows became wrong" in text_of(tmp_path / "site/submission/2.html")
