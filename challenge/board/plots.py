"""Plots as inline SVG written by hand: no library, no script, colours by class only.

Each figure has a role, a title and a description; a plot inside a table row is hidden from screen
readers, since the same numbers are beside it. Coordinates have one decimal, so equal input gives
equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from html import escape

from challenge.board.markup import clip, day_text, number_text, of_unit_scale, score_decimals
from challenge.errors import counted
from challenge.kinds import Metric

__all__ = [
    "Curve",
    "Dot",
    "Line",
    "Scale",
    "axis_svg",
    "bar_svg",
    "heat_class",
    "interval_svg",
    "late_scale",
    "motif_svg",
    "progress_svg",
    "scale_for",
    "shake_up_svg",
    "trade_svg",
    "trials_svg",
    "unit_of",
]


@dataclass(frozen=True)
class Scale:
    """Scores from `low` to `high` along `width` units, with a margin at both ends."""

    low: float
    high: float
    width: float = 216
    margin: float = 12

    def at(self, value: float) -> float:
        """Return the coordinate of a value, kept inside the plot."""
        share = (value - self.low) / (self.high - self.low)
        return self.margin + min(max(share, 0.0), 1.0) * (self.width - 2 * self.margin)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the scale."""
        step = _step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def scale_for(values: Sequence[float | None], *, unit: float = 1.0) -> Scale:
    """Return a scale that holds all finite values with a margin; nothing finite is 0 to 1.

    `unit` is the size of a large value, see `unit_of`.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    air = max((high - low) * 0.04, 0.005 * unit)
    return Scale(low - air, high + air)


def unit_of(metric: Metric, values: Iterable[float]) -> float:
    """Return 1 where that is the best score, else the size of the median score."""
    sizes = sorted(map(abs, values))
    return 1.0 if of_unit_scale(metric) or not sizes else sizes[len(sizes) // 2] or 1.0


def late_scale(
    metric: Metric, scores: Sequence[float], ends: Sequence[float], times: float, least: float
) -> Scale:
    """Return a scale on which the best scores are distinguished; the worst may be outside.

    It is cut `times` as far from the best score as the median is, and at least `least` of a unit;
    `ends` are all that is drawn.
    """
    unit, sign = unit_of(metric, scores), metric.merit(1.0)
    merits = sorted((sign * score for score in scores), reverse=True)
    best, median = merits[0], merits[len(merits) // 2]
    drawn = [sign * end for end in ends]
    cut = best - max(times * (best - median), least * unit)
    return scale_for([sign * max(min(drawn), cut), sign * max(drawn)], unit=unit)


def _step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _tick_text(tick: float, step: float) -> str:
    """Return a tick with the decimals of its step; whole numbers have none."""
    if abs(tick - round(tick)) < 1e-6 * step:
        return number_text(round(tick), 0)
    decimals = -math.floor(math.log10(step) + 1e-9) + (f"{step:e}"[:3] == "2.5")
    return number_text(tick, min(max(decimals, 1), 12))


def _figure(width: float, height: float, name: str, title: str, text: str, body: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
        f"{body}</svg>"
    )


@lru_cache(maxsize=256)
def axis_svg(scale: Scale) -> str:
    """Return the head of a column of intervals: tick labels over the rows' grid lines."""
    ticks = scale.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
    labels = "".join(
        f'<text class="tick" text-anchor="middle" x="{_n(scale.at(tick))}" y="13">'
        f"{_tick_text(tick, step)}</text>"
        for tick in ticks
    )
    return (
        f'<span class="hidden">Interval</span><svg class="axis" aria-hidden="true" '
        f'viewBox="0 0 {_n(scale.width)} 18" width="{_n(scale.width)}" height="18">{labels}</svg>'
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
) -> str:
    """Return one row of the interval plot: grid, the leader's band, whisker and point."""
    parts = []
    if band:
        left, right = scale.at(band[0]), scale.at(band[1])
        parts.append(
            f'<rect class="band" x="{_n(left)}" width="{_n(max(right - left, 1))}" '
            f'y="{-_OVER}" height="{ROW + 2 * _OVER}"/>'
        )
    parts.append(_grid(scale))
    if baseline_score is not None and scale.low <= baseline_score <= scale.high:
        x = _n(scale.at(baseline_score))
        parts.append(f'<path class="baseline-score" d="M{x} {-_OVER}v{ROW + 2 * _OVER}"/>')
    kind = "mark strong" if strong else "mark"
    if low is not None and high is not None and high > scale.low and low < scale.high:
        a, b = _n(scale.at(low)), _n(scale.at(high))
        parts.append(f'<path class="{kind}" d="M{a} 24H{b}M{a} 20v8M{b} 20v8"/>')
    if value is not None and value < scale.low:
        parts.append(f'<path class="{kind} beyond" d="M{_n(scale.margin - 6)} 24l8 -5v10z"/>')
    elif value is not None and value > scale.high:
        x = _n(scale.width - scale.margin + 6)
        parts.append(f'<path class="{kind} beyond" d="M{x} 24l-8 -5v10z"/>')
    elif value is not None:
        parts.append(f'<circle class="{kind}" cx="{_n(scale.at(value))}" cy="24" r="4.5"/>')
    return (
        f'<svg class="interval" aria-hidden="true" viewBox="0 0 {_n(scale.width)} {ROW}" '
        f'width="{_n(scale.width)}" height="{ROW}">{"".join(parts)}</svg>'
    )


