"""Escaped HTML out of plain values: the only way user-given text reaches a page.

The rows of long tables are made of these strings; templates draw everything around them (rows in
Jinja take ten times as long).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import lru_cache
from html import escape

from challenge.errors import counted
from challenge.kinds import Metric

__all__ = [
    "bytes_text",
    "clip",
    "count_text",
    "day_text",
    "escape",
    "figures_text",
    "folder_name",
    "half_widths",
    "interval_text",
    "metric_text",
    "minute_text",
    "number_text",
    "of_unit_scale",
    "plain",
    "rows_text",
    "score_decimals",
    "score_html",
    "seconds_text",
    "small_interval",
    "time_html",
    "user_html",
]

NAME_CAP = 80
_WINDOWS = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def plain(text: object) -> str:
    """Return the text on one line: control, direction and surrogate characters become a blank."""
    return _CONTROL.sub(" ", str(text)).strip()


def clip(text: object, cap: int = NAME_CAP) -> str:
    r"""Return the text on one line, at most `cap` characters; the last is … when it was cut.

    >>> clip("a\nb", 10), clip("abcdef", 4)
    ('a b', 'abc…')
    """
    line = plain(text)
    return line if len(line) <= cap else line[: cap - 1] + "…"


def user_html(text: object, cap: int = NAME_CAP) -> str:
    """Return user-given text as HTML: escaped, cut, and isolated from the direction around it.

    >>> user_html("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    return _user_html(str(text), cap)


@lru_cache(maxsize=1024)
def _user_html(text: str, cap: int) -> str:
    # Names of teams, tasks and methods come back on thousands of pages.
    return f"<bdi>{escape(clip(text, cap))}</bdi>"


def of_unit_scale(metric: Metric) -> bool:
    """Return whether 1 is the best value of a metric, so that its differences are shares of 1."""
    return metric.higher_is_better and metric.bounds[1] == 1.0


def metric_text(metric: Metric) -> str:
    """Return the title of a metric, with a note where lower is better.

    >>> from challenge.kinds import kind_of
    >>> metric_text(kind_of("matching").metric("log_loss"))
    'log loss (lower is better)'
    """
    return metric.title if metric.higher_is_better else f"{metric.title} (lower is better)"


def score_decimals(
    metric: Metric, values: Iterable[float | None], widths: Iterable[float] = ()
) -> int:
    """Return the decimals of scores: two figures of the median of the half-widths `widths`.

    Without intervals three figures of the largest score; at least three decimals where 1 is best.

    >>> from challenge.kinds import kind_of
    >>> f1 = kind_of("matching").metric("f1")
    >>> loss = kind_of("matching").metric("log_loss")
    >>> score_decimals(f1, [0.6], [0.028, 0.031]), score_decimals(f1, [0.6], [0.0031])
    (3, 4)
    >>> score_decimals(loss, [12.3]), score_decimals(loss, [12.3], [0.028]), score_decimals(f1, [])
    (1, 3, 3)
    """
    widths = sorted(width for width in widths if width and math.isfinite(width))
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if widths:
        decimals = 1 - math.floor(math.log10(widths[len(widths) // 2]))
    elif sizes and not of_unit_scale(metric):
        decimals = 2 - math.floor(math.log10(max(sizes)))
    else:
        decimals = 3
    return min(max(decimals, 3), 6) if of_unit_scale(metric) else min(max(decimals, 0), 12)


def half_widths(intervals: Iterable[tuple[float | None, float | None]]) -> list[float]:
    """Return the half-widths of the intervals that are known."""
    return [(high - low) / 2 for low, high in intervals if low is not None and high is not None]


def number_text(value: float | None, decimals: int = 3) -> str:
    """Return a figure without a leading zero, with a true minus sign; undefined is a dash.

    >>> number_text(0.605), number_text(-0.0301), number_text(1.0), number_text(None)
    ('.605', '−.030', '1.000', '–')
    >>> number_text(12.34, 1), number_text(-12345.6, 0)
    ('12.3', '−12,346')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.{decimals}f}".removeprefix("0" if decimals else "")
    return f"−{text}" if value < 0 and text.strip("0.") else text


def interval_text(low: float | None, high: float | None, decimals: int = 3) -> str:
    """Return an interval as people read it, an empty text when there is none.

    >>> interval_text(0.58, 0.631)
    '[.580, .631]'
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number_text(low, decimals)}, {number_text(high, decimals)}]"


def small_interval(low: float | None, high: float | None, decimals: int = 3) -> str:
    """Return an interval as HTML below its value, an empty text when there is none."""
    interval = interval_text(low, high, decimals)
    return f"<small>{interval}</small>" if interval else ""


def score_html(
    value: float | None, low: float | None, high: float | None, decimals: int = 3
) -> str:
    """Return a score with its interval as HTML."""
    return f"<b>{number_text(value, decimals)}</b>{small_interval(low, high, decimals)}"


def figures_text(
    value: float | None,
    low: float | None,
    high: float | None,
    at: datetime | None,
    decimals: int = 3,
) -> str:
    """Return a score with its interval and its time on one line, as marks of plots show it.

    >>> figures_text(0.605, 0.58, 0.631, datetime(2026, 3, 4, 9, 30))
    '.605 [.580, .631], 4 Mar 2026, 09:30 UTC'
    """
    score = f"{number_text(value, decimals)} {interval_text(low, high, decimals)}".strip()
    return f"{score}, {minute_text(at)}" if at else score


def folder_name(identifier: str) -> str:
    """Return a task's or track's folder: its id, unless Windows keeps that name for a device.

    >>> folder_name("icon-tag"), folder_name("con")
    ('icon-tag', 'con_')
    """
    return identifier + "_" if identifier in _WINDOWS else identifier


def count_text(n: float | None) -> str:
    """Return a count with commas between thousands; unknown is a dash.

    >>> count_text(119827), count_text(None)
    ('119,827', '–')
    """
    return "–" if n is None else f"{n:,}"


def rows_text(n: int, n_clusters: int | None, *, paired: bool) -> str:
    """Return how many rows a score is of, and in how many clusters they are.

    A pair lies between two clusters of records, so there can be more clusters than pairs.

    >>> rows_text(1, 1, paired=False), rows_text(1440, 300, paired=False)
    ('1 row', '1,440 rows in 300 independent clusters')
    >>> rows_text(109, 183, paired=True)
    '109 pairs of records from 183 clusters'
    """
    if paired and n_clusters:
        return f"{counted(n, 'pair')} of records from {counted(n_clusters, 'cluster')}"
    if not n_clusters or n_clusters == n:
        return counted(n, "row")
    return f"{counted(n, 'row')} in {counted(n_clusters, 'independent cluster')}"


def bytes_text(n: float) -> str:
    """Return a size as people read it.

    >>> bytes_text(1354060)
    '1.4 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            break
        n /= 1000
    return f"{n:.0f} {unit}" if unit == "bytes" or n >= 100 else f"{n:.1f} {unit}"


def seconds_text(seconds: float) -> str:
    """Return a duration as people read it.

    >>> seconds_text(4.2), seconds_text(95), seconds_text(7260)
    ('4.2 s', '1 min 35 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _utc(at: datetime) -> datetime:
    if at.tzinfo is timezone.utc:
        return at
    return at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)


def day_text(at: datetime) -> str:
    """Return `4 Mar 2026`, whatever the locale."""
    at = _utc(at)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def minute_text(at: datetime) -> str:
    """Return `4 Mar 2026, 09:30 UTC`."""
    at = _utc(at)
    return f"{day_text(at)}, {at.hour:02}:{at.minute:02} UTC"


def time_html(at: datetime, *, day: bool = False) -> str:
    """Return a <time> element: readable text, exact UTC instant as attribute."""
    at = _utc(at)
    text = day_text(at) if day else minute_text(at)
    exact = at.replace(microsecond=0, tzinfo=None).isoformat()
    return f'<time datetime="{exact}Z">{text}</time>'


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
