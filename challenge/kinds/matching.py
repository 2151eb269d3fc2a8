"""Matching of record pairs: whether both records of a row are of one entity."""

from __future__ import annotations

from typing import Any

from challenge.kinds.base import Kind, Metric

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics.pairs import METRICS

    return METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.pairs import PairOutcome

    return PairOutcome


KIND = Kind(
    name="matching",
    title="matching of pairs",
    row="pair",
    label="match",
    default_metric="f1",
    load_metrics=_metrics,
    load_outcome=_outcome,
    paired=True,
    diagnostic_titles={
        "b_cubed_precision": "B-cubed precision",
        "b_cubed_recall": "B-cubed recall",
        "b_cubed_f1": "B-cubed F1",
        "intransitive_share": "intransitive share",
    },
)
