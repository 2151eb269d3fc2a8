"""Score over time as steps, one line each, labelled at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape

from challenge.board.markup import clip, day_text, number_text, score_decimals
from challenge.board.plots.scales import late_scale, scale_for, unit_of
from challenge.board.plots.svg_parts import (
    Spot,
    figure_svg,
    px,
    spot_svg,
    up_axis,
    vertical,
)
from challenge.kinds import Metric

__all__ = ["Line", "progress_svg"]


@dataclass(frozen=True)
class Line:
    """One step line: (time, value) where it changes, oldest first; `kind` is a class of the CSS.

    `spot` is the message of the line; the best of all has none, and is drawn behind the others.
    """

    label: str
    points: tuple[tuple[datetime, float], ...]
    kind: str = ""
    spot: Spot | None = None


_WIDTH, _HEIGHT = 440.0, 284.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 116.0, 24.0, 28.0


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
    y = vertical(scale, _TOP, _HEIGHT - _BOTTOM)

    def x(at: datetime) -> float:
        return _LEFT + (at - start).total_seconds() / span * (_WIDTH - _LEFT - _RIGHT)

    # First scores may be outside: they are cut off.
    behind = [
        f'<clipPath id="{name}-c"><path d="M0 {px(_TOP - 4)}H{px(_WIDTH)}V{px(_HEIGHT - _BOTTOM)}'
        'H0z"/></clipPath>',
        up_axis(scale, y, _LEFT, _WIDTH - _RIGHT),
    ]
    behind += [
        f'<text class="tick" text-anchor="{anchor}" x="{px(x(at))}" y="{px(_HEIGHT - 8)}">'
        f"{text}</text>"
        for at, text, anchor in _dates(start, until)
    ]
    labelled = [line for line in lines if line.label]
    places = dict(zip(labelled, _apart([y(line.points[-1][1]) for line in labelled]), strict=True))
    marks = []
    for line in lines:
        path = f"M{px(x(line.points[0][0]))} {px(y(line.points[0][1]))}"
        for at, value in line.points[1:]:
            path += f"H{px(x(at))}V{px(y(value))}"
        path += f"H{px(x(until))}"
        at, value = line.points[-1]
        drawn = f'<path class="line {line.kind}" d="{path}"/>'
        if line.spot is None:
            behind.append(f'<g clip-path="url(#{name}-c)">{drawn}</g>')
            continue
        drawn = (
            f'<g clip-path="url(#{name}-c)"><path class="near" d="{path}"/>{drawn}'
            f'<circle class="dot {line.kind}" cx="{px(x(at))}" cy="{px(y(value))}" r="3"/></g>'
        )
        if line in places:
            drawn += (
                f'<text class="label {line.kind}" x="{px(_WIDTH - _RIGHT + 8)}" '
                f'y="{px(places[line] + 4)}">{escape(clip(line.label, 17))}</text>'
            )
        marks.append(spot_svg(line.spot, drawn))
    best = max(lines, key=lambda line: (metric.merit(line.points[-1][1]), line.label))
    value = best.points[-1][1]
    text = (
        f"Score over time from {day_text(start)} to {day_text(until)}. Best at the end: "
        f"{clip(best.label)} at {number_text(value, score_decimals(metric, [value]))}."
    )
    return figure_svg((_WIDTH, _HEIGHT), name, title, text, behind, marks)


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


def _apart(ends: Sequence[float], gap: float = 15.0) -> list[float]:
    """Return heights of labels: moved down, then up, until none covers its neighbour."""
    order = sorted(range(len(ends)), key=ends.__getitem__)
    ys = [ends[i] for i in order]
    for i in range(1, len(ys)):
        ys[i] = max(ys[i], ys[i - 1] + gap)
    lowest = _HEIGHT - _BOTTOM
    if ys and ys[-1] > lowest:
        ys[-1] = lowest
        for i in range(len(ys) - 2, -1, -1):
            ys[i] = min(ys[i], ys[i + 1] - gap)
    placed = dict(zip(order, ys, strict=True))
    return [placed[i] for i in range(len(ends))]
