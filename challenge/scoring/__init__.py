"""Predictions to a score: reading and checking, kinds, metrics, intervals, comparison."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from challenge.scoring.confusion import confusion_counts
    from challenge.scoring.predictions import Predictions, Probabilities
    from challenge.scoring.reading.canonical import content_digest, write_predictions
    from challenge.scoring.reading.check import read_predictions
    from challenge.scoring.score import (
        SCORER_VERSION,
        MetricValue,
        Score,
        baseline_score,
        require_train,
        score_on_train,
        score_predictions,
    )
    from challenge.scoring.statistics.comparison import (
        Comparison,
        Difference,
        PairedOutcomes,
        compare_on_train,
        compare_predictions,
    )

__all__ = [
    "SCORER_VERSION",
    "Comparison",
    "Difference",
    "MetricValue",
    "PairedOutcomes",
    "Predictions",
    "Probabilities",
    "Score",
    "baseline_score",
    "compare_on_train",
    "compare_predictions",
    "confusion_counts",
    "content_digest",
    "read_predictions",
    "require_train",
    "score_on_train",
    "score_predictions",
    "write_predictions",
]

_MODULES = {
    "Comparison": "statistics.comparison",
    "Difference": "statistics.comparison",
    "PairedOutcomes": "statistics.comparison",
    "compare_on_train": "statistics.comparison",
    "compare_predictions": "statistics.comparison",
    "SCORER_VERSION": "score",
    "MetricValue": "score",
    "Score": "score",
    "baseline_score": "score",
    "require_train": "score",
    "score_on_train": "score",
    "score_predictions": "score",
    "Predictions": "predictions",
    "Probabilities": "predictions",
    "read_predictions": "reading.check",
    "content_digest": "reading.canonical",
    "confusion_counts": "confusion",
    "write_predictions": "reading.canonical",
}


def __getattr__(name: str) -> Any:
    # numpy is loaded when a name is first used, so that the command line starts quickly.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
