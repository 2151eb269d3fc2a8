"""Two submissions side by side, on a page that needs no other file.

While a contest runs it is given, and shows, a released and rounded difference only.
"""

from __future__ import annotations

from typing import Any

from challenge.board.markup import (
    clip,
    count_text,
    half_widths,
    interval_text,
    number_text,
    of_unit_scale,
    rows_text,
    score_decimals,
)
from challenge.board.pages.page_frame import render_alone
from challenge.kinds import Kind, Metric
from challenge.ledger.submissions.compare import (
    ComparedSubmission,
    ReleasedDifference,
    verdict,
)
from challenge.scoring import Comparison
from challenge.scoring.statistics.comparison import PairedOutcomes
from challenge.scoring.statistics.upgrade import Rate

__all__ = ["comparison_page"]


def comparison_page(
    result: Comparison | ReleasedDifference,
    kind: Kind,
    a: ComparedSubmission,
    b: ComparedSubmission,
) -> str:
    """Return a whole HTML page that needs no other file and no network."""
    metric = kind.metric(result.metric)
    return render_alone(
        "comparison.html",
        f"Submissions {a.id} and {b.id} of {result.task_id}",
        a=a,
        b=b,
        result=result,
        verdict=verdict(result, metric, a.title, b.title),
        lower=not metric.higher_is_better,
        **(
            _released(result, kind)
            if isinstance(result, ReleasedDifference)
            else _rows(result, kind)
        ),
    )


def _released(result: ReleasedDifference, kind: Kind) -> dict[str, Any]:
    row = _figures(
        kind.metric(result.metric), result.a, result.b, result.value, result.low, result.high
    )
    return {
        "caption": "The public score",
        "metrics": [row],
        "outcomes": [],
        "upgrade": [],
        "step": f"{result.step:g}",
    }


def _rows(result: Comparison, kind: Kind) -> dict[str, Any]:
    every = [("All rows", result.outcomes), *((name, one) for _, name, one in result.slices)]
    return {
        "caption": f"Metrics on {rows_text(result.n, result.n_clusters, paired=kind.paired)}; "
        f"the score is {kind.metric(result.metric).title}",
        "metrics": [
            _figures(kind.metric(name), one.a, one.b, one.value, one.low, one.high, one.reason)
            for name, one in result.differences.items()
        ],
        "outcomes_caption": "Decisions on the same rows; McNemar’s exact test: "
        f"p = {result.outcomes.p:.3g}",
        "outcomes": [_outcomes(name, one) for name, one in every],
        "upgrade": [] if result.upgrade is None else [_rate(one) for one in result.upgrade.rates],
        "flips": "" if result.upgrade is None else result.upgrade.lines()[0],
        "worst": [_outcomes(name, one) for name, one in result.worst_slices()],
        "step": "",
    }


def _figures(
    metric: Metric,
    a: float | None,
    b: float | None,
    difference: float | None,
    low: float | None,
    high: float | None,
    reason: str | None = None,
) -> tuple[str, ...]:
    decimals = 4
    if not of_unit_scale(metric):
        decimals = score_decimals(metric, [a, b], half_widths([(low, high)]))
    figures = (number_text(figure, decimals) for figure in (a, b, difference))
    interval = interval_text(low, high, decimals) or clip(reason or "", 200)
    return metric.title, *figures, interval


def _rate(one: Rate) -> tuple[str, ...]:
    interval = interval_text(one.low, one.high, 4) or clip(one.reason or "", 200)
    return one.title, number_text(one.value, 4), interval


def _outcomes(name: str, one: PairedOutcomes) -> tuple[str, ...]:
    counts = (one.n, one.wins, one.losses, one.both_right, one.both_wrong)
    return name, *(count_text(count) for count in counts)