@lru_cache(maxsize=256)
def _grid(scale: Scale) -> str:
    return "".join(
        f'<path class="grid" d="M{_n(scale.at(tick))} {-_OVER}v{ROW + 2 * _OVER}"/>'
        for tick in scale.ticks()
    )


def bar_svg(share: float, *, width: float = 100, kind: str = "") -> str:
    """Return a bar of a list; the number is beside it."""
    filled = max(min(share, 1.0), 0.0) * width
    return (
        f'<svg class="bar {kind}" aria-hidden="true" viewBox="0 0 {_n(width)} 8" '
        f'preserveAspectRatio="none"><rect class="track" width="{_n(width)}" height="8" rx="2"/>'
        f'<rect class="fill" width="{_n(max(filled, 1.0))}" height="8" rx="2"/></svg>'
    )


def heat_class(value: float | None, baseline_score: float, best: float) -> str:
    """Return the class of a heat-map cell, `h0` (the baseline score or worse) to `h8` (the best).

    Lower may be better. The share of the way is raised to the fourth power: good scores are close
    together.
    """
    if value is None:
        return "none"
    if best == baseline_score:
        return "h8"
    share = (value - baseline_score) / (best - baseline_score)
    return f"h{round(8 * min(max(share, 0.0), 1.0) ** 4)}"


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
            f'<path class="grid" d="M{_n(_LEFT)} {_n(y(tick))}H{_n(_WIDTH - _RIGHT)}"/>'
            f'<text class="tick" text-anchor="end" x="{_n(_LEFT - 8)}" y="{_n(y(tick) + 4)}">'
            f"{_tick_text(tick, step)}</text>"
        )
    body += [
        f'<text class="tick" text-anchor="{anchor}" x="{_n(x(at))}" y="{_n(_HEIGHT - 8)}">'
        f"{text}</text>"
        for at, text, anchor in _dates(start, until)
    ]
    ends: list[tuple[float, str, str]] = []
    for line in lines:
        if line.label:
            ends.append((y(line.points[-1][1]), line.label, line.kind))
        path = f"M{_n(x(line.points[0][0]))} {_n(y(line.points[0][1]))}"
        for at, value in line.points[1:]:
            path += f"H{_n(x(at))}V{_n(y(value))}"
        path += f"H{_n(x(until))}"
        at, value = line.points[-1]
        drawn.append(
            f'<path class="line {line.kind}" d="{path}"/>'
            f'<circle class="dot {line.kind}" cx="{_n(x(at))}" cy="{_n(y(value))}" r="3"/>'
        )
    # A nested drawing cuts off the first scores, which are outside.
    right, bottom = _n(_WIDTH - _RIGHT + 4), _n(_HEIGHT - _BOTTOM)
    body.append(
        f'<svg width="{right}" height="{bottom}" viewBox="0 0 {right} {bottom}">'
        f"{''.join(drawn)}</svg>"
    )
    body += [
        f'<text class="label {kind}" x="{_n(_WIDTH - _RIGHT + 8)}" y="{_n(at_y + 4)}">'
        f"{escape(clip(label, 17))}</text>"
        for at_y, label, kind in _apart(ends)
    ]
    best = max(lines, key=lambda line: (metric.merit(line.points[-1][1]), line.label))
    value = best.points[-1][1]
    text = (
        f"Score over time from {day_text(start)} to {day_text(until)}. Best at the end: "
        f"{clip(best.label)} at {number_text(value, score_decimals(metric, [value]))}."
    )
    return _figure(_WIDTH, _HEIGHT, name, title, text, "".join(body))


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
    points: Sequence[tuple[int, float]] = (),
    failed: Sequence[int] = (),
    stops: Sequence[tuple[str, int]] = (),
    low: float | None = None,
) -> str:
    """Return curves and points over the numbers of trials, failed ones as crosses at the bottom.

    `stops` are (rule, trial), drawn as dotted lines; `low` is where the axis begins.
    """
    width, height, right = 720.0, 250.0, 12.0
    values = [value for curve in curves for _, value in curve.points]
    values += [value for _, value in points]
    scale = scale_for(values, unit=(max(values) - min(values)) or 1.0)
    if low is not None:
        # A third of the height stays free for the names of the rules.
        scale = Scale(low, max(values) * 1.3 or 1.0)

    def x(number: float) -> float:
        return _LEFT + (number - 1) / (max(n_trials, 2) - 1) * (width - _LEFT - right)

    def y(value: float) -> float:
        share = (value - scale.low) / (scale.high - scale.low)
        return height - _BOTTOM - share * (height - _TOP - _BOTTOM)

    ticks = scale.ticks(4)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.1
    body = [
        f'<path class="grid" d="M{_n(_LEFT)} {_n(y(tick))}H{_n(width - right)}"/>'
        f'<text class="tick" text-anchor="end" x="{_n(_LEFT - 8)}" y="{_n(y(tick) + 4)}">'
        f"{_tick_text(tick, step)}</text>"
        for tick in ticks
    ]
    every = max(1, round(_step(n_trials / 6)))
    body += [
        f'<text class="tick" text-anchor="middle" x="{_n(x(number))}" y="{_n(height - 10)}">'
        f"{number}</text>"
        for number in sorted({1, *range(every, n_trials + 1, every)})
    ]
    for row, (rule, number) in enumerate(stops):
        side, gap = ("end", -5) if x(number) > width / 2 else ("start", 5)
        body.append(
            f'<path class="stop" d="M{_n(x(number))} {_n(_TOP)}V{_n(height - _BOTTOM)}"/>'
            f'<text class="tick" text-anchor="{side}" x="{_n(x(number) + gap)}" '
            f'y="{_n(_TOP + 12 + 15 * row)}">{escape(rule)}: {number}</text>'
        )
    body += [
        f'<path class="failed" d="M{_n(x(number) - 3)} {_n(height - _BOTTOM - 3)}l6 6m0-6l-6 6"/>'
        for number in failed
    ]
    body += [
        f'<circle class="trial" cx="{_n(x(number))}" cy="{_n(y(value))}" r="2.5"/>'
        for number, value in points
    ]
    for curve in curves:
        path = "L".join(f"{_n(x(number))} {_n(y(value))}" for number, value in curve.points)
        body.append(f'<path class="curve {curve.kind}" d="M{path}"/>')
    return _figure(width, height, name, title, text, "".join(body))


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
                at = _n(x(tick))
                body.append(
                    f'<path class="grid" d="M{at} {_n(_TOP + 14)}V{_n(height - bottom)}"/>'
                    f'<text class="tick" text-anchor="middle" x="{at}" '
                    f'y="{_n(height - bottom + 16)}">{_tick_text(tick, step)}</text>'
                )
            else:
                at = _n(y(tick))
                body.append(
                    f'<path class="grid" d="M{_n(_LEFT)} {at}H{_n(width - right)}"/>'
                    f'<text class="tick" text-anchor="end" x="{_n(_LEFT - 8)}" '
                    f'y="{_n(y(tick) + 4)}">{_tick_text(tick, step)}</text>'
                )
    body.append(
        f'<text class="tick" x="{_n(_LEFT)}" y="{_n(height - 8)}">'
        "negative flip rate against the reference entry</text>"
    )
    if front:
        path = f"M{_n(x(front[0].flips))} {_n(y(front[0].error))}"
        path += "".join(f"H{_n(x(dot.flips))}V{_n(y(dot.error))}" for dot in front[1:])
        body.append(f'<path class="front" d="{path}"/>')
    for dot in sorted(inside, key=lambda dot: dot.on_front):
        kinds = [k for k, on in (("on-front", dot.on_front), ("base", dot.reference)) if on]
        text = f"{clip(dot.label, 48)}: error {number_text(dot.error)}"
        text += "" if dot.reference else f", negative flip rate {number_text(dot.flips)}"
        body.append(
            f'<circle class="{" ".join(["trade", *kinds])}" data-row="{escape(dot.key)}" '
            f'cx="{_n(x(dot.flips))}" cy="{_n(y(dot.error))}" r="4.5">'
            f"<title>{escape(text)}</title></circle>"
        )
    placed: list[tuple[float, float]] = []
    for dot in front:
        at_x, at_y = x(dot.flips) + 9, y(dot.error) - 6
        while any(abs(at_y - other) < 14 and at_x - left < 130 for left, other in placed):
            at_y -= 14
        placed.append((at_x, at_y))
        label = escape(clip(dot.label, 17))
        body.append(f'<text class="label" x="{_n(at_x)}" y="{_n(at_y)}">{label}</text>')
    beyond = len(dots) - len(inside)
    text = (
        f"{counted(len(inside), 'entry')}. On the front, where no other has both a "
        f"smaller error and fewer flips: {', '.join(clip(dot.label, 32) for dot in front)}."
        + (f" {beyond} beyond the axes." if beyond else "")
    )
    return _figure(width, height, name, title, text, "".join(body))


