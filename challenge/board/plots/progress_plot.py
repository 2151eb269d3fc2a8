"""Score over time as steps, one line each, labelled at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape

from challenge.board.markup import clip, day_text, number_text, score_decimals
from challenge.board.plots.scales import late_scale, scale_for, unit_of
from challenge.board.plots.svg_parts import figure_svg, px, tick_text
from challenge.kinds import Metric

__all__ = ["Line", "progress_svg"]


@dataclass(frozen=True)
class Line:
    """One step line: (time, value) where it changes, oldest first; `kind` is a class of the CSS."""

    label: str
    points: tuple[tuple[datetime, float], ...]
    kind: str = ""


_WIDTH, _HEIGHT = 440.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 116.0, 10.0, 28.0


def progress_svg(
    name: str,
    title: str,
    lines: Sequence[Line],
    metric: Metric,
    *,
    until: datetime,
    whole: bool = False,
) -> str:
    """Return score over time as steps, each line labelled at its end; empty without any point.

    `until` is the last instant of the axis. The last line of `lines` is drawn on top. Without
    `whole` the axis is about the best scores, and first steps may be outside.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    start = min(line.points[0][0] for line in lines)
    until = max(until, start + timedelta(minutes=1))
    values = [value for line in lines for _, value in line.points]
    finals = [line.points[-1][1] for line in lines]
    scale = (
        scale_for(values, unit=unit_of(metric, values))
        if whole
        else late_scale(metric, finals, values, 3.5, 0.06)
    )
    lines = [line for line in lines if scale.low <= line.points[-1][1] <= scale.high]
    span = (until - start).total_seconds()

    def x(at: datetime) -> float:
        return _LEFT + (at - start).total_seconds() / span * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (value - scale.low) / (scale.high - scale.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    ticks = scale.ticks(5)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
    body: list[str] = []
    drawn: list[str] = []
    for tick in ticks:
        body.append(
            f'<path class="grid" d="M{px(_LEFT)} {px(y(tick))}H{px(_WIDTH - _RIGHT)}"/>'
            f'<text class="tick" text-anchor="end" x="{px(_LEFT - 8)}" y="{px(y(tick) + 4)}">'
            f"{tick_text(tick, step)}</text>"
        )
    body += [
        f'<text class="tick" text-anchor="{anchor}" x="{px(x(at))}" y="{px(_HEIGHT - 8)}">'
        f"{text}</text>"
        for at, text, anchor in _dates(start, until)
    ]
    ends: list[tuple[float, str, str]] = []
    for line in lines:
        if line.label:
            ends.append((y(line.points[-1][1]), line.label, line.kind))
        path = f"M{px(x(line.points[0][0]))} {px(y(line.points[0][1]))}"
        for at, value in line.points[1:]:
            path += f"H{px(x(at))}V{px(y(value))}"
        path += f"H{px(x(until))}"
        at, value = line.points[-1]
        drawn.append(
            f'<path class="line {line.kind}" d="{path}"/>'
            f'<circle class="dot {line.kind}" cx="{px(x(at))}" cy="{px(y(value))}" r="3"/>'
        )
    # A nested drawing cuts off the first scores, which are outside.
    right, bottom = px(_WIDTH - _RIGHT + 4), px(_HEIGHT - _BOTTOM)
    body.append(
        f'<svg width="{right}" height="{bottom}" viewBox="0 0 {right} {bottom}">'
        f"{''.join(drawn)}</svg>"
    )
    body += [
        f'<text class="label {kind}" x="{px(_WIDTH - _RIGHT + 8)}" y="{px(at_y + 4)}">'
        f"{escape(clip(label, 17))}</text>"
        for at_y, label, kind in _apart(ends)
    ]
    best = max(lines, key=lambda line: (metric.merit(line.points[-1][1]), line.label))
    value = best.points[-1][1]
    text = (
        f"Score over time from {day_text(start)} to {day_text(until)}. Best at the end: "
        f"{clip(best.label)} at {number_text(value, score_decimals(metric, [value]))}."
    )
    return figure_svg(_WIDTH, _HEIGHT, name, title, text, "".join(body))


def _dates(start: datetime, until: datetime) -> list[tuple[datetime, str, str]]:
    same_day = day_text(start) == day_text(until)

    def text(at: datetime) -> str:
        return f"{at.astimezone(timezone.utc):%H:%M}" if same_day else day_text(at)[:-5]

    middle = start + (until - start) / 2
    first = f"{day_text(start)[:-5]}, {text(start)}" if same_day else text(start)
    marks = [(start, first, "start"), (until, text(until), "end")]
    if text(middle) not in (text(start), text(until)):
        marks.insert(1, (middle, text(middle), "middle"))
    return marks


def _apart(ends: list[tuple[float, str, str]], gap: float = 15.0) -> list[tuple[float, str, str]]:
    """Move labels down, then up, until none covers its neighbour."""
    placed = sorted(ends)
    ys = [y for y, _, _ in placed]
    for i in range(1, len(ys)):
        ys[i] = max(ys[i], ys[i - 1] + gap)
    lowest = _HEIGHT - _BOTTOM
    if ys and ys[-1] > lowest:
        ys[-1] = lowest
        for i in range(len(ys) - 2, -1, -1):
            ys[i] = min(ys[i], ys[i + 1] - gap)
    return [(y, *end[1:]) for y, end in zip(ys, placed, strict=True)]
