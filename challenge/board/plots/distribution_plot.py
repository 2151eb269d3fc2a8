"""How scores are distributed: a column of entries over each range of scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from challenge.board.markup import clip, number_text
from challenge.board.plots.scales import Scale, round_step
from challenge.board.plots.svg_parts import (
    N_LIT,
    Spot,
    across_axis,
    figure_svg,
    px,
    spot_svg,
    tick_text,
)
from challenge.errors import counted

__all__ = ["distribution_svg"]

_WIDTH, _HEIGHT = 440.0, 284.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 24.0, 44.0
_N_RANGES = 20
_N_NAMED = 3


def distribution_svg(
    name: str,
    title: str,
    unit: str,
    scale: Scale,
    values: Sequence[float],
    names: Sequence[str],
    spots: Sequence[Spot],
    *,
    baseline_score: float | None = None,
) -> str:
    """Return columns of entries over ranges of scores; empty without any score.

    Scores outside of `scale` are in the first or the last range. `spots` are those of the first
    entries: where that is all, each entry is a mark of its own, else each range is one. `unit` is
    the name of the metric below the axis.
    """
    if not values:
        return ""
    step = round_step((scale.high - scale.low) / _N_RANGES)
    first, end = math.floor(scale.low / step + 1e-9), math.ceil(scale.high / step - 1e-9)
    ranges: dict[int, list[int]] = {}
    for i, value in enumerate(values):
        place = min(max(math.floor(value / step + 1e-9), first), end - 1)
        ranges.setdefault(place, []).append(i)
    most = max(map(len, ranges.values()))
    shown = Scale(first * step, end * step)
    one = (_HEIGHT - _TOP - _BOTTOM) / max(most, 4)

    def x(value: float) -> float:
        share = (value - shown.low) / (shown.high - shown.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    bottom = _HEIGHT - _BOTTOM
    behind = [*_counts(most, one), across_axis(shown, x, bottom, bottom + 4)]
    behind.append(
        f'<text class="tick" x="{px(_LEFT)}" y="{px(_HEIGHT - 8)}">{escape(clip(unit, 60))}</text>'
    )
    if baseline_score is not None and shown.low <= baseline_score <= shown.high:
        at = px(x(baseline_score))
        behind.append(f'<path class="baseline-score" d="M{at} {px(_TOP)}V{px(bottom)}"/>')
    for outside, edge, sign, anchor in (
        (min(values) < shown.low, _LEFT, "◂", "start"),
        (max(values) > shown.high, _WIDTH - _RIGHT, "▸", "end"),
    ):
        if outside:
            behind.append(
                f'<text class="tick" text-anchor="{anchor}" x="{px(edge)}" y="{px(bottom + 16)}">'
                f"{sign}</text>"
            )
    marks = []
    for place, members in sorted(ranges.items()):
        left, width = x(place * step) + 0.5, x((place + 1) * step) - x(place * step) - 1
        each = len(values) == len(spots)
        columns = (
            [(spots[i], 1) for i in members]
            if each
            else [(_of_range(place, (first, end), step, members, values, names), len(members))]
        )
        # The best of a range is on top of its column.
        low = bottom
        for spot, n in reversed(columns):
            high = low - n * one
            drawn = (
                f'<rect class="bin" x="{px(left)}" y="{px(high)}" width="{px(width)}" '
                f'height="{px(max(n * one - (0.8 if each else 0), 0.8))}"/>'
            )
            marks.append(spot_svg(spot, drawn, message_x=_LEFT))
            low = high
    ends = (min(values), max(values))
    text = (
        f"{counted(len(values), 'entry')} from {tick_text(ends[0], step / 10)} to "
        f"{tick_text(ends[1], step / 10)}; at most {most} in a range of {tick_text(step, step)}."
    )
    return figure_svg((_WIDTH, _HEIGHT), name, title, text, behind, marks)


def _counts(most: int, one: float) -> Iterator[str]:
    """Yield the grid of whole numbers of entries."""
    step = max(1, math.ceil(round_step(most / 4)))
    for n in range(step, max(most, 4) + 1, step):
        y = _HEIGHT - _BOTTOM - n * one
        yield (
            f'<path class="grid" d="M{px(_LEFT)} {px(y)}H{px(_WIDTH - _RIGHT)}"/>'
            f'<text class="tick" text-anchor="end" x="{px(_LEFT - 8)}" y="{px(y + 4)}">'
            f"{number_text(n, 0)}</text>"
        )


def _of_range(
    place: int,
    ends: tuple[int, int],
    step: float,
    members: Sequence[int],
    values: Sequence[float],
    names: Sequence[str],
) -> Spot:
    """Return the message of the mark of a range: how many entries, and the first of them."""
    low, high = place * step, (place + 1) * step
    between = f"from {tick_text(low, step)} to {tick_text(high, step)}"
    if place == ends[0] and min(values[i] for i in members) < low:
        between = f"up to {tick_text(high, step)}"
    elif place == ends[1] - 1 and max(values[i] for i in members) > high:
        between = f"from {tick_text(low, step)}"
    text = ", ".join(clip(names[i], 16) for i in members[:_N_NAMED])
    if len(members) > _N_NAMED:
        text += ", …"
    name = f"{counted(len(members), 'entry')} {between}"
    return Spot(name, text, rows=tuple(i + 1 for i in members if i < N_LIT))
