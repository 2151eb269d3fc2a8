"""Matching of record pairs: whether both records of a row are of one entity."""

from __future__ import annotations

import math

from challenge.kinds.base import Kind, Metric

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    return (
        Metric("f1", "F1", primary=True, units="n_positive_clusters"),
        Metric("precision", "precision"),
        Metric("recall", "recall"),
        Metric("average_precision", "average precision", "scores", primary=True),
        Metric("roc_auc", "ROC AUC", "scores", primary=True),
        Metric("log_loss", "log loss", "scores", False, (0.0, math.inf)),
    )


KIND = Kind(
    name="matching",
    title="matching of pairs",
    row="pair",
    label="match",
    default_metric="f1",
    load_metrics=_metrics,
    paired=True,
    diagnostic_titles={
        "b_cubed_precision": "B-cubed precision",
        "b_cubed_recall": "B-cubed recall",
        "b_cubed_f1": "B-cubed F1",
        "intransitive_share": "intransitive share",
    },
)
