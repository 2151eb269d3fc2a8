"""The marks of plots: the message of each, where it leads, and which rows light up with it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import pytest

from challenge.board.markup import figures_text
from challenge.board.plots.distribution_plot import distribution_svg
from challenge.board.plots.scales import Scale
from challenge.board.plots.svg_parts import BEYOND, N_LIT, Spot, spot_svg
from challenge.board.site import read_context, write_site
from tests.board.showcase import showcase


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("marks")
    for state in ("benchmark", "closed"):
        write_site(showcase(state, n_teams=5, n_each=3), out / state)
    return out


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_mark_with_an_address_is_a_link_and_any_other_takes_the_focus() -> None:
    spot = Spot("<Owls>", ".6 [.5, .7], 4 Mar 2026", "../team/owls/index.html", (3,))
    link, message = ElementTree.fromstring(f"<svg>{spot_svg(spot, '<path/>')}</svg>")
    assert (link.tag, link.get("href"), link.get("data-row")) == ("a", spot.href, "3")
    assert link.findtext("title") == message.text == "<Owls>: .6 [.5, .7], 4 Mar 2026"
    assert message.get("aria-hidden") == "true"
    (mark, _) = ElementTree.fromstring(f"<svg>{spot_svg(Spot('a', 'b'), '<path/>')}</svg>")
    assert (mark.tag, mark.get("tabindex"), mark.get("role")) == ("g", "0", "img")
    assert mark.get("data-row") is None


def test_a_long_name_gives_way_to_its_figures() -> None:
    message = Spot("W" * 90, ".605 [.580, .631], 4 Mar 2026, 09:30 UTC").text(66)
    assert len(message) == 66 and message.endswith("…: .605 [.580, .631], 4 Mar 2026, 09:30 UTC")


def test_only_rows_that_the_style_sheet_knows_are_named() -> None:
    assert Spot("a", "b", rows=(0, 1, BEYOND, BEYOND + 1)).row_attribute() == ' data-row="1 51"'
    css = (resources.files("challenge.board") / "assets/site.css").read_text(encoding="utf-8")
    pattern = r'has\(\[data-row~="(\d+)"\]:is\(:hover, :focus-within\)\) \[data-row~="\1"\]'
    assert [int(number) for number in re.findall(pattern, css)] == list(range(1, BEYOND + 1))


def test_each_entry_is_a_mark_of_the_distribution_until_there_are_too_many() -> None:
    scores = [0.9, 0.89, 0.5, 0.1]
    names = ["a", "b", "c", "d"]
    spots = [Spot(name, f"{score}") for name, score in zip(names, scores, strict=True)]

    def drawn(n: int) -> list[str]:
        svg = distribution_svg("d", "t", "F1", Scale(0.4, 0.95), scores * n, names * n, spots)
        root = ElementTree.fromstring(svg)
        assert "◂" in svg and "▸" not in svg
        return [str(title.text) for mark in root for title in mark.iter("title")][1:]

    assert sorted(drawn(1)) == ["a: 0.9", "b: 0.89", "c: 0.5", "d: 0.1"]
    ranges = drawn(30)
    assert ranges[0].startswith("30 entries up to ") and ranges[-1].startswith("30 entries from .9")
    assert all(one.endswith(", …") for one in ranges)
    assert distribution_svg("d", "t", "F1", Scale(0, 1), [], [], []) == ""


def test_every_mark_of_a_task_page_tells_its_team_score_interval_and_time(site: Path) -> None:
    context = read_context(showcase("benchmark", n_teams=5, n_each=3))
    (task, board), *_ = context.task_boards.items()
    page = text_of(site / f"benchmark/task/{task}/index.html")
    decimals = context.decimals(task)
    assert '<section class="wide" aria-labelledby="scores">' in page
    marks = re.findall(r'<(?:a|g) class="spot"([^>]*)><title>([^<]*)</title>(.*?)</(?:a|g)>', page)
    for number, row in enumerate(board.rows, 1):
        figures = figures_text(row.value, row.low, row.high, row.at, decimals)
        own = [(head, text) for head, text, _ in marks if f'data-row="{number}"' in head]
        exact = [text for _, text in own if figures in text]
        # One in the distribution, one in the plot of flips, unless it is beyond its axes.
        assert 1 <= len(exact) <= 2, row.team_name
        assert all(f"submission/{row.submission}.html" in h for h, t in own if figures in t)
        interval = rf'tabindex="-1" aria-hidden="true"><svg[^>]*><title>[^<]*{re.escape(figures)}'
        assert re.search(interval, page), row.team_name
    lines = [text for _, text, drawn in marks if 'class="line' in drawn or 'class="near"' in drawn]
    assert len(lines) == 5
    assert all(re.search(r"\[.*\], since \d+ \w+ 2026, \d\d:\d\d UTC$", text) for text in lines)


def test_rows_of_the_first_page_are_numbered_until_the_last_that_lights_up(tmp_path: Path) -> None:
    write_site(showcase(n_teams=60, n_each=1), tmp_path)
    page = text_of(tmp_path / "track/classification/index.html")
    numbers = [int(n) for n in re.findall(r'<tr(?: class="[^"]*")? data-row="(\d+)">', page)]
    assert numbers == list(range(1, N_LIT + 1))


def test_each_chart_of_a_team_is_of_one_metric(site: Path) -> None:
    page = text_of(site / "closed/team/team-2/index.html")
    charts = dict(re.findall(r"<figure><figcaption>([^<]*)</figcaption>(.*?)</figure>", page, re.S))
    assert list(charts) == ["macro F1", "F1"]
    context = read_context(showcase("closed", n_teams=5, n_each=3))
    for task, card in context.snapshot.cards.items():
        title = str(card.task["title"])
        shown = [metric for metric, chart in charts.items() if f"<title>{title}: " in chart]
        assert shown == [context.metric(task).title], task


def test_the_plot_of_metrics_is_about_their_values(site: Path) -> None:
    page = text_of(site / "closed/submission/12.html")
    axis = re.search(r'<svg class="axis".*?</svg>', page)
    assert axis is not None
    ticks = [float(tick) for tick in re.findall(r">([.\d]+)</text>", axis[0])]
    lows, highs = zip(*re.findall(r"\[(\.\d+), (\.\d+)\]", page), strict=True)
    assert min(map(float, lows)) - 0.05 < ticks[0] < ticks[-1] < max(map(float, highs)) + 0.05


def test_what_is_unknown_of_a_figure_is_left_out() -> None:
    at = datetime(2026, 3, 4, 9, 30, tzinfo=timezone.utc)
    assert figures_text(0.5, None, None, None) == ".500"
    assert figures_text(None, None, None, at) == "–, 4 Mar 2026, 09:30 UTC"
