"""What pages say in words is true in every state of a challenge, and the same on all pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from challenge.board.pages.feed import feed_files
from challenge.board.rules.progress import Leader
from challenge.board.site import read_context, write_site
from challenge.ledger.store.snapshot import Snapshot
from tests.board.showcase import showcase

SERVER = "https://challenge.example.org"


def text_of(page: Path) -> str:
    """Return what a page says, without tags."""
    content = page.read_text().partition("<main")[2]
    content = re.sub(r"</?(?:p|d[dlt]|h\d|li|ul|div|section|t[dhr]|small)\b[^>]*>", " ", content)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", content)).split())


def with_settings(snapshot: Snapshot, **changes: object) -> Snapshot:
    return replace(snapshot, settings=snapshot.settings.model_copy(update=changes))


def without_public_scores(snapshot: Snapshot, *tasks: str) -> Snapshot:
    """Return the snapshot with tasks whose public subset is too small; all of them by default."""
    unscored = frozenset(tasks or snapshot.cards)
    places = [snapshot.primary.tasks.index(task) for task in unscored]
    hidden = np.isin(snapshot.primary.task, places)
    value, low, high = (
        np.where(hidden, np.nan, one)
        for one in (snapshot.primary.value, snapshot.primary.low, snapshot.primary.high)
    )
    primary = replace(snapshot.primary, value=value, low=low, high=high)
    return replace(snapshot, unscored=unscored, primary=primary)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    out = tmp_path_factory.mktemp("words")
    running = showcase("running", n_teams=4, n_each=2)
    task = next(iter(running.cards))
    made = {
        "benchmark": showcase("benchmark", n_teams=4, n_each=2),
        "closed": showcase("closed", n_teams=4, n_each=2),
        "inbox": running,
        "server": with_settings(running, server=SERVER),
        "unscored": without_public_scores(running),
        "some": without_public_scores(running, task),
    }
    for name, snapshot in made.items():
        write_site(snapshot, out / name)
    return {name: out / name for name in made}


def test_home_says_when_a_file_is_scored_at_each_door(sites: Mapping[str, Path]) -> None:
    before = "checked and scored before the command returns"
    says = {name: text_of(site / "index.html") for name, site in sites.items()}
    assert {name for name, text in says.items() if before in text} == {"benchmark", "server"}
    collected = {name for name, text in says.items() if "The organiser collects the inbox" in text}
    assert collected == {"inbox", "unscored", "some"}
    assert "No task shows a public score" in says["unscored"]
    assert "Without a public score, and shown after the close: " in says["some"]
    assert "public score, and" not in says["inbox"]


def test_only_an_open_benchmark_without_server_does_not_call_its_labels_hidden(
    sites: Mapping[str, Path],
) -> None:
    hidden = {
        name
        for name, site in sites.items()
        if "test labels are hidden" in text_of(site / "index.html")
    }
    assert hidden == set(sites) - {"benchmark"}


def test_home_counts_as_scored_what_shows_a_score(sites: Mapping[str, Path]) -> None:
    text = text_of(sites["unscored"] / "index.html")
    assert re.search(r"Scored entries 0 \+ \d+ without a public score", text)
    assert "No scored entry yet" in text
    scored = re.search(r"Scored entries (\d+) Tasks", text_of(sites["benchmark"] / "index.html"))
    rows = read_context(showcase("benchmark", n_teams=4, n_each=2)).task_boards.values()
    assert scored and int(scored[1]) == sum(r.n_submissions for b in rows for r in b.rows)


def test_a_team_page_says_what_it_counts_and_why_there_is_no_score(
    sites: Mapping[str, Path],
) -> None:
    snapshot = showcase("benchmark", n_teams=4, n_each=2)
    lines = [(one, score) for one, score in snapshot.entries_of(1)]
    n = sum(score is not None and not one.withdrawn for one, score in lines)
    text = text_of(sites["benchmark"] / "team/team-1/index.html")
    assert f"{len(lines)} submissions in all, {n} with a score that the boards count." in text
    board = sites["unscored"] / "task/icon-tag/index.html"
    assert "– the public subset is too small to show a score" in text_of(board)


@pytest.mark.parametrize("name", ["benchmark", "some"])
def test_track_rules_and_home_average_over_the_same_tasks(
    sites: Mapping[str, Path], tmp_path: Path, name: str
) -> None:
    snapshot = showcase("benchmark" if name == "benchmark" else "running", n_teams=4, n_each=2)
    track = snapshot.settings.track[0]
    if name == "benchmark":
        # Tasks that are declared and not built.
        more = track.model_copy(update={"tasks": [track.tasks[0], "later-one", "later-two"]})
        snapshot = with_settings(snapshot, track=[more])
        n_all, n = 3, 1
    else:
        snapshot = without_public_scores(snapshot, track.tasks[0])
        n_all, n = len(track.tasks), len(track.tasks) - 1
    write_site(snapshot, tmp_path)
    over = f"over the {'one' if n == 1 else n} of its {n_all} tasks that count{'s' * (n == 1)} now"
    for page in ("index.html", "about.html", f"track/{track.id}/index.html"):
        assert over in text_of(tmp_path / page), page
    rules = text_of(tmp_path / "about.html")
    assert rules.count("Not counted: ") == n_all - n
    assert "never over those that a team chose" in rules


def test_a_benchmark_shows_no_public_share_and_one_count_of_clusters(
    sites: Mapping[str, Path],
) -> None:
    for name, site in sites.items():
        text = text_of(site / "task/icon-tag/index.html")
        open_ = name == "benchmark"
        assert ("scored in public" in text) is not open_
        counts = re.findall(r"Independent clusters of the test ((?:about )?[\d,]+)", text)
        if open_:
            (exact,) = counts
            assert f"in {exact} independent clusters" in text
        else:
            assert all(one.startswith("about") for one in counts)


def test_after_the_close_the_prize_is_won_or_not_and_its_winner_says_so(
    sites: Mapping[str, Path],
) -> None:
    for track, board in read_context(showcase("closed", n_teams=4, n_each=2)).track_boards.items():
        page = (sites["closed"] / f"track/{track}/index.html").read_text()
        assert ">eligible<" not in page
        assert page.count(">won<") == sum(bool(row.prize) for row in board.rows) > 0
        for row in board.rows:
            team = text_of(sites["closed"] / f"team/{row.slug}/index.html")
            if row.prize:
                assert f"Prize: {row.prize}" in team
    running = (sites["inbox"] / "track/matching/index.html").read_text()
    assert ">eligible<" in running and ">won<" not in running


def test_the_feed_names_equals_and_baselines() -> None:
    snapshot = showcase("closed", n_teams=4, n_each=2)
    context = read_context(with_settings(snapshot, url=SERVER))
    track = snapshot.settings.track[0].id
    at = datetime(2026, 3, 3, tzinfo=timezone.utc)
    leaders = (
        Leader(at, "Linear", 0.5, baseline=True),
        Leader(at + timedelta(hours=1), "Ada", 0.5, level=True),
        Leader(at + timedelta(hours=1), "Bo", 0.5, level=True),
    )
    progress = {**context.progress, track: replace(context.progress[track], leaders=leaders)}
    board = context.track_boards[track]
    rows = tuple(replace(row, rank=1 if n < 2 else row.rank) for n, row in enumerate(board.rows))
    boards = {**context.track_boards, track: replace(board, rows=rows)}
    ((_, feed),) = feed_files(replace(context, progress=progress, track_boards=boards))
    assert "Linear (baseline) leads k-way classification in public with .5" in str(feed)
    assert "Ada draws level with the leader of k-way classification in public with .5" in str(feed)
    ids = re.findall(r"<id>(.*?)</id>", str(feed))
    assert len(ids) == len(set(ids))
    assert f"{rows[0].team_name} and {rows[1].team_name}" in unescape(str(feed))


def test_rules_say_what_each_metric_measures_and_pages_link_to_it(
    sites: Mapping[str, Path],
) -> None:
    site, snapshot = sites["benchmark"], showcase("benchmark", n_teams=4, n_each=2)
    rules, context = text_of(site / "about.html"), read_context(snapshot)
    for task in snapshot.cards:
        for metric in context.kind(task).metrics.values():
            assert f"{metric.title}: {metric.meaning}" in rules
    link = "about.html#r-metrics"
    pages = ["task/icon-tag/index.html", f"track/{snapshot.settings.track[0].id}/index.html"]
    pages.append(next(site.glob("submission/*.html")).relative_to(site).as_posix())
    assert all(link in (site / page).read_text() for page in pages)
