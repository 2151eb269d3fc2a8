"""The registry of columns: one entry is on the page, in JSON and in CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from challenge.board.board_columns import TASK_COLUMNS, TRACK_COLUMNS, BoardColumn, Field
from challenge.board.rules.board_rows import Standing
from challenge.board.site import write_site
from tests.board.showcase import showcase

LETTERS: BoardColumn[Standing] = BoardColumn(
    "letters",
    (Field("n_letters", lambda row: len(row.team_name), overview=True),),
    "Letters",
    "How long the name is.",
    page=2,
    html=lambda row, look: f"<i>{len(row.team_name)}</i>",
    sort=lambda row: len(row.team_name),
    best="low",
    home=True,
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("challenge.board.rules.boards.TASK_COLUMNS", [*TASK_COLUMNS, LETTERS])
    monkeypatch.setattr("challenge.board.board_columns.TRACK_COLUMNS", [*TRACK_COLUMNS, LETTERS])
    monkeypatch.setattr("challenge.board.pages.home_page.TRACK_COLUMNS", [*TRACK_COLUMNS, LETTERS])
    write_site(showcase("closed", n_teams=4, n_each=2), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("task/icon-tag", "board"),
        ("track/classification", "standings"),
    ],
)
def test_one_entry_adds_a_column_to_page_json_and_csv(site: Path, page: str, name: str) -> None:
    html = (site / page / "index.html").read_text("utf-8")
    head = '<th scope="col" class="number" data-col="letters" data-low-first'
    assert f'{head} title="How long the name is.">Letters</th>' in html
    rows = json.loads((site / page / f"{name}.json").read_text("utf-8"))["rows"]
    with (site / page / f"{name}.csv").open(encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert len(rows) == len(cells) > 3
    for row, cell in zip(rows, cells, strict=True):
        assert row["n_letters"] == len(row["team"]) == int(cell["n_letters"])
        assert f'data-v="{row["n_letters"]}"><i>{row["n_letters"]}</i></td>' in html


def test_the_home_page_has_it_too(site: Path) -> None:
    assert "Letters</th>" in (site / "index.html").read_text("utf-8")
    with (site / "leaderboard.csv").open(encoding="utf-8") as file:
        assert all(int(row["n_letters"]) == len(row["team"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("columns", [TASK_COLUMNS, TRACK_COLUMNS])
def test_every_column_of_a_page_has_a_title_and_names_are_unique(
    columns: list[BoardColumn[Standing]],
) -> None:
    assert all(column.title for column in columns if column.page)
    names = [column.name for column in columns]
    fields = [field.name for column in columns for field in column.fields]
    assert len(set(names)) == len(names)
    assert len(set(fields)) == len(fields)
