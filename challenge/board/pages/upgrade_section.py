"""Flips on pages: the section of a submission, and the plot of error against flips of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from challenge.board.markup import (
    count_text,
    interval_text,
    number_text,
    small_interval,
    user_html,
)
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.score_plots import row_spot
from challenge.board.pages.site_context import SiteContext, board_decimals
from challenge.board.plots.flips_plot import Dot, trade_svg
from challenge.board.plots.svg_parts import N_LIT, Spot
from challenge.board.rules.board_rows import TaskRow
from challenge.board.rules.boards import TaskBoard
from challenge.board.rules.upgrades import Flips, front_of, reference_of
from challenge.errors import counted
from challenge.ledger.store.records import Submission

__all__ = ["trade_facts", "upgrade_facts"]

N_PLOTTED = N_LIT
_LEAST = 0.001
"""Smaller p-values are shown as below it."""


def upgrade_facts(
    context: SiteContext, submission: Submission, flips: Sequence[Flips]
) -> dict[str, Any] | None:
    """Return what the section shows; None where there is nothing to say."""
    if not context.kind(submission.task).has_right_answers:
        return None
    if context.snapshot.subset == "public":
        sentence = "Rows are compared after the close: until then, flips would reveal labels."
        return {"sentence": sentence, "body": ""}
    if not flips:
        return None
    decimals = 3 if context.snapshot.subset == "all" else 2
    return {
        "sentence": _sentence(flips[0]),
        "first": flips[0].against,
        "body": trusted("".join(_row(one, decimals) for one in flips)),
    }


def _sentence(flips: Flips) -> str:
    first = f"Against {' and '.join(flips.roles)}"
    if flips.negative is None or flips.positive is None:
        lost, won = (_percent(one) for one in (flips.rate.value or 0.0, flips.positive_rate))
        return f"{first}: {lost} of the rows became wrong, {won} right."
    lost, won = counted(flips.negative, "row"), count_text(flips.positive)
    return f"{first}: {lost} became wrong, {won} right."


def _row(flips: Flips, decimals: int) -> str:
    rate = flips.rate
    counts = (count_text(flips.negative), count_text(flips.positive))
    if flips.negative is None:
        counts = (_percent(rate.value or 0.0), _percent(flips.positive_rate))
    p = f"&lt; {number_text(_LEAST)}" if flips.p < _LEAST else number_text(flips.p)
    cells = (
        number_text(rate.value, decimals) + small_interval(rate.low, rate.high, decimals),
        *counts,
        number_text(flips.relative, 2),
        p,
    )
    return (
        f'<tr><th scope="row"><a href="{flips.against}.html">#{flips.against}</a> '
        f"{user_html(flips.team, 48)} "
        f'<small class="range">{", ".join(flips.roles)}</small></th>'
        + "".join(f'<td class="number">{cell}</td>' for cell in cells)
        + "</tr>"
    )


def _spot(row: TaskRow, number: int, reference: bool, decimals: int) -> Spot:
    """Return the message of the dot of an entry; `number` is that of its row."""
    spot = row_spot(row, number, "../../", decimals)
    flips = "the reference entry" if reference else f"flips {number_text(row.flips)}"
    return replace(spot, figures=f"{spot.figures}; error {number_text(row.error)}, {flips}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def trade_facts(context: SiteContext, board: TaskBoard) -> dict[str, Any] | None:
    """Return the plot of error against flips and its table; None without two such entries."""
    reference = reference_of(board.rows)
    shown = [row for row in board.rows[:N_PLOTTED] if row.error is not None]
    if reference is None or len(shown) < 2 or reference.error is None:
        return None
    if reference not in shown:
        shown.append(reference)
    front = front_of(shown)
    decimals = 3 if board.subset == "all" else 2
    dots = [
        Dot(
            row.team_name,
            row.flips or 0.0,
            row.error or 0.0,
            _spot(row, number, row is reference, board_decimals(board)),
            on_front=row in front,
            reference=row is reference,
        )
        for number, row in enumerate(shown, 1)
    ]
    return {
        "plot": trusted(trade_svg("trade", "Error against negative flips", dots)),
        "reference": reference,
        "n_front": len(front),
        "rows": [
            {
                "row": row,
                "error": number_text(row.error, decimals),
                "flips": number_text(row.flips, decimals),
                "interval": interval_text(row.flips_low, row.flips_high, decimals),
                "front": row in front,
            }
            for row in shown
        ],
    }
