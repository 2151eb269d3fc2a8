"""What other sites show of this one: link previews, the card, the feed, badges, a citation."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from challenge.board.pages.standings_table import board_scale, ties_text
from challenge.board.plots.scales import Scale
from challenge.board.preview_card import HEIGHT, WIDTH, CardRow, draw_card
from challenge.board.site import read_context, write_site
from challenge.ledger.store.snapshot import Snapshot
from tests.board.showcase import State, showcase, with_one_more
from tests.board.test_site import EVIL, files_of, pages_of

URL = "https://challenge.example.org/board"
ATOM = "{http://www.w3.org/2005/Atom}"


def published(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, settings=snapshot.settings.model_copy(update={"url": URL}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published")
    write_site(published(showcase("closed", n_teams=11, n_each=2)), out)
    return out


def test_each_page_names_its_address_and_a_card_that_is_there(site: Path) -> None:
    files = files_of(site)
    for name, text in pages_of(site):
        address = f"{URL}/{name.removesuffix('index.html')}"
        assert f'<link rel="canonical" href="{address}">' in text, name
        assert f'<meta property="og:url" content="{address}">' in text, name
        (card,) = re.findall(r'property="og:image" content="([^"]+)"', text)
        assert card.removeprefix(f"{URL}/") in files, name
        if name.startswith(("task/", "track/")):
            assert card.rpartition("/")[0] == address.rpartition("/")[0], name


def test_a_site_without_an_address_has_no_card_no_feed_and_no_canonical(tmp_path: Path) -> None:
    write_site(showcase(n_teams=3, n_each=1), tmp_path)
    assert not [n for n in files_of(tmp_path) if n.endswith(("card.png", "feed.xml"))]
    page = (tmp_path / "index.html").read_text()
    assert "canonical" not in page and "og:url" not in page and "og:image" not in page


def test_the_card_has_the_size_that_previews_ask_for(site: Path) -> None:
    with Image.open(site / "card.png") as card:
        assert (card.format, card.size) == ("PNG", (WIDTH, HEIGHT))
    assert (site / "card.png").stat().st_size < 100_000


def test_a_card_draws_rows_that_are_far_too_long_or_not_there() -> None:
    scale = Scale(0.0, 1.0)
    names = ["W" * 500, "中文", "Équipe Zéro", "a\u202eb", ""]
    rows = [CardRow("1", name, "−1,234.5", "", 7.0, None, None, True) for name in names]
    for given in (rows, []):
        with Image.open(io.BytesIO(draw_card("S" * 300, "", "x", given, scale))) as card:
            assert card.size == (WIDTH, HEIGHT)
            corner = card.convert("RGB")
            assert corner.getpixel((0, 0)) == corner.getpixel((WIDTH - 1, HEIGHT - 1))


def drawn(row: CardRow, scale: Scale) -> Image.Image:
    card = draw_card("Site", "Title", "about", [row], scale)
    return Image.open(io.BytesIO(card)).convert("L")


def darkest(image: Image.Image) -> int:
    return min(image.tobytes())


def test_an_end_outside_the_scale_of_the_card_has_an_arrow() -> None:
    def row(low: float, high: float) -> CardRow:
        return CardRow("1", "Ada", ".900", "", 0.9, low, high, False)

    scale = Scale(0.895, 0.96)
    inside, outside = drawn(row(0.895, 0.95), scale), drawn(row(0.85, 0.95), scale)
    # The arrow reaches beyond the left end of the plot.
    at = round(700 + scale.at(0.895) / scale.width * 250) - 9
    spot = (at, 248, at + 1, 249)
    assert darkest(inside.crop(spot)) > 200 > darkest(outside.crop(spot))


def test_a_card_marks_a_baseline() -> None:
    row, scale = CardRow("1", "AutoGluon", ".9", "", 0.9, None, None, False), Scale(0.0, 1.0)
    plain, marked = (
        drawn(one, scale).crop((290, 235, 690, 262)) for one in (row, replace(row, baseline=True))
    )
    assert darkest(plain) > 200 > darkest(marked)


def test_the_plots_of_a_board_keep_the_intervals_of_its_better_half_whole() -> None:
    snapshot = showcase("closed", n_teams=11, n_each=2)
    for board in read_context(snapshot).task_boards.values():
        rows = [replace(row, low=row.low and row.low - 0.3) for row in board.rows]
        scale = board_scale(replace(board, rows=tuple(rows)), 5)
        assert all(scale.low <= row.low <= scale.high for row in rows[:3] if row.low is not None)


def test_a_card_is_drawn_again_only_when_a_row_of_it_changed(tmp_path: Path) -> None:
    snapshot = published(showcase(n_teams=8, n_each=2))
    write_site(snapshot, tmp_path)
    task, other = list(snapshot.cards)[:2]
    cards = [tmp_path / f"task/{one}/card.png" for one in (task, other)]
    before = [card.stat().st_ino for card in cards]
    write_site(published(with_one_more(snapshot, 7, task, 0.99)), tmp_path)
    assert [card.stat().st_ino == old for card, old in zip(cards, before, strict=True)] == [
        False,
        True,
    ]


@pytest.mark.parametrize("state", ["benchmark", "running", "closed"])
def test_the_feed_tells_who_took_the_lead(tmp_path: Path, state: State) -> None:
    snapshot = published(showcase(state, n_teams=6, n_each=3))
    write_site(snapshot, tmp_path)
    feed = ElementTree.parse(tmp_path / "feed.xml").getroot()
    entries = feed.findall(f"{ATOM}entry")
    for one in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert one.findtext(f"{ATOM}{name}")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    times = [str(entry.findtext(f"{ATOM}updated")) for entry in entries]
    assert len(ids) == len(set(ids)) and times == sorted(times, reverse=True)
    assert feed.findtext(f"{ATOM}updated") == times[0]
    titles = " ".join(str(entry.findtext(f"{ATOM}title")) for entry in entries)
    context = read_context(snapshot)
    for track, progress in context.progress.items():
        leaders = progress.leaders
        assert leaders
        values = [leader.value for leader in leaders]
        assert values == sorted(values)
        assert f"{leaders[-1].team_name}{' (baseline)' * leaders[-1].baseline} leads" in titles
        if state == "benchmark":
            assert leaders[-1].team_name == context.track_boards[track].rows[0].team_name
    assert ("Final standings" in titles) == (state == "closed")


def test_evil_names_leave_feed_and_badges_well_formed(tmp_path: Path) -> None:
    write_site(published(showcase(n_teams=12, n_each=2, names=EVIL, texts=EVIL)), tmp_path)
    ElementTree.parse(tmp_path / "feed.xml")
    badges = list(tmp_path.rglob("badge/*.svg"))
    assert badges
    for badge in badges:
        tags = {one.tag.rpartition("}")[2] for one in ElementTree.parse(badge).iter()}
        assert tags <= {"svg", "title", "rect", "path", "g", "text"}


def test_badge_and_team_page_say_what_the_board_says(site: Path) -> None:
    context = read_context(published(showcase("closed", n_teams=11, n_each=2)))
    for track, board in context.track_boards.items():
        for row in board.rows:
            badge = (site / f"track/{track}/badge/{row.slug}.svg").read_text()
            page = (site / f"team/{row.slug}/index.html").read_text()
            ((place, tied),) = re.findall(r">(\d+(?:st|nd|rd|th) of \d+)(.*?)</text>", badge)
            assert place.startswith(f"{row.rank}") and place.endswith(f"of {board.n_scored}")
            assert f"<b>{place}</b>" in page
            n = len(board.tied_first) - 1
            if not row.tied_first or not n:
                assert tied == ""
            elif row.rank == 1:
                assert tied == f", tied with {'one other' if n == 1 else f'{n} others'}"
                assert f"statistically{tied.removeprefix(',')}:" in ties_text(board)
            else:
                assert tied == ", tied with the first"
            assert tied.removeprefix(", ") in page
            if row.rank_low != row.rank_high:
                assert f"rank {row.rank_low} to {row.rank_high}" in page


def test_the_rules_page_has_a_citation_without_what_bibtex_would_read(tmp_path: Path) -> None:
    snapshot = published(showcase(n_teams=2, n_each=1))
    settings = snapshot.settings.model_copy(update={"title": "Best {of} \\input{x} 100 %"})
    write_site(replace(snapshot, settings=settings), tmp_path)
    page = (tmp_path / "about.html").read_text()
    (entry,) = re.findall(r"(@misc\{.*?\n\})", page, re.S)
    assert "\\" not in entry and "%" not in entry
    assert entry.count("{") == entry.count("}")
    assert f"url = {{{URL}}}" in entry
