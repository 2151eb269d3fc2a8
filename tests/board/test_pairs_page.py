"""The page of the first teams, pair by pair: what `challenge compare` says, and nothing hidden."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from challenge.board.site import read_context, write_site
from challenge.ledger import Ledger, close, open_ledger, read_snapshot, refresh
from challenge.ledger.submissions.compare import ReleasedDifference, compare, shown_difference
from challenge.scoring import Comparison
from tests.board.showcase import showcase
from tests.board.test_site import EVIL, files_of
from tests.ledger.test_comparing import hand_in
from tests.ledger.toy import BENCHMARK, CONTEST, make_challenge

HITS = {"Ada": 331, "Bo": 251, "Cy": 325}


def three(tmp_path: Path, toml: str) -> tuple[Ledger, list[int]]:
    ledger = open_ledger(make_challenge(tmp_path / "c", toml, n=800))
    refresh(ledger)
    return ledger, [hand_in(ledger, tmp_path, hits, team=team) for team, hits in HITS.items()]


def test_in_a_benchmark_a_pair_is_what_the_comparison_of_files_says(tmp_path: Path) -> None:
    ledger, ids = three(tmp_path, BENCHMARK)
    snapshot = read_snapshot(ledger)
    for a in ids:
        for b in ids:
            by_files = compare(ledger, a, b)
            assert isinstance(by_files, Comparison)
            shown = shown_difference(snapshot, a, b)
            assert shown.value == pytest.approx(by_files.primary.value)
            if a == b:
                assert shown.low is None and by_files.primary.low is None
            else:
                assert shown.low == pytest.approx(by_files.primary.low)
                assert shown.high == pytest.approx(by_files.primary.high)


def test_a_running_contest_shows_released_and_rounded_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    ledger, ids = three(tmp_path, CONTEST.format(per_day=5))
    snapshot = read_snapshot(ledger)
    for a in ids:
        for b in ids:
            shown = shown_difference(snapshot, a, b)
            assert isinstance(shown, ReleasedDifference)
            assert shown == compare(ledger, a, b)
    write_site(snapshot, tmp_path / "site")
    page = (tmp_path / "site/task/toy/compare.html").read_text()
    assert "figures are rounded as the scores are" in page
    monkeypatch.setenv("CHALLENGE_NOW", "2026-02-02T12:00:00Z")
    close(ledger)
    snapshot = read_snapshot(ledger)
    final = shown_difference(snapshot, ids[0], ids[1])
    by_files = compare(ledger, ids[0], ids[1])
    assert isinstance(by_files, Comparison)
    assert (final.value, final.low) == pytest.approx((by_files.primary.value, by_files.primary.low))


def test_every_pair_of_the_first_ten_has_a_sentence_that_fits_its_figures(tmp_path: Path) -> None:
    snapshot = showcase(n_teams=14, n_each=2)
    write_site(snapshot, tmp_path)
    for task, board in read_context(snapshot).task_boards.items():
        page = (tmp_path / f"task/{task}/compare.html").read_text()
        n = min(10, board.n_scored)
        sections = page.split('<section class="wide pair"')[1:]
        assert len(sections) == n * (n - 1) // 2
        assert page.count('<a href="#') == n * (n - 1)
        for section in sections:
            (interval,) = re.findall(r"<small>\[(.*?), (.*?)\]</small>", section)
            low, high = (float(end.replace("−", "-")) for end in interval)
            if low > 0 or high < 0:
                assert " is better by " in section
            elif low < 0 < high:
                assert "No clear difference" in section


def test_without_two_scored_teams_there_is_no_such_page(tmp_path: Path) -> None:
    ledger = open_ledger(make_challenge(tmp_path / "c"))
    refresh(ledger)
    hand_in(ledger, tmp_path, 30, team="Ada")
    write_site(read_snapshot(ledger), tmp_path / "site")
    assert not (tmp_path / "site/task/toy/compare.html").exists()
    assert "compare.html" not in (tmp_path / "site/task/toy/index.html").read_text()


def test_names_are_text_on_the_page_of_pairs(tmp_path: Path) -> None:
    write_site(showcase(n_teams=10, n_each=2, names=EVIL, texts=EVIL), tmp_path)
    pages = [data.decode() for name, data in files_of(tmp_path).items() if "compare.html" in name]
    assert pages
    for page in pages:
        assert page.count("<script") == 1
        assert "<img" not in page and "\u202e" not in page
