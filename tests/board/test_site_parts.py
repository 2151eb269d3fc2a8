"""What each kind of page carries: its plots, and the exports of its tables."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from challenge.board.site import write_site
from tests.board.showcase import showcase


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("closed")
    write_site(showcase("closed", n_teams=5, n_each=2), out)
    return out


@pytest.mark.parametrize(
    ("page", "marks"),
    [
        ("index.html", ("over_time", "intervals", "tied_group")),
        ("track/classification/index.html", ("over_time", "intervals", "tied_group", "shake_up")),
        ("task/icon-tag/index.html", ("over_time", "intervals", "tied_group", "spread", "bars")),
        ("team/team-2/index.html", ("over_time",)),
        ("submission/4.html", ("intervals",)),
        ("matrix/index.html", ("heat_map",)),
    ],
)
def test_every_plot_stands_on_its_page(site: Path, page: str, marks: tuple[str, ...]) -> None:
    text = (site / page).read_text(encoding="utf-8")
    drawn = {
        "over_time": r"<title id=[^>]*>(Mean|Best) public score ",
        "shake_up": r"<title id=[^>]*>Public rank against final rank",
        "intervals": r'<svg class="interval"[^>]*>.*?<path class="mark',
        "tied_group": r'<svg class="interval"[^>]*><title>[^<]*</title><rect class="band"',
        "spread": r'<rect class="bin"',
        "bars": r'<svg class="bar text"',
        "heat_map": r'class="[^"]*\bh8\b',
    }
    assert {mark for mark, pattern in drawn.items() if re.search(pattern, text)} == set(marks)


def test_a_figure_is_told_in_words_or_repeats_what_stands_beside_it(site: Path) -> None:
    for path in site.rglob("*.html"):
        for svg in re.findall(r"<svg\b.*?</svg>", path.read_text(encoding="utf-8"), re.S):
            head = svg[: svg.index(">")]
            message = 'role="group"' in head and re.search(r"<title id=.*?<desc id=", svg, re.S)
            assert message or 'aria-hidden="true"' in head, (path.name, head)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("track/matching", "standings"), ("task/icon-tag", "board")],
)
def test_both_exports_of_a_board_are_linked_and_say_the_same(
    site: Path, folder: str, name: str
) -> None:
    page = (site / folder / "index.html").read_text(encoding="utf-8")
    assert f'href="{name}.csv"' in page and f'href="{name}.json"' in page
    message = json.loads((site / folder / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    with (site / folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(message) > 0
    for row, other in zip(rows, message, strict=True):
        for key in ("value", "low", "high"):
            assert row[key] == ("" if other[key] is None else repr(other[key]))
        assert row["slug"] == other["slug"] and row["rank"] == str(other["rank"] or "")


def test_the_other_tables_have_exports_of_all_their_rows(site: Path) -> None:
    def rows(path: str) -> list[dict[str, str]]:
        with (site / path).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    home = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    assert [row["team"] for row in rows("leaderboard.csv")] == [
        row["team"] for track in home["tracks"] for row in track["rows"]
    ]
    matrix = json.loads((site / "matrix/matrix.json").read_text(encoding="utf-8"))
    assert [(row["slug"], row["method"]) for row in rows("matrix/matrix.csv")] == [
        (row["slug"], row["method"]) for row in matrix["rows"]
    ]
    teams = json.loads((site / "matrix/teams.json").read_text(encoding="utf-8"))["rows"]
    assert [row["slug"] for row in rows("matrix/teams.csv")] == [row["slug"] for row in teams]
    assert len({row["slug"] for row in teams}) == len(teams)
    team = json.loads((site / "team/team-2/submissions.json").read_text(encoding="utf-8"))
    found = {int(row["submission"]) for row in rows("team/team-2/submissions.csv")}
    assert found == {one["id"] for one in team["submissions"]}
    for page, name in (
        ("index.html", "leaderboard"),
        ("matrix/index.html", "teams"),
        ("matrix/index.html", "matrix"),
        ("matrix/methods.html", "matrix"),
        ("team/team-2/index.html", "submissions"),
    ):
        text = (site / page).read_text(encoding="utf-8")
        assert f'href="{name}.csv"' in text and f'href="{name}.json"' in text


def test_the_map_for_programs_names_what_is_there(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not (site / link).is_file()] == []
    boards = [
        path for path in site.rglob("*.json") if path.name in ("standings.json", "board.json")
    ]
    assert {str(path.relative_to(site)) for path in boards} <= set(links)
    for path in boards:
        assert str((path.parent / "index.md").relative_to(site)) in links
    assert text.startswith("# ") and "closed" in text.lower()


def test_a_board_in_markdown_has_the_figures_of_its_page(site: Path) -> None:
    for path in [*site.glob("track/*/index.md"), *site.glob("task/*/index.md")]:
        text = path.read_text(encoding="utf-8")
        (file,) = {*path.parent.glob("standings.json"), *path.parent.glob("board.json")}
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        cells = [
            re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line[:2] == "| "
        ]
        assert len(cells) == 1 + len(rows)
        for (rank, team, score, *_, tied), row in zip(cells[1:], rows, strict=True):
            assert rank == f"{row['rank'] or ''}" and (tied == "yes") == row["tied_first"]
            assert row["baseline"] == team.endswith(" (baseline)")
            assert (score == "–") == (row["value"] is None)
        assert [
            to for to in re.findall(r"\]\(([^)]*)\)", text) if not (path.parent / to).is_file()
        ] == []
