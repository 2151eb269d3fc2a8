"""The site in a real browser: looks, keys, sorting, and no call to anywhere else.

Needs Chromium and Playwright. Screenshots of every page kind are kept under `ci-output/site`
when CI runs this.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from challenge.board.site import write_site
from tests.board.showcase import State, showcase

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.slow

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
KINDS = {
    "home": "benchmark/index.html",
    "home-closed": "closed/index.html",
    "track": "closed/track/classification/index.html",
    "task": "benchmark/task/icon-tag/index.html",
    "task-pairs": "running/task/icon-variants/index.html",
    "compare": "benchmark/task/icon-tag/compare.html",
    "team": "closed/team/team-2/index.html",
    "submission": "benchmark/submission/12.html",
    "matrix": "benchmark/matrix/index.html",
    "matrix-track": "running/matrix/matching/index.html",
    "matrix-methods": "benchmark/matrix/methods.html",
    "about": "running/about.html",
}
STATES: tuple[State, ...] = ("benchmark", "running", "closed")


def chromium() -> str:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("no Chromium on this machine")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sites")
    for state in STATES:
        write_site(showcase(state, n_teams=12, n_each=3), out / state)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no Playwright in this environment")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


class Watched:
    """A page of the site, and everything it asked for or complained about."""

    def __init__(self, context: BrowserContext, site: Path) -> None:
        self.site = site
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, name: str) -> Page:
        self.page.goto((self.site / name).as_uri())
        return self.page

    def check(self) -> None:
        """Fail when a page complained, or asked for something outside of the site."""
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(self.site.as_uri())] == []


def watched(browser: Browser, site: Path, **options: Any) -> Watched:
    width = options.pop("width", 1280)
    return Watched(browser.new_context(viewport={"width": width, "height": 900}, **options), site)


def overflow(page: Page) -> int:
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (768, "light"), (1280, "dark")])
def test_pages_fit_every_width_and_ask_for_nothing_else(
    browser: Browser, site: Path, width: int, scheme: str
) -> None:
    watching = watched(browser, site, width=width, color_scheme=scheme)
    for kind, name in KINDS.items():
        page = watching.open(name)
        assert overflow(page) <= 0, kind
        kept = Path("ci-output/site") if os.environ.get("CI") else site / "screens"
        page.screenshot(path=kept / f"{kind}-{width}-{scheme}.png", full_page=True)
    watching.check()
    watching.page.context.close()


def test_tables_fit_a_printed_a4_page(browser: Browser, site: Path) -> None:
    # 210 mm without margins of 10 mm, at 96 pixels an inch.
    watching = watched(browser, site, width=718)
    watching.page.emulate_media(media="print")
    for kind, name in KINDS.items():
        assert overflow(watching.open(name)) <= 0, kind
    watching.page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_axe_finds_nothing(browser: Browser, site: Path, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    watching = watched(browser, site, width=width, color_scheme=scheme)
    for kind, name in KINDS.items():
        options = {"preload": False, "rules": {"target-size": {"enabled": True}}}
        found = Axe().run(watching.open(name), options=options).response["violations"]
        told = [(v["id"], v["nodes"][0]["html"][:120]) for v in found]
        assert told == [], kind
    watching.page.context.close()


def column(page: Page, table: str, name: str) -> list[str]:
    """Return the first line of each shown cell of a column, from the top."""
    cells = page.evaluate(
        """([table, name]) => {
          const heads = [...document.querySelectorAll(`#${table} thead th`)];
          const index = heads.findIndex((head) => head.dataset.col === name);
          return [...document.querySelectorAll(`#${table} tbody tr`)]
            .filter((row) => !row.hidden).map((row) => row.cells[index].innerText);
        }""",
        [table, name],
    )
    return [str(cell).split("\n")[0] for cell in cells]


def test_a_button_copies_the_code_beside_it(browser: Browser, site: Path) -> None:
    watching = watched(browser, site, permissions=["clipboard-read", "clipboard-write"])
    page = watching.open(KINDS["task"])
    code = page.locator("pre code").first
    button = page.locator(".copyable button").first
    button.click()
    page.wait_for_function("document.querySelector('.copyable button').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == code.inner_text()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button.click()
    assert page.evaluate("getSelection().toString()").strip() == code.inner_text().strip()
    watching.check()
    watching.page.context.close()


def test_the_reader_chooses_the_theme_and_the_next_page_keeps_it(
    browser: Browser, site: Path
) -> None:
    watching = watched(browser, site, color_scheme="light")
    page = watching.open(KINDS["task"])

    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = paper()
    page.get_by_role("button", name="Dark theme").click()
    dark = paper()
    assert dark != light
    watching.open(KINDS["home"])
    assert paper() == dark
    page.emulate_media(media="print")
    assert paper() == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Light theme").click()
    assert paper() == light
    watching.check()
    watching.page.context.close()


def test_a_slash_goes_to_the_search_and_is_typed_there(browser: Browser, site: Path) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["task"])
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("/")
    assert page.get_by_role("searchbox").first.input_value() == "/"
    watching.check()
    watching.page.context.close()


def test_the_first_standing_is_on_the_first_screen_of_a_phone(browser: Browser, site: Path) -> None:
    watching = watched(browser, site, width=390)
    watching.page.set_viewport_size({"width": 390, "height": 844})
    for kind, table in (
        *(("task", "#board"), ("task-pairs", "#board"), ("track", "#standings")),
        *(("home", ".podium"), ("home-closed", ".podium")),
    ):
        watching.open(KINDS[kind])
        row = watching.page.locator(f"{table} tbody tr").first.bounding_box()
        assert row is not None
        assert row["y"] + 20 < 844, kind
    watching.page.context.close()


def test_two_ticked_rows_lead_to_their_pair(browser: Browser, site: Path) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["task"])
    names = page.locator("#board a.team").all_inner_texts()
    boxes, link = page.locator("input.pick"), page.locator(".compare a")
    for row in (4, 2, 0):
        boxes.nth(row).check()
    # The box that was ticked first gives way, and the page says so.
    assert not boxes.nth(4).is_checked()
    said = page.locator(".compare .said")
    assert said.inner_text() == f"Two rows at most: {names[4]} is no longer ticked."
    assert link.inner_text() == f"Compare {names[0]} with {names[2]}"
    link.click()
    # A browser shows the first pair until it knows the target of the address.
    target = page.locator(".pair:target")
    target.get_by_text(f"{names[0]} against {names[2]}", exact=True).wait_for()
    assert page.locator(".pair:visible").count() == 1
    page.locator("#pairs tbody tr").nth(3).locator("td a").first.click()
    target.get_by_text(f"{names[0]} against {names[3]}", exact=True).wait_for()
    watching.check()
    watching.page.context.close()


def box_of(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    bottom = found["y"] + found["height"]
    width, height = found["width"], found["height"]
    return {"x": found["x"], "y": found["y"], "width": width, "height": height, "bottom": bottom}


def phone(browser: Browser, site: Path) -> Watched:
    watching = watched(browser, site, width=390, has_touch=True)
    watching.page.set_viewport_size({"width": 390, "height": 844})
    return watching


def test_on_a_phone_ticked_rows_show_a_bar_at_the_lower_edge(browser: Browser, site: Path) -> None:
    watching = phone(browser, site)
    page = watching.open(KINDS["task"])
    boxes, names = page.locator("input.pick"), page.locator("#board a.team").all_inner_texts()
    assert box_of(page, ".compare")["y"] > 844
    boxes.nth(0).check()
    bar = box_of(page, ".compare")
    assert bar["bottom"] == pytest.approx(844, abs=1) and bar["height"] < 120
    assert page.locator(".compare .said").inner_text().startswith(f"{names[0]}: tick a second row")
    boxes.nth(1).check()
    assert page.locator(".compare a").inner_text() == f"Compare {names[0]} with {names[1]}"
    assert box_of(page, ".compare")["bottom"] == pytest.approx(844, abs=1)
    # The last row is above the bar once the reader is there.
    page.locator(".legend").first.scroll_into_view_if_needed()
    assert box_of(page, "#board tbody tr:last-child")["bottom"] <= box_of(page, ".compare")["y"] + 1
    page.emulate_media(media="print")
    assert page.locator(".compare").is_hidden()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Untick").click()
    assert page.locator("input.pick:checked").count() == 0
    assert page.locator(".compare.picked").count() == 0
    watching.check()
    watching.page.context.close()


def shadows(page: Page, number: int = 0) -> list[bool]:
    """Return whether a part that scrolls shows a shadow at its left and at its right edge."""
    page.wait_for_timeout(100)
    shown = (
        page.locator(".scroll")
        .nth(number)
        .evaluate(
            "(one) => ['::before', '::after'].map((edge) => getComputedStyle(one, edge).opacity)"
        )
    )
    return [float(opacity) > 0.5 for opacity in shown]


def test_a_table_that_scrolls_shows_at_which_edge_there_is_more(
    browser: Browser, site: Path
) -> None:
    watching = phone(browser, site)
    for kind in ("compare", "track", "matrix"):
        page = watching.open(KINDS[kind])
        assert shadows(page) == [False, True], kind
        page.locator(".scroll").first.evaluate("(one) => one.scrollTo(60, 0)")
        assert shadows(page) == [True, True], kind
        page.locator(".scroll").first.evaluate("(one) => one.scrollTo(9999, 0)")
        assert shadows(page) == [True, False], kind
    watching.page.set_viewport_size({"width": 1280, "height": 900})
    assert shadows(watching.open(KINDS["track"])) == [False, False]
    watching.page.context.close()


def test_names_of_pairs_stay_on_the_screen(browser: Browser, site: Path) -> None:
    watching = phone(browser, site)
    page = watching.open(KINDS["compare"])
    first = "#pairs tbody tr:first-child th"
    before = box_of(page, first)
    assert before["width"] < 390 / 2.5
    page.locator(".scroll").first.evaluate("(one) => one.scrollTo(200, 0)")
    assert box_of(page, first)["x"] == before["x"]
    heads = page.locator("#pairs thead .name").all_inner_texts()
    assert heads == page.locator("#pairs tbody th .name").all_inner_texts()
    # On its side, the head stays while rows scroll below it.
    watching.page.set_viewport_size({"width": 844, "height": 390})
    box = page.locator(".scroll").first
    box.evaluate("(one) => one.scrollTo(0, 9999)")
    assert box_of(page, "#pairs thead th")["y"] >= box_of(page, ".scroll")["y"] - 1
    watching.page.set_viewport_size({"width": 1280, "height": 900})
    assert page.locator(".scroll").first.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0
    watching.page.context.close()


def test_the_first_tap_on_a_mark_shows_its_message_and_the_second_opens_its_page(
    browser: Browser, site: Path
) -> None:
    watching = phone(browser, site)
    page = watching.open(KINDS["task"])
    mark = page.locator("svg[aria-labelledby=distribution-t] a.spot").first
    mark.scroll_into_view_if_needed()
    address = page.url
    mark.tap()
    assert page.url == address
    assert page.locator(".spot.tapped + .message").is_visible()
    mark.tap()
    page.wait_for_url("**/submission/*.html")
    watching.check()
    watching.page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_copy_button_covers_no_code(browser: Browser, site: Path, width: int) -> None:
    watching = watched(browser, site, width=width)
    page = watching.open(KINDS["task"])
    for number in range(page.locator(".copyable").count()):
        one = page.locator(".copyable").nth(number)
        button, code = one.locator("button").bounding_box(), one.locator("code").bounding_box()
        assert button and code and button["y"] + button["height"] <= code["y"]
    watching.page.context.close()


def test_print_drops_the_legend_of_the_plot_and_breaks_no_interval(
    browser: Browser, site: Path
) -> None:
    watching = watched(browser, site, width=718)
    page = watching.page
    page.emulate_media(media="print")
    for kind in ("task", "track"):
        watching.open(KINDS[kind])
        assert page.locator(".legend").first.is_visible()
        assert "interval." not in page.locator(".legend").first.inner_text()
        lines = page.locator("td.number > small:visible").evaluate_all(
            """(all) => all.map((one) => {
              one.textContent = "[.900, 1.000]";
              const size = parseFloat(getComputedStyle(one).fontSize);
              return one.getBoundingClientRect().height / size;
            })"""
        )
        assert lines and max(lines) < 2
        assert overflow(page) <= 0
    watching.page.context.close()


def test_a_table_sorts_both_ways_and_the_link_remembers(browser: Browser, site: Path) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["task"])
    start = column(page, "board", "team")
    button = page.locator("#board th[data-col=score] button.sort")
    button.click()
    scores = [float(score) for score in column(page, "board", "score")]
    assert scores == sorted(scores, reverse=True)
    button.click()
    scores = [float(score) for score in column(page, "board", "score")]
    assert scores == sorted(scores)
    assert page.locator("#board th[data-col=score]").get_attribute("aria-sort") == "ascending"
    assert "board.sort=score" in page.url
    turned = column(page, "board", "team")
    page.reload()
    assert column(page, "board", "team") == turned != start
    page.locator("#board th[data-col=team] button.sort").click()
    names = column(page, "board", "team")
    plain = [name.casefold() for name in names if name.isascii()]
    assert plain == sorted(plain)
    watching.check()


def test_ranks_sort_as_numbers(browser: Browser, site: Path) -> None:
    page = watched(browser, site).open("closed/track/classification/index.html")
    page.locator("#standings th[data-col=rank] button.sort").click()
    ranks = [int(rank) for rank in column(page, "standings", "rank")]
    assert ranks == sorted(ranks)
    assert ranks[-1] > 9
    page.locator("#standings th[data-col=rank] button.sort").click()
    ranks = [int(rank) for rank in column(page, "standings", "rank")]
    assert ranks == sorted(ranks, reverse=True)


def test_filtering_and_choosing_columns(browser: Browser, site: Path) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["task"])
    n_rows = page.locator("#board tbody tr").count()
    page.get_by_role("searchbox").first.fill("baseline autogluon")
    assert len(column(page, "board", "team")) == 1
    assert page.locator(".status").first.inner_text() == f"1 of {n_rows} rows"
    page.get_by_role("searchbox").first.fill("")
    assert page.locator("#board th[data-col=behind]").is_hidden()
    page.locator(".choose summary").first.click()
    page.get_by_role("checkbox", name="Behind the first").check()
    page.get_by_role("checkbox", name="Entries").uncheck()
    assert page.locator("#board th[data-col=behind]").is_visible()
    assert page.locator("#board th[data-col=entries]").is_hidden()
    page.keyboard.press("Escape")
    assert page.locator(".choose .menu").first.is_hidden()
    page.reload()
    assert page.locator("#board th[data-col=entries]").is_hidden()
    assert page.locator("#board th[data-col=behind]").is_visible()
    watching.check()


def test_the_keyboard_reaches_everything(browser: Browser, site: Path) -> None:
    page = watched(browser, site).open(KINDS["home"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page = watched(browser, site).open(KINDS["task"])
    page.locator("#board th[data-col=score] button.sort").focus()
    page.keyboard.press("Enter")
    assert page.locator("#board th[data-col=score]").get_attribute("aria-sort") == "descending"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_without_script_everything_is_there(browser: Browser, site: Path) -> None:
    watching = watched(browser, site, java_script_enabled=False)
    for name in KINDS.values():
        page = watching.open(name)
        assert page.locator("h1").count() == 1
        assert page.locator(".tools").count() == 0
    page = watching.open(KINDS["task"])
    assert page.locator("#board th[data-col=behind]").is_visible()
    page.locator("#board a.team").first.click()
    assert page.locator(".eyebrow").inner_text() in ("Team", "Baseline")
    watching.check()


def test_print_keeps_the_tables_and_drops_the_tools(browser: Browser, site: Path) -> None:
    page = watched(browser, site).open(KINDS["task"])
    page.emulate_media(media="print")
    assert page.locator("#board").is_visible()
    for gone in (".top nav", ".tools", ".onpage"):
        assert page.locator(gone).first.is_hidden(), gone


def test_evil_texts_do_nothing(browser: Browser, tmp_path: Path) -> None:
    from tests.board.test_site import EVIL

    write_site(showcase(n_teams=12, n_each=2, names=EVIL, texts=EVIL), tmp_path)
    watching = watched(browser, tmp_path, width=360)
    watching.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    names = ["index.html", "track/classification/index.html", "matrix/index.html"]
    names += [f"submission/{n}.html" for n in range(1, 13)]
    names += [f"team/team-{n}/index.html" for n in range(1, 13)]
    for name in names:
        page = watching.open(name)
        assert overflow(page) <= 0, name
        assert page.locator("main img[src=x]").count() == 0
    watching.check()


def test_a_team_is_found_on_all_pages_of_a_long_board(browser: Browser, tmp_path: Path) -> None:
    write_site(showcase(n_teams=330, n_each=1), tmp_path)
    view = watched(browser, tmp_path)
    page = view.open("track/classification/index.html")
    rows = (tmp_path / "track/classification/rows.js").read_text()
    team = json.loads(rows.removeprefix("window.boardRows = ").removesuffix(";\n"))[-1][1]
    page.fill("input[type=search]", team)
    found = page.locator(".found a", has_text=team).first
    found.wait_for()
    assert page.locator("#standings tbody tr:visible", has_text=team).count() == 0
    found.click()
    page.wait_for_url("**/page-2.html*")
    assert page.locator("#standings tbody tr:visible", has_text=team).count() == 1
    view.check()