def _near_zero(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins, and beyond which values are left out."""
    ordered = sorted(values)
    least, median = ordered[0], ordered[len(ordered) // 2]
    return least, least + max(3.5 * (median - least), 0.05)


def shake_up_svg(name: str, title: str, moves: Sequence[tuple[str, int, int]]) -> str:
    """Return a slope plot of (team, public rank, final rank): at most 20, the best finals."""
    shown = sorted(moves, key=lambda move: (move[2], move[1]))[:20]
    if not shown:
        return ""
    deepest = max(max(public, final) for _, public, final in shown)
    gap = 22.0 if deepest <= 20 else 420.0 / deepest
    height = 44 + gap * deepest

    def y(rank: int) -> float:
        return 34 + gap * (rank - 0.5)

    body = [
        '<text class="tick" x="64" y="16" text-anchor="middle">public rank</text>'
        '<text class="tick" x="220" y="16" text-anchor="middle">final rank</text>'
    ]
    names: dict[int, list[str]] = {}
    for team, public, final in shown:
        kind = "up" if final < public else "down" if final > public else "same"
        names.setdefault(final, []).append(team)
        body.append(
            f'<path class="slope {kind}" d="M76 {_n(y(public))}L208 {_n(y(final))}"/>'
            f'<circle class="slope {kind}" cx="76" cy="{_n(y(public))}" r="3.5"/>'
            f'<circle class="slope {kind}" cx="208" cy="{_n(y(final))}" r="3.5"/>'
            f'<text class="tick" x="64" y="{_n(y(public) + 4)}" text-anchor="end">{public}</text>'
        )
    last = -100.0
    for final, teams in sorted(names.items()):
        last = max(y(final), last + 14)
        body.append(
            f'<text class="label" x="220" y="{_n(last + 4)}">{final}  '
            f"{escape(clip(', '.join(teams), 28))}</text>"
        )
    climbed = sum(final < public for _, public, final in moves)
    fell = sum(final > public for _, public, final in moves)
    text = (
        f"Of {counted(len(moves), 'team')}, {climbed} climbed and {fell} fell between the public "
        f"and the final rank; {len(moves) - climbed - fell} kept theirs."
    )
    return _figure(_WIDTH, max(height, last + 24), name, title, text, "".join(body))


def motif_svg() -> str:
    """Return the ornament of the home page: a table of all modalities, its last labels hidden."""
    parts = []
    shapes = ("circle", "square", "ring", "diamond", "circle", "square")
    for row, (number, category, shape) in enumerate(
        zip((58, 34, 66, 22, 48, 30), (44, 30, 52, 36, 48, 32), shapes, strict=True)
    ):
        y = 14 + 42 * row
        first = (96, 78, 90, 70, 98, 84)[row]
        parts.append(
            f'<rect class="m-text" x="8" y="{y + 4}" width="{first}" height="5" rx="2.5"/>'
            f'<rect class="m-text faint" x="8" y="{y + 15}" width="{first * 2 // 3}" height="5" '
            f'rx="2.5"/><rect class="m-numeric" x="132" y="{y + 7}" width="{number}" height="10" '
            f'rx="2"/><rect class="m-categorical" x="226" y="{y + 4}" width="{category}" '
            f'height="16" rx="8"/>'
        )
        parts.append(_shape(shape, 316, y + 12))
        if row < 3:
            parts.append(
                f'<rect class="m-label" x="356" y="{y + 2}" width="56" height="20" rx="4"/>'
            )
        else:
            parts.append(
                f'<rect class="m-hidden" x="356.5" y="{y + 2.5}" width="55" height="19" rx="4"/>'
            )
        parts.append(f'<path class="grid" d="M0 {y + 33}H420"/>')
    return (
        '<svg class="motif" viewBox="0 0 420 264" width="420" height="264" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _shape(kind: str, x: float, y: float) -> str:
    if kind == "square":
        return f'<rect class="m-image" x="{x - 10}" y="{y - 10}" width="20" height="20" rx="4"/>'
    if kind == "diamond":
        return f'<path class="m-image" d="M{x} {y - 13}l13 13l-13 13l-13 -13z"/>'
    hollow = " hollow" if kind == "ring" else ""
    return f'<circle class="m-image{hollow}" cx="{x}" cy="{y}" r="{9 if hollow else 11}"/>'
