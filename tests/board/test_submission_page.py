"""The page of a submission says where it stands, what it used, and whether an agent made it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from challenge.board.rules.task_board import task_board
from challenge.board.site import write_site
from challenge.ledger.store.snapshot import Snapshot
from tests.board.showcase import showcase

TASK = "patent-class"


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return showcase(n_teams=8, n_each=3)


@pytest.fixture(scope="module")
def site(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    write_site(snapshot, out)
    return out


def page_of(site: Path, submission: int) -> str:
    return (site / f"submission/{submission}.html").read_text(encoding="utf-8")


def test_only_a_submission_that_counts_has_a_place(site: Path, snapshot: Snapshot) -> None:
    board = task_board(snapshot, TASK, None)
    counting = {row.submission: row for row in board.rows if row.rank is not None}
    for submission in snapshot.submissions(task=TASK):
        found = re.findall(
            r"<dt>Place</dt><dd><strong>(\d+).. of (\d+)", page_of(site, submission.id)
        )
        row = counting.get(submission.id)
        assert found == ([] if row is None else [(f"{row.rank}", f"{board.n_scored}")])


def test_five_facts_are_shown_and_the_others_are_folded(site: Path) -> None:
    page = page_of(site, 1)
    made = page[page.index("What it used") : page.index("</details></div>")]
    shown, folded = made.split("<summary>")
    assert re.findall("<dt>(.*?)</dt>", shown) == [
        "What it read",
        "Time in all",
        "Seed of chance",
        "Versions",
        "Ran in",
    ]
    assert int(folded.split()[0]) == folded.count("<dt>") > 0


def test_what_an_agent_made_is_labelled_on_board_page_and_export(
    site: Path, snapshot: Snapshot
) -> None:
    agents = {one.id for one in snapshot.submissions(task=TASK) if one.by_agent}
    rows = task_board(snapshot, TASK, None).rows
    assert 0 < sum(row.submission in agents for row in rows) < len(rows)
    folder = site / "task" / TASK
    with (folder / "board.csv").open(encoding="utf-8", newline="") as file:
        exported = {row["submission"]: row["by_agent"] for row in csv.DictReader(file)}
    board = (folder / "index.html").read_text(encoding="utf-8")
    for row in rows:
        by_agent = row.submission in agents
        assert exported[f"{row.submission}"].lower() == f"{by_agent}".lower()
        link = re.search(rf'submission/{row.submission}\.html">.*?</a>(.{{40}})', board)
        assert link is not None
        assert ("by an agent" in link[1]) is by_agent
        facts = page_of(site, row.submission).partition("facts small")[2].partition("</dl>")[0]
        assert ("by an agent" in facts) is by_agent


def test_a_baseline_says_on_its_row_what_it_is_made_of(site: Path, snapshot: Snapshot) -> None:
    folder = site / "task" / TASK
    with (folder / "board.csv").open(encoding="utf-8", newline="") as file:
        exported = {row["submission"]: row["note"] for row in csv.DictReader(file)}
    board = (folder / "index.html").read_text(encoding="utf-8")
    told = []
    for row in task_board(snapshot, TASK, None).rows:
        note = snapshot.submission(row.submission).note if row.baseline else ""
        assert row.note == exported[f"{row.submission}"] == note
        cell = re.search(rf'submission/{row.submission}\.html">.*?</th>', board, re.DOTALL)
        assert cell is not None
        assert ("method parts" in cell[0]) is bool(note)
        told += [note] if note and note in cell[0] else []
    assert len(told) == 2
