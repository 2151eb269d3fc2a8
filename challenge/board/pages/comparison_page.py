"""Two submissions side by side: one page that stands alone, its section to be put anywhere.

What it shows is what it is given: while a contest runs that is a released, rounded difference.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources

from challenge.board.html_tables import Column, table_html
from challenge.board.markup import clip, count_text, interval_text, number_text, user_html
from challenge.kinds import metric_title
from challenge.ledger.submissions.compare import ReleasedDifference
from challenge.scoring import Comparison
from challenge.scoring.statistics.comparison import Difference, PairedOutcomes

__all__ = ["comparison_fragment", "comparison_page"]

_DECIMALS = 4
_Row = Sequence[str]


def comparison_page(result: Comparison | ReleasedDifference, a: int, b: int) -> str:
    """Return a whole HTML page, style included, that needs no other file and no network."""
    style = (resources.files("challenge.board") / "assets" / "site.css").read_text("utf-8")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    title = escape(clip(f"Submissions {a} and {b} of {result.task_id}", 120))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<main id="content">\n{comparison_fragment(result, a, b)}</main>\n</body>\n</html>\n'
    )


def comparison_fragment(result: Comparison | ReleasedDifference, a: int, b: int) -> str:
    """Return a section in the site's style; every value in it is escaped."""
    head = (
        f"<h1>Submission {a} against submission {b}</h1>\n"
        f"<p>Task {user_html(result.task_id)}. A difference is {a} minus {b}, with its paired "
        "95&nbsp;% interval: where that leaves out 0, the two differ.</p>\n"
    )
    parts = _released(result) if isinstance(result, ReleasedDifference) else _rows(result)
    return f'<section class="comparison" lang="en">\n{head}{parts}</section>\n'


def _released(result: ReleasedDifference) -> str:
    row = (
        escape(metric_title(result.metric)),
        number_text(result.a, _DECIMALS),
        number_text(result.b, _DECIMALS),
        number_text(result.value, _DECIMALS),
        interval_text(result.low, result.high, _DECIMALS),
    )
    return _table("metrics", "The public score", _METRIC_HEADS, [row]) + (
        f"<p>The contest runs: figures are rounded to {result.step:g}, and rows are not "
        "compared.</p>\n"
    )


_METRIC_HEADS = ("Metric", "a", "b", "a − b", "95 % interval")
_OUTCOME_HEADS = ("Rows", "n", "a alone right", "b alone right", "Both right", "Neither")


def _rows(result: Comparison) -> str:
    outcomes = result.outcomes
    slices = [("All rows", outcomes), *((name, outcomes) for _, name, outcomes in result.slices)]
    return "".join(
        (
            _table(
                "metrics",
                f"Metrics on {count_text(result.n)} rows in {count_text(result.n_clusters)} "
                f"clusters; the score is {escape(metric_title(result.metric))}",
                _METRIC_HEADS,
                [_metric(name, each) for name, each in result.differences.items()],
            ),
            _table(
                "rows",
                f"Decisions on the same rows; McNemar’s exact test: p = {outcomes.p:.3g}",
                _OUTCOME_HEADS,
                [_outcomes(name, each) for name, each in slices],
            ),
        )
    )


def _metric(name: str, each: Difference) -> _Row:
    interval = interval_text(each.low, each.high, _DECIMALS)
    return (
        escape(metric_title(name)),
        number_text(each.a, _DECIMALS),
        number_text(each.b, _DECIMALS),
        number_text(each.value, _DECIMALS),
        interval or escape(clip(each.reason or "", 200)),
    )


def _outcomes(name: str, outcomes: PairedOutcomes) -> _Row:
    counts = (outcomes.n, outcomes.wins, outcomes.losses, outcomes.both_right, outcomes.both_wrong)
    return (user_html(name), *(count_text(count) for count in counts))


def _table(name: str, caption: str, heads: Sequence[str], rows: Sequence[_Row]) -> str:
    columns = [
        Column[_Row](
            f"c{place}",
            head,
            lambda row, place=place: row[place],  # type: ignore[misc]
            kind="number" if place else "text",
            header=place == 0,
        )
        for place, head in enumerate(heads)
    ]
    return table_html(columns, rows, name=name, caption=caption) + "\n"
