"""What all plots are made of: inline SVG written by hand, without library, script or colour.

Each figure has a title and a description; what is drawn behind its marks is hidden from screen
readers, and so is a plot inside a table row, since the same numbers are beside it. Coordinates have
one decimal, so equal input gives equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from challenge.board.markup import clip, number_text
from challenge.board.plots.scales import Scale

__all__ = [
    "BEYOND",
    "N_LIT",
    "Spot",
    "across_axis",
    "figure_svg",
    "px",
    "spot_svg",
    "tick_text",
    "up_axis",
    "vertical",
]

N_LIT = 50
"""Rows of a page, numbered from 1, that light up with their marks: `site.css` names each number."""
BEYOND = N_LIT + 1
"""The number of one more row, such as that of a reference entry far below."""


@dataclass(frozen=True)
class Spot:
    """The message of a mark of a plot, where it leads, and which rows of the page light up with it.

    `name` is the team's and `figures` are score, interval and time. Without `href` the mark leads
    nowhere; the keyboard reaches it all the same. `rows` are the numbers of rows (`data-row`).
    """

    name: str
    figures: str
    href: str = ""
    rows: tuple[int, ...] = ()

    def text(self, cap: int = 200) -> str:
        """Return the message in about `cap` characters; the name gives way."""
        return f"{clip(self.name, max(12, cap - 2 - len(self.figures)))}: {self.figures}"

    def row_attribute(self) -> str:
        """Return the attribute that names its rows; empty without one that can light up."""
        rows = " ".join(f"{row}" for row in self.rows if 0 < row <= BEYOND)
        return f' data-row="{rows}"' if rows else ""


def spot_svg(spot: Spot, drawn: str, *, message_x: float = 0, width: float = 440) -> str:
    """Return a mark that can be hovered and focused; its text is then shown above the plot.

    The text begins at `message_x` and fits a plot of `width`. The element `<title>` names the mark,
    and is its tooltip where there is no style sheet.
    """
    message = escape(spot.text(round((width - message_x) / 6.6)))
    message = (
        f'<text class="message" aria-hidden="true" x="{px(message_x)}" y="12">{message}</text>'
    )
    inside, rows = f"<title>{escape(spot.text())}</title>{drawn}", spot.row_attribute()
    if spot.href:
        return f'<a class="spot" href="{escape(spot.href)}"{rows}>{inside}</a>{message}'
    return f'<g class="spot" tabindex="0" role="img"{rows}>{inside}</g>{message}'


def px(value: float) -> str:
    """Return a coordinate as a text with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def tick_text(tick: float, step: float) -> str:
    """Return a tick with the decimals of its step; whole numbers have none."""
    if abs(tick - round(tick)) < 1e-6 * step:
        return number_text(round(tick), 0)
    decimals = -math.floor(math.log10(step) + 1e-9) + (f"{step:e}"[:3] == "2.5")
    return number_text(tick, min(max(decimals, 1), 12))


def vertical(scale: Scale, top: float, bottom: float) -> Callable[[float], float]:
    """Return where a value is between `bottom` (the low end) and `top`."""

    def y(value: float) -> float:
        return bottom - (value - scale.low) / (scale.high - scale.low) * (bottom - top)

    return y


def up_axis(
    scale: Scale, y: Callable[[float], float], left: float, right: float, n_ticks: int = 5
) -> str:
    """Return lines across the plot, from `left` to `right`, with their values on the left."""
    return "".join(
        f'<path class="grid" d="M{px(left)} {px(y(tick))}H{px(right)}"/>'
        f'<text class="tick" text-anchor="end" x="{px(left - 8)}" y="{px(y(tick) + 4)}">'
        f"{text}</text>"
        for tick, text in _ticks(scale, n_ticks)
    )


def across_axis(
    scale: Scale, x: Callable[[float], float], top: float, bottom: float, n_ticks: int = 5
) -> str:
    """Return lines up the plot, from `top` to `bottom`, with their values below."""
    return "".join(
        f'<path class="grid" d="M{px(x(tick))} {px(top)}V{px(bottom)}"/>'
        f'<text class="tick" text-anchor="middle" x="{px(x(tick))}" y="{px(bottom + 16)}">'
        f"{text}</text>"
        for tick, text in _ticks(scale, n_ticks)
    )


def _ticks(scale: Scale, n_ticks: int) -> list[tuple[float, str]]:
    ticks = scale.ticks(n_ticks)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
    return [(tick, tick_text(tick, step)) for tick in ticks]


def figure_svg(
    size: tuple[float, float],
    name: str,
    title: str,
    text: str,
    behind: Iterable[str],
    marks: Iterable[str],
) -> str:
    """Return a whole plot of `size` (width, height): what is drawn `behind` its marks, and these.

    `name` begins the ids of the title and of the description `text`.
    """
    width, height = px(size[0]), px(size[1])
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="group" aria-labelledby="{name}-t" aria-describedby="{name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        f'<g aria-hidden="true">{"".join(behind)}</g>{"".join(marks)}</svg>'
    )
