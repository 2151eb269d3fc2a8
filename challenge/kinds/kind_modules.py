"""What differs between kinds of task, one module a kind.

A kind says which metrics it has and how each is measured, re-weighted and floored; the modules
share the functions named in `KindModule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from challenge.kinds.base import Kind
    from challenge.kinds.scored_rows import Measured, ScoredRows
    from challenge.scoring.predictions import Predictions

__all__ = ["KindModule", "kind_module"]


class KindModule(Protocol):
    """The functions of a module of this folder."""

    METRICS: tuple[str, ...]

    def measure(self, part: ScoredRows, predictions: Predictions) -> dict[str, Measured]:
        """Return every metric of the kind, in the order of METRICS."""

    def replicates(
        self, part: ScoredRows, predictions: Predictions, metric: str, draws: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return a primary metric under each draw of group weights."""

    def baseline_score(self, part: ScoredRows, metric: str, majority: int) -> float | None:
        """Return the score of the trivial baseline."""

    def resolution(self, part: ScoredRows, metric: str) -> float:
        """Return what one row is worth."""

    def diagnostics(self, part: ScoredRows, predictions: Predictions) -> Mapping[str, float | None]:
        """Return figures that no rank depends on."""


def kind_module(kind: Kind) -> KindModule:
    """Return the module of a kind."""
    import importlib

    module: Any = importlib.import_module(f"challenge.kinds.metrics.{kind.name}_scores")
    checked: KindModule = module
    return checked
