"""Predictions to a score: reading and checking, kinds, metrics, intervals, comparison."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from challenge.scoring.canonical import write_predictions
    from challenge.scoring.check import read_predictions
    from challenge.scoring.predictions import Predictions, Probabilities

__all__ = ["Predictions", "Probabilities", "read_predictions", "write_predictions"]

_MODULES = {
    "Predictions": "predictions",
    "Probabilities": "predictions",
    "read_predictions": "check",
    "write_predictions": "canonical",
}


def __getattr__(name: str) -> Any:
    # numpy is loaded when a name is first used, so that the command line starts quickly.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
