"""The pages of docs/ as a site: built without a warning, searched and read from the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import challenge
from docs.versions import write_versions
from tests.browser.test_pages import Watched, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

__all__ = ["browser"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A link that leads nowhere, or a page outside of the menu, is a warning."""
    out = tmp_path_factory.mktemp("documentation")
    command = ["sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-d", str(out / "trees"), "."]
    site = out / "site" / challenge.__version__
    built = subprocess.run(
        [sys.executable, "-m", *command, str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    write_versions(out / "site")
    return site


def test_each_page_leads_to_the_versions_and_back(browser: Browser, documentation: Path) -> None:
    old = documentation.parent / "0.0.9" / "docs"
    old.mkdir(parents=True)
    (old / "index.html").write_text("<h1>old</h1>")
    write_versions(documentation.parent)
    watched = Watched(browser.new_context(), documentation.parent)
    page = watched.open(f"{challenge.__version__}/docs/scoring.html")
    page.get_by_text("All versions").click()
    links = page.locator("li").all_inner_texts()
    assert links == [f"{challenge.__version__} (newest)", "0.0.9"]
    page.get_by_text(challenge.__version__).click()
    assert "challenge" in page.title()
    page.go_back()
    page.get_by_text("0.0.9").click()
    assert page.locator("h1").inner_text() == "old"
    watched.check()


def test_every_public_name_has_its_place_in_the_reference(documentation: Path) -> None:
    page = (documentation / "docs" / "api.html").read_text(encoding="utf-8")
    missing = [name for name in dir(challenge) if f'id="challenge.{name}"' not in page]
    assert missing == ["__version__"]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_site_is_searched_from_the_disk(
    browser: Browser, documentation: Path, width: int
) -> None:
    watched = Watched(browser.new_context(viewport={"width": width, "height": 900}), documentation)
    page = watched.open("docs/index.html")
    if width < 1000:
        page.locator("label[for=__navigation]:visible").first.click()
    page.get_by_placeholder("Search").fill("temperature")
    page.keyboard.press("Enter")
    page.locator("#search-results a").first.click()
    page.wait_for_load_state()
    assert "temperature" in page.locator("article").inner_text()
    watched.check()
