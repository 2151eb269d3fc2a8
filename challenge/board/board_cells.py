"""The cells of the boards: a row's value in one column, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from challenge.board.markup import (
    clip,
    figures_text,
    number_text,
    score_html,
    small_interval,
    time_html,
    user_html,
)
from challenge.board.plots.interval_plot import interval_svg
from challenge.board.plots.scales import Scale
from challenge.board.rules.board_rows import Standing, TaskRow, TrackRow
from challenge.errors import counted
from challenge.kinds import Metric

__all__ = [
    "Look",
    "behind_cell",
    "coverage_cell",
    "flips_cell",
    "method_cell",
    "plot_cell",
    "prize_cell",
    "public_cell",
    "range_cell",
    "rank_cell",
    "row_link",
    "score_cell",
    "when_cell",
]


@dataclass(frozen=True)
class Look:
    """How the cells of one board are drawn; `decimals` and `titles` of tasks are by task."""

    metric: Metric
    rows: Sequence[Any]
    root: str
    decimals: int
    scale: Scale
    band: tuple[float, float] | None = None
    baseline_score: float | None = None
    task_decimals: Mapping[str, int] | None = None
    task_titles: Mapping[str, str] | None = None
    linked: bool = True
    prize: bool = False
    awarded: bool = False
    """Whether it is known who won the prize."""


def rank_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `rank`."""
    if row.rank is None:
        return '<span class="rank none" title="no score, no rank">–</span>'
    note = '<span class="hidden"> (tied with the first)</span>' if row.tied_first else ""
    return f'<span class="rank">{row.rank}</span>{note}'


def _team_html(row: Standing, look: Look, below: str) -> str:
    base = ' <span class="tag">baseline</span>' if row.baseline else ""
    return (
        f'<a class="team" href="{look.root}team/{escape(row.slug)}/index.html">'
        f"{user_html(row.team_name, 64)}</a>{base}{below}"
    )


def row_link(row: Standing, root: str) -> str:
    """Return the address of what a row is about: its submission, on a track its team."""
    if isinstance(row, TaskRow):
        return f"{root}submission/{row.submission}.html"
    return f"{root}team/{escape(row.slug)}/index.html"


def method_cell(row: TaskRow, look: Look) -> str:
    """Return the cell of the column `method`."""
    method = (
        f'<a class="method" href="{row_link(row, look.root)}">'
        f"{user_html(row.method or 'no name', 90)}</a>"
    )
    if row.by_agent:
        method += ' <span class="tag">by an agent</span>'
    if row.note:
        method += f'<span class="method parts">{user_html(row.note, 160)}</span>'
    return _team_html(row, look, method)


def coverage_cell(row: TrackRow, look: Look) -> str:
    """Return the cell of the column `coverage`."""
    notes = []
    if row.n_entered < row.n_tasks:
        notes.append(f"{row.n_entered} of {counted(row.n_tasks, 'task')}")
    if look.prize and not row.eligible and not row.baseline:
        notes.append("not eligible")
    html = f'<span class="method">{" · ".join(notes)}</span>' if notes else ""
    if row.prize:
        html += f'<span class="prize">{user_html(row.prize, 160)}</span>'
    return _team_html(row, look, html)


def prize_cell(row: TrackRow, look: Look) -> str:
    """Return the cell of the column `prize`."""
    if look.awarded:
        return "won" if row.prize else "no"
    return "eligible" if row.eligible else "no"


def score_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `score`."""
    if row.value is None:
        reason = escape((row.reason if isinstance(row, TaskRow) else None) or "no score")
        return f'<span class="undefined">– <small class="reason">{reason}</small></span>'
    return score_html(row.value, row.low, row.high, look.decimals)


def behind_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `behind`."""
    if row.behind is None:
        return "–"
    return number_text(row.behind, look.decimals) + small_interval(
        row.behind_low, row.behind_high, look.decimals
    )


def plot_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `plot`."""
    drawn = interval_svg(
        look.scale,
        row.value,
        row.low,
        row.high,
        band=look.band,
        baseline_score=look.baseline_score,
        strong=row.tied_first,
        text=f"{clip(row.team_name, 48)}: "
        + figures_text(row.value, row.low, row.high, row.at, look.decimals),
    )
    if not look.linked:
        return drawn
    # The keyboard has the same link beside it.
    return f'<a href="{row_link(row, look.root)}" tabindex="-1" aria-hidden="true">{drawn}</a>'


def range_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `range`."""
    if row.rank_low is None or row.rank_high is None:
        return "–"
    same = row.rank_low == row.rank_high
    return f"{row.rank_low}" if same else f"{row.rank_low}–{row.rank_high}"


def public_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `public`."""
    if row.public_rank is None:
        return "–"
    if row.rank is None or row.rank == row.public_rank:
        return f"{row.public_rank}"
    up = row.rank < row.public_rank
    arrow, direction = ("▲", "up") if up else ("▼", "down")
    steps = abs(row.rank - row.public_rank)
    return (
        f'{row.public_rank} <span class="{direction}"><span aria-hidden="true">{arrow}</span>'
        f'<span class="hidden">{direction} </span>{steps}</span>'
    )


def flips_cell(row: TaskRow, look: Look) -> str:
    """Return the cell of the column `flips`."""
    return number_text(row.flips) + small_interval(row.flips_low, row.flips_high)


def when_cell(row: Standing, look: Look) -> str:
    """Return the cell of the column `when`."""
    return time_html(row.at, day=True) if row.at else "–"
