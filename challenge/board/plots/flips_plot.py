"""Error against negative flips: a dot an entry, the front as a stepped line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from challenge.board.markup import clip, number_text
from challenge.board.plots.scales import scale_for
from challenge.board.plots.svg_parts import figure_svg, px, tick_text
from challenge.errors import counted

__all__ = ["Dot", "trade_svg"]


_LEFT, _TOP = 46.0, 10.0


@dataclass(frozen=True)
class Dot:
    """An entry in a plot of error against flips; `key` is that of its row in the table."""

    key: str
    label: str
    flips: float
    error: float
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

    def x(value: float) -> float:
        return _LEFT + (value - xs.low) / (xs.high - xs.low) * (width - _LEFT - right)

    def y(value: float) -> float:
        share = (value - ys.low) / (ys.high - ys.low)
        return height - bottom - share * (height - _TOP - bottom - 14)

    body = ['<text class="tick" x="0" y="12">error</text>']
    for scale, across in ((xs, True), (ys, False)):
        ticks = scale.ticks(5)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
        for tick in ticks:
            if across:
                at = px(x(tick))
                body.append(
                    f'<path class="grid" d="M{at} {px(_TOP + 14)}V{px(height - bottom)}"/>'
                    f'<text class="tick" text-anchor="middle" x="{at}" '
                    f'y="{px(height - bottom + 16)}">{tick_text(tick, step)}</text>'
                )
            else:
                at = px(y(tick))
                body.append(
                    f'<path class="grid" d="M{px(_LEFT)} {at}H{px(width - right)}"/>'
                    f'<text class="tick" text-anchor="end" x="{px(_LEFT - 8)}" '
                    f'y="{px(y(tick) + 4)}">{tick_text(tick, step)}</text>'
                )
    body.append(
        f'<text class="tick" x="{px(_LEFT)}" y="{px(height - 8)}">'
        "negative flip rate against the reference entry</text>"
    )
    if front:
        path = f"M{px(x(front[0].flips))} {px(y(front[0].error))}"
        path += "".join(f"H{px(x(dot.flips))}V{px(y(dot.error))}" for dot in front[1:])
        body.append(f'<path class="front" d="{path}"/>')
    for dot in sorted(inside, key=lambda dot: dot.on_front):
        kinds = [k for k, on in (("on-front", dot.on_front), ("base", dot.reference)) if on]
        text = f"{clip(dot.label, 48)}: error {number_text(dot.error)}"
        text += "" if dot.reference else f", negative flip rate {number_text(dot.flips)}"
        body.append(
            f'<circle class="{" ".join(["trade", *kinds])}" data-row="{escape(dot.key)}" '
            f'cx="{px(x(dot.flips))}" cy="{px(y(dot.error))}" r="4.5">'
            f"<title>{escape(text)}</title></circle>"
        )
    placed: list[tuple[float, float]] = []
    for dot in front:
        at_x, at_y = x(dot.flips) + 9, y(dot.error) - 6
        while any(abs(at_y - other) < 14 and at_x - left < 130 for left, other in placed):
            at_y -= 14
        placed.append((at_x, at_y))
        label = escape(clip(dot.label, 17))
        body.append(f'<text class="label" x="{px(at_x)}" y="{px(at_y)}">{label}</text>')
    beyond = len(dots) - len(inside)
    text = (
        f"{counted(len(inside), 'entry')}. On the front, where no other has both a "
        f"smaller error and fewer flips: {', '.join(clip(dot.label, 32) for dot in front)}."
        + (f" {beyond} beyond the axes." if beyond else "")
    )
    return figure_svg(width, height, name, title, text, "".join(body))


def _near_zero(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins, and beyond which values are left out."""
    ordered = sorted(values)
    least, median = ordered[0], ordered[len(ordered) // 2]
    return least, least + max(3.5 * (median - least), 0.05)
