"""Two submissions side by side, on a page that needs no other file.

While a contest runs it is given, and shows, a released and rounded difference only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenge.board.markup import (
    clip,
    count_text,
    figures_text,
    half_widths,
    interval_text,
    number_text,
    of_unit_scale,
    rows_text,
    score_decimals,
)
from challenge.board.pages.page_frame import render_alone, trusted
from challenge.board.plots.interval_plot import axis_svg, interval_svg
from challenge.board.plots.scales import scale_for
from challenge.kinds import Kind
from challenge.ledger.submissions.compare import (
    ComparedSubmission,
    ReleasedDifference,
    verdict,
)
from challenge.scoring import Comparison
from challenge.scoring.statistics.comparison import Difference, PairedOutcomes
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
    own = Difference(result.a, result.b, result.value, result.low, result.high)
    return {
        "caption": "The public score",
        **_forest(kind, {result.metric: own}, result.metric),
        "outcomes": [],
        "upgrade": [],
        "step": f"{result.step:g}",
    }


def _rows(result: Comparison, kind: Kind) -> dict[str, Any]:
    every = [("All rows", result.outcomes), *((name, one) for _, name, one in result.slices)]
    return {
        "caption": f"Metrics on {rows_text(result.n, result.n_clusters, paired=kind.paired)}; "
        f"the score is {kind.metric(result.metric).title}",
        **_forest(kind, result.differences, result.metric),
        "outcomes_caption": "Decisions on the same rows; McNemar’s exact test: "
        f"p = {result.outcomes.p:.3g}",
        "outcomes": [_outcomes(name, one) for name, one in every],
        "upgrade": [] if result.upgrade is None else [_rate(one) for one in result.upgrade.rates],
        "flips": "" if result.upgrade is None else result.upgrade.lines()[0],
        "worst": [_outcomes(name, one) for name, one in result.worst_slices()],
        "step": "",
    }


def _forest(kind: Kind, differences: Mapping[str, Difference], primary: str) -> dict[str, Any]:
    """Return the rows of the metrics, the primary one first, and their differences drawn.

    Metrics within 0 to 1, or of which 1 is best, share the axis. 0, no difference, is on it.
    """
    drawn = {
        name
        for name, one in differences.items()
        if one.value is not None
        and (kind.metric(name).within_unit or of_unit_scale(kind.metric(name)))
    }
    known = [differences[name] for name in sorted(drawn)]
    ends = [end for one in known for end in (one.value, one.low, one.high)]
    scale = scale_for([0.0, *ends])
    rows = []
    for name in sorted(differences, key=lambda name: name != primary):
        one, metric = differences[name], kind.metric(name)
        decimals = 4
        if not of_unit_scale(metric):
            decimals = score_decimals(metric, [one.a, one.b], half_widths([(one.low, one.high)]))
        figures = [number_text(figure, decimals) for figure in (one.a, one.b, one.value)]
        interval = interval_text(one.low, one.high, decimals) or clip(one.reason or "", 200)
        ends_of = (one.value, one.low, one.high)
        strong = name == primary
        message = f"{metric.title}, a minus b: {figures_text(*ends_of, None, decimals)}"
        plot = interval_svg(scale, *ends_of, baseline_score=0.0, strong=strong, text=message)
        plot = plot if name in drawn else ""
        rows.append((metric.title, strong, figures, interval, trusted(plot)))
    return {"metrics": rows, "axis": trusted(axis_svg(scale) if drawn else "")}


def _rate(one: Rate) -> tuple[str, ...]:
    interval = interval_text(one.low, one.high, 4) or clip(one.reason or "", 200)
    return one.title, number_text(one.value, 4), interval


def _outcomes(name: str, one: PairedOutcomes) -> tuple[str, ...]:
    counts = (one.n, one.wins, one.losses, one.both_right, one.both_wrong)
    return name, *(count_text(count) for count in counts)
