"""k-way classification: each row belongs to one of k named classes."""

from __future__ import annotations

import math

from challenge.kinds.base import Kind, Metric

__all__ = ["KIND"]

INFINITE = (0.0, math.inf)


def _metrics() -> tuple[Metric, ...]:
    return (
        Metric("accuracy", "accuracy", primary=True),
        Metric("balanced_accuracy", "balanced accuracy", primary=True, classes_weigh_alike=True),
        Metric("macro_f1", "macro F1", primary=True, classes_weigh_alike=True),
        Metric("weighted_f1", "weighted F1", primary=True),
        Metric("mcc", "Matthews correlation", bounds=(-1.0, 1.0), primary=True),
        Metric("log_loss", "log loss", "probabilities", False, INFINITE),
        Metric("top_3_accuracy", "top-3 accuracy", "probabilities"),
        Metric("brier", "Brier score", "probabilities", False, (0.0, 2.0)),
        Metric("ece", "calibration error", "probabilities", False),
    )


KIND = Kind(
    name="classification",
    title="k-way classification",
    row="record",
    label="class",
    default_metric="macro_f1",
    even_metric="accuracy",
    load_metrics=_metrics,
)
