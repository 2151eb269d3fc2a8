"""Marks of plots and rows of tables in a real browser: what lights up, and what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_pages import KINDS, browser, overflow, site, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["browser", "site"]

pytestmark = pytest.mark.slow

LIT = """() => {
  const width = (shape) => getComputedStyle(shape).strokeWidth;
  const isLit = (one) => {
    // Lit rows have a wash that is not transparent, lit marks a thick line.
    const wash = (cell) => getComputedStyle(cell).backgroundImage;
    if (one.matches("tr")) return !wash(one.cells[0]).includes("(rgba(0, 0, 0, 0)");
    const line = one.querySelector(".line, path.slope");
    return line ? width(line) === "4.5px" : width(one.querySelector(".bin, circle")) === "2.5px";
  };
  const place = (one) => one.closest("table")?.id || one.closest("svg").firstChild.id;
  return [...document.querySelectorAll("tr[data-row], .spot[data-row]")].filter(isLit)
    .map((one) => `${place(one)}:${one.dataset.row}`);
}"""


def lit(page: Page) -> set[str]:
    """Return what is lit, as the id of its table or plot and the number of its row."""
    return set(page.evaluate(LIT))


def message(page: Page) -> list[str]:
    """Return the texts that are shown above plots."""
    shown = page.evaluate(
        "[...document.querySelectorAll('.message')]"
        ".filter((one) => getComputedStyle(one).display !== 'none').map((one) => one.textContent)"
    )
    return [str(one) for one in shown]


def first(page: Page, selector: str, number: int) -> Locator:
    return page.locator(f"{selector}[data-row='{number}']").first


@pytest.mark.parametrize("script", [True, False])
def test_a_row_and_its_marks_light_up_together_with_and_without_script(
    browser: Browser, site: Path, script: bool
) -> None:
    watching = watched(browser, site, java_script_enabled=script)
    page = watching.open(KINDS["task"])
    page.locator(".as-table summary").click()
    assert lit(page) == set()
    everywhere = {f"{where}:2" for where in ("board", "flips-table", "distribution-t", "trade-t")}
    first(page, "#board tr", 2).hover()
    found = lit(page)
    assert everywhere <= found <= {*everywhere, "over-time-t:2"}
    page.mouse.move(0, 0)
    first(page, "#board tr", 2).locator("a.method").focus()
    assert lit(page) == found
    assert message(page) == []
    for plot in ("distribution", "trade"):
        mark = page.locator(f"svg[aria-labelledby={plot}-t] [data-row='2']")
        mark.hover()
        assert lit(page) == found, plot
        (text,) = message(page)
        name = first(page, "#board tr", 2).locator("a.team").inner_text()
        assert text.startswith(f"{name}: ") and "UTC" in text
        page.mouse.move(0, 0)
        mark.focus()
        page.keyboard.press("Shift")
        assert lit(page) == found, plot
        assert message(page) == [text]
        page.locator("h1").click()
    watching.check()
    watching.page.context.close()


def test_the_focus_of_a_mark_is_seen_and_its_link_leads_to_the_submission(
    browser: Browser, site: Path
) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["task"])
    page.locator("[aria-label='Distribution of scores']").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.spot:focus-visible:has(.bin)')")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    (text,) = message(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/submission/*.html")
    assert page.locator(".facts a").first.inner_text() == text.split(":")[0]
    watching.open(KINDS["track"])
    line = page.locator("a.spot:has(.line)").first
    line.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.spot:focus-visible')")
    label = "getComputedStyle(document.activeElement.querySelector('.label')).outlineStyle"
    assert page.evaluate(label) == "solid"
    watching.check()
    watching.page.context.close()


def test_plots_of_one_track_do_not_light_up_rows_of_another(browser: Browser, site: Path) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["home"])
    first(page, "#podium-matching tr", 1).hover()
    assert "podium-matching:1" in lit(page)
    assert {one.split(":")[0] for one in lit(page)} <= {"podium-matching", "progress-matching-t"}
    watching.page.context.close()


def test_the_line_of_a_task_lights_up_the_submissions_of_that_task(
    browser: Browser, site: Path
) -> None:
    watching = watched(browser, site)
    page = watching.open(KINDS["team"])
    mark = page.locator("a.spot:has(.line)").first
    number = mark.get_attribute("data-row")
    mark.locator(".label").hover()
    rows = page.locator("#submissions tbody tr")
    own = rows.locator("xpath=self::*[@data-row='" + str(number) + "']")
    tasks = set(own.locator("td:nth-child(2)").all_inner_texts())
    assert len(tasks) == 1 and own.count() > 1
    assert {one for one in lit(page) if one.startswith("submissions:")} == {f"submissions:{number}"}
    watching.page.context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_cell_of_the_matrix_shows_its_score_and_the_rest_on_demand(
    browser: Browser, site: Path, width: int
) -> None:
    watching = watched(browser, site, width=width, java_script_enabled=False)
    page = watching.open(KINDS["matrix"])
    cells = page.locator("#matrix .cell[href]")
    detail = cells.first.locator(".detail")

    def size(one: Locator) -> float:
        box = one.bounding_box()
        return box["width"] * box["height"] if box else 0.0

    assert size(detail) <= 1
    cells.first.hover()
    assert size(detail) > 1000
    assert "[" in detail.inner_text()
    page.mouse.move(0, 0)
    last = page.locator("#matrix tbody tr").last.locator(".cell[href]").first
    last.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    box, shown = (
        page.locator(".scroll").first.bounding_box(),
        last.locator(".detail").bounding_box(),
    )
    assert box is not None and shown is not None
    assert shown["width"] * shown["height"] > 1000
    assert box["y"] <= shown["y"] and shown["y"] + shown["height"] <= box["y"] + box["height"]
    assert overflow(page) <= 0
    names = page.locator("#matrix tbody th a.team").all_inner_texts()
    assert len(names) == len(set(names))
    watching.check()
    watching.page.context.close()


def test_the_matrix_comes_first_and_is_filtered_by_track(browser: Browser, site: Path) -> None:
    watching = watched(browser, site, width=390, java_script_enabled=False)
    watching.page.set_viewport_size({"width": 390, "height": 844})
    page = watching.open(KINDS["matrix"])
    row = page.locator("#matrix tbody tr").first.bounding_box()
    assert row is not None and row["y"] + 20 < 844
    whole = page.locator("#matrix thead th a").all_inner_texts()
    page.get_by_role("link", name="Matching of record pairs").last.click()
    part = page.locator("#matrix thead th a").all_inner_texts()
    assert 0 < len(part) < len(whole) and set(part) < set(whole)
    assert page.locator(".filter [aria-current]").inner_text() == "Matching of record pairs"
    watching.check()
    watching.page.context.close()
