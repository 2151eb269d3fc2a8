"""The page of a team in a real browser: without scripts, on a phone, in the dark, with axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.test_pages import browser
from tests.server.live import Live, contest_toml, live_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

__all__ = ["browser"]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("me"), contest_toml(per_day=20)) as server:
        yield server


def sign_in(page: Page, live: Live) -> None:
    page.goto(f"{live.url}/me")
    page.get_by_label("Token").fill(live.tokens["Owls"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live.url}/me")


def hand_in(page: Page, live: Live, file: Path) -> None:
    page.get_by_label("Predictions file").set_input_files(file)
    page.get_by_label("Method").fill("by browser")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/me/arrivals/*")


def faults_of_axe(page: Page) -> object:
    from axe_playwright_python.sync_playwright import Axe

    return [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(page).response["violations"]]


@pytest.mark.parametrize(
    ("width", "scheme", "scripts"), [(1280, "light", False), (390, "dark", True)]
)
def test_a_team_signs_in_submits_selects_and_withdraws(
    browser: Browser,
    live: Live,
    width: int,
    scheme: Literal["light", "dark"],
    scripts: bool,
    tmp_path: Path,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    page = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    sign_in(page, live)
    hand_in(page, live, live.file(300 + width % 50))
    assert page.get_by_role("heading", name="Accepted").is_visible()
    page.get_by_role("link", name="Back to your submissions").click()
    page.get_by_role("button", name="Select submission").first.click()
    assert page.get_by_role("status").inner_text() == "The selection is changed."
    if scripts:
        assert faults_of_axe(page) == []
        inside = "document.documentElement.scrollWidth <= window.innerWidth"
        assert page.evaluate(inside), "the page fits the phone"
    kept = Path("ci-output/site") if os.environ.get("CI") else tmp_path
    page.screenshot(path=kept / f"me-{width}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Undo the selection").first.click()
    page.locator("summary").first.click()
    page.get_by_role("button", name="its quota stays used").first.click()
    assert page.get_by_role("status").inner_text() == "The submission is withdrawn."
    bad = tmp_path / "bad.csv"
    bad.write_text("id,label\nx,<b>cow\n")
    hand_in(page, live, bad)
    assert "one row for every id of test.csv" in page.inner_text("pre")
    if scripts:
        assert faults_of_axe(page) == []
    page.go_back()
    page.goto(f"{live.url}/me")
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="Sign in").is_visible()
    if scripts:
        assert faults_of_axe(page) == []
        page.goto(f"{live.url}/api/v1/docs")
        assert faults_of_axe(page) == []
    assert all(url.startswith(live.url) for url in asked)
    assert [one for one in problems if "422" not in one] == []
    context.close()
