"""Make the image of a board for the docs: `python docs/screenshot.py [PAGE] [PICTURE]`.

PAGE is a page of a built site (default: leaderboard/index.html), PICTURE the PNG to write (default:
docs/board.png), of 128 colours. Needs Chromium. `make picture` writes the site first.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1280, 1240
COLOURS = 128
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2",
)


def take_image(page: Path, image: Path) -> None:
    """Write the upper part of a page as PNG; raise SystemExit with a fix when that cannot be."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("no Chromium here; fix: apt-get install chromium")
    if not page.is_file():
        raise SystemExit(f"{page}: no such page; fix: challenge leaderboard")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603
            [
                browser,
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={image}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    reduce_colours(image)


def reduce_colours(image: Path) -> None:
    """Write a PNG again with a palette: a third of the bytes, and no visible difference."""
    with Image.open(image) as picture:
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(image, optimize=True)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    take_image(
        given[0] if given else ROOT / "leaderboard" / "index.html",
        given[1] if len(given) > 1 else ROOT / "docs" / "board.png",
    )
