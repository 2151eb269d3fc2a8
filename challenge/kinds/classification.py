"""k-way classification: each row belongs to one of k named classes."""

from __future__ import annotations

from typing import Any

from challenge.kinds.base import Kind, Metric

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics import labels, probabilities

    return labels.METRICS + probabilities.METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.probabilities import ClassOutcome

    return ClassOutcome


KIND = Kind(
    name="classification",
    title="k-way classification",
    row="record",
    label="class",
    default_metric="macro_f1",
    even_metric="accuracy",
    load_metrics=_metrics,
    load_outcome=_outcome,
)
