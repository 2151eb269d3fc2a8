"""Write docs/metrics.md from the metrics of each kind: `python -m docs.metrics`."""

from __future__ import annotations

import math
from pathlib import Path

from challenge.kinds import KINDS, Kind, Metric, kind_of

__all__ = ["PAGE", "render"]

PAGE = Path(__file__).with_name("metrics.md")
_HEAD = """\
# Metrics

Made by `python -m docs.metrics` from the source; a test holds it complete. The rules page of a board has the same words for the kinds of its tasks.

*May decide* says where a metric can be `metric` of a task or a track in [challenge.toml](challenge-toml.md); the others are shown beside it.
"""  # noqa: E501


def render() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *map(_section, map(kind_of, KINDS))])


def _section(kind: Kind) -> str:
    rows = [
        f"| `{metric.name}` | {metric.title} | {metric.meaning} | {_range(metric)} "
        f"| {'higher' if metric.higher_is_better else 'lower'} | {_decides(metric)} |"
        for metric in kind.metrics.values()
    ]
    head = (
        "| metric | title | what it measures | range | better | may decide |\n" + "|---" * 6 + "|"
    )
    return "\n".join([f"## {kind.title[0].upper()}{kind.title[1:]}", "", head, *rows, ""])


def _range(metric: Metric) -> str:
    low, high = (f"{end:g}" for end in metric.bounds)
    if math.isinf(metric.bounds[0]):
        return "any" if math.isinf(metric.bounds[1]) else f"at most {high}"
    return f"{low} or more" if math.isinf(metric.bounds[1]) else f"{low} to {high}"


def _decides(metric: Metric) -> str:
    if metric.averaged:
        return "task, track"
    return "task" if metric.primary else "–"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
