"""Error against negative flips: a dot an entry, the front as a stepped line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from challenge.board.markup import clip
from challenge.board.plots.scales import scale_for
from challenge.board.plots.svg_parts import (
    Spot,
    across_axis,
    figure_svg,
    px,
    spot_svg,
    up_axis,
    vertical,
)
from challenge.errors import counted

__all__ = ["Dot", "trade_svg"]


_LEFT, _TOP = 46.0, 24.0


@dataclass(frozen=True)
class Dot:
    """An entry in a plot of error against flips."""

    label: str
    flips: float
    error: float
    spot: Spot
    on_front: bool = False
    reference: bool = False


def trade_svg(name: str, title: str, dots: Sequence[Dot]) -> str:
    """Return error (up) against the negative flip rate (right), the front as a stepped line.

    Dots far from the others are left out: the axes are about the better half.
    """
    width, height, right, bottom = 720.0, 340.0, 100.0, 44.0
    least_x, most_x = _near_zero([dot.flips for dot in dots])
    least_y, most_y = _near_zero([dot.error for dot in dots])
    # A weak reference entry would leave no room for the others.
    inside = [
        dot
        for dot in dots
        if (dot.on_front and not dot.reference) or (dot.flips <= most_x and dot.error <= most_y)
    ]
    front = sorted((dot for dot in inside if dot.on_front), key=lambda dot: dot.flips)
    xs = scale_for([least_x, *(dot.flips for dot in inside)], unit=0.2)
    ys = scale_for([least_y, *(dot.error for dot in inside)], unit=0.2)

    y = vertical(ys, _TOP, height - bottom)

    def x(value: float) -> float:
        return _LEFT + (value - xs.low) / (xs.high - xs.low) * (width - _LEFT - right)

    behind = [
        '<text class="tick" x="0" y="12">error</text>',
        across_axis(xs, x, _TOP, height - bottom),
        up_axis(ys, y, _LEFT, width - right),
        f'<text class="tick" x="{px(_LEFT)}" y="{px(height - 8)}">'
        "negative flip rate against the reference entry</text>",
    ]
    if front:
        path = f"M{px(x(front[0].flips))} {px(y(front[0].error))}"
        path += "".join(f"H{px(x(dot.flips))}V{px(y(dot.error))}" for dot in front[1:])
        behind.append(f'<path class="front" d="{path}"/>')
    placed: list[tuple[float, float]] = []
    for dot in front:
        at_x, at_y = x(dot.flips) + 9, y(dot.error) - 6
        while any(abs(at_y - other) < 14 and at_x - left < 130 for left, other in placed):
            at_y -= 14
        placed.append((at_x, at_y))
        label = escape(clip(dot.label, 17))
        behind.append(f'<text class="label" x="{px(at_x)}" y="{px(at_y)}">{label}</text>')
    marks = []
    for dot in sorted(inside, key=lambda dot: dot.on_front):
        kinds = [k for k, on in (("on-front", dot.on_front), ("base", dot.reference)) if on]
        drawn = (
            f'<circle class="{" ".join(["trade", *kinds])}" cx="{px(x(dot.flips))}" '
            f'cy="{px(y(dot.error))}" r="4.5"/>'
        )
        marks.append(spot_svg(dot.spot, drawn, message_x=_LEFT, width=width))
    beyond = len(dots) - len(inside)
    text = (
        f"{counted(len(inside), 'entry')}. On the front, where no other has both a "
        f"smaller error and fewer flips: {', '.join(clip(dot.label, 32) for dot in front)}."
        + (f" {beyond} beyond the axes." if beyond else "")
    )
    return figure_svg((width, height), name, title, text, behind, marks)


def _near_zero(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins, and beyond which values are left out."""
    ordered = sorted(values)
    least, median = ordered[0], ordered[len(ordered) // 2]
    return least, least + max(3.5 * (median - least), 0.05)
