"""The first teams of a task, pair by pair: differences as `challenge compare` has them.

The vectors behind a difference are secret. So the differences are computed here, for the pairs of
the first teams; while a contest runs they are released and rounded as the scores are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

from markupsafe import Markup

from challenge.board.markup import (
    clip,
    figures_text,
    half_widths,
    interval_text,
    number_text,
    score_decimals,
)
from challenge.board.pages.page_frame import CARD, trusted
from challenge.board.pages.site_context import MarkedPage, SiteContext
from challenge.board.plots.interval_plot import axis_svg, interval_svg
from challenge.board.plots.scales import Scale, scale_for
from challenge.board.rules.board_rows import TaskRow
from challenge.errors import counted
from challenge.ledger.submissions.compare import shown_difference

__all__ = ["PAIRS", "compared_rows", "pair_name", "pairs_files"]

PAIRS = "compare.html"
_N_ROWS = 10


@dataclass(frozen=True)
class _Pair:
    """Two rows of a board, and the first minus the second with its paired 95 % interval."""

    a: TaskRow
    b: TaskRow
    value: float
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        return pair_name(self.a, self.b)

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def pair_name(a: TaskRow, b: TaskRow) -> str:
    """Return the id of the section of two teams, the one that is listed first before the other."""
    return f"{a.slug}_{b.slug}"


def compared_rows(context: SiteContext, task_id: str) -> tuple[TaskRow, ...]:
    """Return the rows of a board whose pairs are compared; none where there is one alone."""
    rows = context.task_boards[task_id].rows[:_N_ROWS]
    scored = tuple(row for row in rows if row.value is not None)
    return scored if len(scored) > 1 else ()


def pairs_files(context: SiteContext, folder: str, task_id: str) -> Iterator[MarkedPage]:
    """Yield the page of the pairs of a task, where there are some."""
    rows = compared_rows(context, task_id)
    if not rows:
        return
    path = f"{folder}/{PAIRS}"
    # Rows differ where vectors do: they state how far each team is behind, with its interval.
    around = _pairs_html(context, path, task_id, rows, ())
    yield MarkedPage(path, f"{around}{rows!r}", partial(_drawn, context, path, task_id, rows))


def _drawn(context: SiteContext, path: str, task_id: str, rows: Sequence[TaskRow]) -> str:
    pairs = []
    for a, b in combinations(rows, 2):
        found = shown_difference(context.snapshot, a.submission, b.submission)
        if found.value is not None:
            pairs.append(_Pair(a, b, found.value, found.low, found.high))
    return _pairs_html(context, path, task_id, rows, pairs)


def _pairs_html(
    context: SiteContext,
    path: str,
    task_id: str,
    rows: Sequence[TaskRow],
    pairs: Sequence[_Pair],
) -> str:
    board = context.task_boards[task_id]
    metric, title = board.metric, clip(board.title)
    decimals = score_decimals(
        metric,
        [row.value for row in rows],
        half_widths([(one.low, one.high) for one in pairs]),
    )
    ends = [end for one in pairs for end in (one.value, one.low, one.high)]
    scale = scale_for([0.0, *ends])
    by_name = {one.name: one for one in pairs}
    return context.frame.page(
        "pairs.html",
        path,
        title=f"{title}, pair by pair",
        summary=f"The first {counted(len(rows), 'team')} of {title}: differences and intervals.",
        card=f"{path.rpartition('/')[0]}/{CARD}",
        task=title,
        metric=metric,
        rows=rows,
        table=[
            [
                _cell(by_name.get(pair_name(*sorted((a, b), key=rows.index))), a, decimals)
                for b in rows
            ]
            for a in rows
        ],
        pairs=[
            {
                "name": one.name,
                "a": one.a,
                "b": one.b,
                "text": _sentence(one, metric.higher_is_better, decimals),
                "figures": [
                    number_text(figure, decimals)
                    for figure in (one.a.value, one.b.value, one.value)
                ],
                "interval": interval_text(one.low, one.high, decimals),
                "plot": _plot(scale, one, decimals),
                "numbers": f"{rows.index(one.a) + 1} {rows.index(one.b) + 1}",
            }
            for one in pairs
        ],
        axis=trusted(axis_svg(scale)),
        released=context.snapshot.subset == "public",
    )


def _cell(one: _Pair | None, a: TaskRow, decimals: int) -> dict[str, Any] | None:
    """Return row minus column; None on the diagonal, and where there is no difference."""
    if one is None:
        return None
    value = one.value if one.a is a else -one.value
    return {
        "name": one.name,
        "text": number_text(value, decimals),
        "message": _message(one, decimals),
        "sure": one.clear,
    }


def _message(one: _Pair, decimals: int) -> str:
    """Return the message of the mark of a pair."""
    a, b = clip(one.a.team_name, 32), clip(one.b.team_name, 32)
    return f"{a} minus {b}: {figures_text(one.value, one.low, one.high, None, decimals)}"


def _sentence(one: _Pair, higher_is_better: bool, decimals: int) -> str:
    a, b = clip(one.a.team_name, 48), clip(one.b.team_name, 48)
    gap = number_text(abs(one.value), decimals)
    if one.low is None:
        return f"No verdict: the difference of {gap} has no interval."
    better = a if (one.value > 0) is higher_is_better else b
    if one.clear:
        return f"{better} is better by {gap}: the interval of the difference leaves out 0."
    if not one.value:
        return "No clear difference: the scores are equal."
    return f"No clear difference: {better} is ahead by {gap}, and the interval contains 0."


def _plot(scale: Scale, one: _Pair, decimals: int) -> Markup:
    return trusted(
        interval_svg(
            scale,
            one.value,
            one.low,
            one.high,
            baseline_score=0.0,
            strong=one.clear,
            text=_message(one, decimals),
        )
    )
