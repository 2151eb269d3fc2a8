"""The column of intervals of a table: an axis above it, a whisker and a point in each row."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from challenge.board.plots.scales import Scale
from challenge.board.plots.svg_parts import px, tick_text

__all__ = ["axis_svg", "interval_svg"]


@lru_cache(maxsize=256)
def axis_svg(scale: Scale) -> str:
    """Return the head of a column of intervals: tick labels over the rows' grid lines."""
    ticks = scale.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
    labels = "".join(
        f'<text class="tick" text-anchor="middle" x="{px(scale.at(tick))}" y="13">'
        f"{tick_text(tick, step)}</text>"
        for tick in ticks
    )
    return (
        f'<span class="hidden">Interval</span><svg class="axis" aria-hidden="true" '
        f'viewBox="0 0 {px(scale.width)} 18" width="{px(scale.width)}" height="18">{labels}</svg>'
    )


ROW = 48
"""Height of a row's plot; rows of a board are at least so high."""
_OVER = 40
"""Bands and grid lines extend this far beyond a row; the cell cuts them off."""


def interval_svg(
    scale: Scale,
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    band: tuple[float, float] | None = None,
    baseline_score: float | None = None,
    strong: bool = False,
    text: str = "",
) -> str:
    """Return one row of the interval plot: grid, the leader's band, whisker and point.

    An end outside of the scale is an arrow instead of a bar.
    `text` is the tooltip: what the row says, with the time.
    """
    parts = [f"<title>{escape(text)}</title>"] if text else []
    if band:
        left, right = scale.at(band[0]), scale.at(band[1])
        parts.append(
            f'<rect class="band" x="{px(left)}" width="{px(max(right - left, 1))}" '
            f'y="{-_OVER}" height="{ROW + 2 * _OVER}"/>'
        )
    parts.append(_grid(scale))
    if baseline_score is not None and scale.low <= baseline_score <= scale.high:
        x = px(scale.at(baseline_score))
        parts.append(f'<path class="baseline-score" d="M{x} {-_OVER}v{ROW + 2 * _OVER}"/>')
    kind = "mark strong" if strong else "mark"
    if low is not None and high is not None and high > scale.low and low < scale.high:
        a, b = px(scale.at(low)), px(scale.at(high))
        left_end = f"M{a} 20v8" if low >= scale.low else f"M{a} 24h-6m5 -5l-5 5l5 5"
        right_end = f"M{b} 20v8" if high <= scale.high else f"M{b} 24h6m-5 -5l5 5l-5 5"
        parts.append(f'<path class="{kind}" d="M{a} 24H{b}{left_end}{right_end}"/>')
    if value is not None and value < scale.low:
        parts.append(f'<path class="{kind} beyond" d="M{px(scale.margin - 6)} 24l8 -5v10z"/>')
    elif value is not None and value > scale.high:
        x = px(scale.width - scale.margin + 6)
        parts.append(f'<path class="{kind} beyond" d="M{x} 24l-8 -5v10z"/>')
    elif value is not None:
        parts.append(f'<circle class="{kind}" cx="{px(scale.at(value))}" cy="24" r="4.5"/>')
    return (
        f'<svg class="interval" aria-hidden="true" viewBox="0 0 {px(scale.width)} {ROW}" '
        f'width="{px(scale.width)}" height="{ROW}">{"".join(parts)}</svg>'
    )


@lru_cache(maxsize=256)
def _grid(scale: Scale) -> str:
    return "".join(
        f'<path class="grid" d="M{px(scale.at(tick))} {-_OVER}v{ROW + 2 * _OVER}"/>'
        for tick in scale.ticks()
    )
