"""Curves and points over the trials of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from challenge.board.plots.scales import Scale, round_step, scale_for
from challenge.board.plots.svg_parts import (
    Spot,
    figure_svg,
    px,
    spot_svg,
    up_axis,
    vertical,
)

__all__ = ["Curve", "trials_svg"]


_LEFT, _TOP, _BOTTOM = 46.0, 24.0, 28.0


@dataclass(frozen=True)
class Curve:
    """A line over the trials of a search: (trial, value); `kind` is a class of the CSS."""

    kind: str
    points: Sequence[tuple[int, float]]


def trials_svg(
    name: str,
    title: str,
    text: str,
    n_trials: int,
    curves: Sequence[Curve],
    *,
    points: Sequence[tuple[int, float, Spot]] = (),
    failed: Sequence[tuple[int, Spot]] = (),
    stops: Sequence[tuple[str, int]] = (),
    low: float | None = None,
) -> str:
    """Return curves and points over the numbers of trials, failed ones as crosses at the bottom.

    `stops` are (rule, trial), drawn as dotted lines; `low` is where the axis begins.
    """
    width, height, right = 720.0, 264.0, 12.0
    values = [value for curve in curves for _, value in curve.points]
    values += [value for _, value, _ in points]
    scale = scale_for(values, unit=(max(values) - min(values)) or 1.0)
    if low is not None:
        # A third of the height stays free for the names of the rules.
        scale = Scale(low, max(values) * 1.3 or 1.0)
    y = vertical(scale, _TOP, height - _BOTTOM)

    def x(number: float) -> float:
        return _LEFT + (number - 1) / (max(n_trials, 2) - 1) * (width - _LEFT - right)

    behind = [up_axis(scale, y, _LEFT, width - right, 4)]
    every = max(1, round(round_step(n_trials / 6)))
    behind += [
        f'<text class="tick" text-anchor="middle" x="{px(x(number))}" y="{px(height - 10)}">'
        f"{number}</text>"
        for number in sorted({1, *range(every, n_trials + 1, every)})
    ]
    for row, (rule, number) in enumerate(stops):
        side, gap = ("end", -5) if x(number) > width / 2 else ("start", 5)
        behind.append(
            f'<path class="stop" d="M{px(x(number))} {px(_TOP)}V{px(height - _BOTTOM)}"/>'
            f'<text class="tick" text-anchor="{side}" x="{px(x(number) + gap)}" '
            f'y="{px(_TOP + 12 + 15 * row)}">{escape(rule)}: {number}</text>'
        )
    for curve in curves:
        path = "L".join(f"{px(x(number))} {px(y(value))}" for number, value in curve.points)
        behind.append(f'<path class="curve {curve.kind}" d="M{path}"/>')
    bottom = px(height - _BOTTOM - 3)
    marks = [
        spot_svg(
            spot,
            f'<path class="failed" d="M{px(x(number) - 3)} {bottom}l6 6m0-6l-6 6"/>',
            message_x=_LEFT,
            width=width,
        )
        for number, spot in failed
    ]
    marks += [
        spot_svg(
            spot,
            f'<circle class="trial" cx="{px(x(number))}" cy="{px(y(value))}" r="3"/>',
            message_x=_LEFT,
            width=width,
        )
        for number, value, spot in points
    ]
    return figure_svg((width, height), name, title, text, behind, marks)
