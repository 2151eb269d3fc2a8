"""What all plots are made of: inline SVG written by hand, without library, script or colour.

Each figure has a role, a title and a description; a plot inside a table row is hidden from screen
readers, since the same numbers are beside it. Coordinates have one decimal, so equal input gives
equal bytes.
"""

from __future__ import annotations

import math
from html import escape

from challenge.board.markup import number_text

__all__ = ["figure_svg", "px", "tick_text"]


def px(value: float) -> str:
    """Return a coordinate as a text with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def tick_text(tick: float, step: float) -> str:
    """Return a tick with the decimals of its step; whole numbers have none."""
    if abs(tick - round(tick)) < 1e-6 * step:
        return number_text(round(tick), 0)
    decimals = -math.floor(math.log10(step) + 1e-9) + (f"{step:e}"[:3] == "2.5")
    return number_text(tick, min(max(decimals, 1), 12))


def figure_svg(width: float, height: float, name: str, title: str, text: str, body: str) -> str:
    """Return a whole plot; `name` begins the ids of its title and of its description `text`."""
    return (
        f'<svg class="plot" viewBox="0 0 {px(width)} {px(height)}" width="{px(width)}" '
        f'height="{px(height)}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        f"{body}</svg>"
    )
