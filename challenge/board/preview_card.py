"""The image that other sites show beside a link: the first five of a board, with their intervals.

It is drawn with the font inside Pillow, so that it is the same everywhere. That font has the basic
Latin characters: accents are dropped, and a name in another script is left to the page.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from challenge.board.plots.scales import Scale

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

__all__ = ["CardRow", "draw_card"]

WIDTH, HEIGHT = 1200, 630
_PAPER, _INK, _SOFT, _LINE = "#fbfaf7", "#1b1d23", "#565c69", "#e3dfd5"
_WASH, _GOLD, _BAND = "#fdf5e1", "#a86b00", "#f3dfae"
_MARK = ("#4a55c4", "#12806f", "#a8418f", "#d97a1c")
_TOP, _STEP = 214, 68
_LEFT, _PLOT = 64, 700
"""Where texts begin, and the plot."""
_TAG = 110
"""Room for the word that marks a baseline."""
_SMALLER = {
    "\u2212": "\u2013",
    "ß": "ss",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "æ": "ae",
    "×": "x",
}
_HAS = frozenset(map(chr, range(32, 127))) | set("–…’“”·")


@dataclass(frozen=True)
class CardRow:
    """A row of the card: texts, and the values that are drawn."""

    rank: str
    name: str
    score: str
    interval: str
    value: float
    low: float | None
    high: float | None
    tied: bool
    baseline: bool = False


def _known(text: str) -> str:
    """Return the text in characters that the font has."""
    swapped = "".join(_SMALLER.get(one, one) for one in text)
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", swapped) if not unicodedata.combining(one)
    )
    return plain if set(plain) <= _HAS else "(name on the page)"


def draw_card(site: str, title: str, about: str, rows: Sequence[CardRow], scale: Scale) -> bytes:
    """Return a PNG of 1200 x 630 pixels; `scale` is that of the board's plot."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    for n, colour in enumerate(_MARK):
        x, y = _LEFT + 24 * (n % 2), 50 + 24 * (n // 2)
        if n == len(_MARK) - 1:
            draw.ellipse((x, y, x + 20, y + 20), fill=colour)
        else:
            draw.rounded_rectangle((x, y, x + 20, y + 20), 5, fill=colour)
    _write(draw, (_LEFT + 64, 72), site, 28, _SOFT, WIDTH - 2 * _LEFT - 64)
    _write(draw, (_LEFT, 132), title, 46, _INK, WIDTH - 2 * _LEFT)
    _write(draw, (_LEFT, 180), about, 24, _SOFT, WIDTH - 2 * _LEFT)
    if not rows:
        _write(draw, (_LEFT, 330), "No scored entry yet.", 34, _SOFT, 900)
    bottom = _TOP + _STEP * len(rows)
    if rows and rows[0].low is not None and rows[0].high is not None:
        band = (_across(scale, rows[0].low), _TOP, _across(scale, rows[0].high), bottom)
    for n, row in enumerate(rows):
        top = _TOP + n * _STEP
        if row.tied:
            draw.rectangle((_LEFT - 16, top, WIDTH - _LEFT + 16, top + _STEP - 1), fill=_WASH)
            draw.rectangle((_LEFT - 16, top, _LEFT - 12, top + _STEP - 1), fill=_GOLD)
    if rows and rows[0].low is not None:
        draw.rectangle(band, fill=_BAND)
    for n, row in enumerate(rows):
        middle = _TOP + n * _STEP + _STEP // 2
        line = middle + _STEP // 2 - 1
        draw.line((_LEFT - 16, line, WIDTH - _LEFT + 16, line), fill=_LINE)
        _write(draw, (_LEFT, middle), row.rank, 34, _GOLD if row.tied else _SOFT, 60)
        room = _PLOT - _LEFT - 100 - (_TAG if row.baseline else 0)
        end = _write(draw, (_LEFT + 72, middle), row.name, 30, _INK, room)
        if row.baseline:
            _write(draw, (end + 14, middle + 2), "baseline", 20, _SOFT, _TAG)
        colour = _GOLD if n == 0 else _SOFT
        if row.low is not None and row.high is not None:
            ends = (_across(scale, row.low), middle, _across(scale, row.high), middle)
            draw.line(ends, fill=colour, width=4)
        for drawn in (row.low, row.value, row.high):
            if drawn is not None and not scale.low <= drawn <= scale.high:
                sign = -1 if drawn < scale.low else 1
                _arrow(draw, _across(scale, drawn), middle, sign, colour)
        if scale.low <= row.value <= scale.high:
            at = _across(scale, row.value)
            draw.ellipse((at - 8, middle - 8, at + 8, middle + 8), fill=colour)
        _write(draw, (WIDTH - _LEFT, middle - 12), row.score, 32, _INK, 180, right=True)
        _write(draw, (WIDTH - _LEFT, middle + 18), row.interval, 20, _SOFT, 180, right=True)
    content = io.BytesIO()
    image.quantize(64).save(content, "PNG", optimize=True)
    return content.getvalue()


def _across(scale: Scale, value: float) -> float:
    return _PLOT + scale.at(value) / scale.width * 250


def _arrow(draw: ImageDraw, at: float, middle: int, sign: int, colour: str) -> None:
    """Draw what the plots of the site have where something is outside of the scale."""
    tip, back = at + 14 * sign, at + 2 * sign
    draw.polygon(((tip, middle), (back, middle - 8), (back, middle + 8)), fill=colour)


def _write(
    draw: ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    width: int,
    *,
    right: bool = False,
) -> float:
    """Write a text of at most `width` pixels, its middle at this height; return its right end."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    shown = known = _known(text)
    while draw.textlength(shown, font=font) > width:
        known = known[:-1]
        shown = f"{known.rstrip()}…"
    draw.text(at, shown, fill=colour, font=font, anchor="rm" if right else "lm")
    return at[0] if right else at[0] + draw.textlength(shown, font=font)
