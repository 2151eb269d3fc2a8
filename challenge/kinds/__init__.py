"""What can be predicted and how it is judged: one module a kind, each with its `KIND`."""

from __future__ import annotations

from challenge.kinds.base import KINDS, Kind, LabelType, Metric, Need, Undefined, kind_of

__all__ = [
    "KINDS",
    "Kind",
    "LabelType",
    "Metric",
    "Need",
    "Undefined",
    "kind_of",
    "kind_with",
    "metric_title",
]


def kind_with(label: LabelType) -> Kind:
    """Return the first kind whose truth is of this type; every type has one."""
    return next(kind for kind in map(kind_of, KINDS) if kind.label == label)


def metric_title(name: str) -> str:
    """Return a metric or diagnostic as people write it, whichever kind it belongs to.

    >>> metric_title("macro_f1"), metric_title("b_cubed_f1"), metric_title("clear_gap")
    ('macro F1', 'B-cubed F1', 'clear gap')
    """
    for kind in map(kind_of, KINDS):
        if name in kind.metrics:
            return kind.metrics[name].title
        if name in kind.diagnostic_titles:
            return kind.diagnostic_titles[name]
    return name.replace("_", " ")
