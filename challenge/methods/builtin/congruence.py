"""How much of an earlier model to keep, so that few rows that it had right become wrong.

The blend is the weighted geometric mean of both models' probabilities. Its weight is chosen out of
fold: of the weights whose score is at least that of the new model alone, the one with the fewest
negative flips (Yan et al., "Positive-Congruent Training", CVPR 2021, ensembles of old and new).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WEIGHTS", "EarlierWeight", "blend_with_earlier", "choose_weight"]

WEIGHTS = tuple(step / 20 for step in range(11))
"""Weights of the earlier model: at most a half, so that the new one is never the lesser part."""

_LEAST = 1e-6
"""Least probability: of an earlier model that is sure, none is 0."""


@dataclass(frozen=True)
class EarlierWeight:
    """The weight of the earlier model, and score and negative flip rate without and with it."""

    weight: float
    score_before: float
    score: float
    flips_before: float
    flips: float

    def as_details(self) -> dict[str, object]:
        """Return what is stored with a submission."""
        return {
            "weight_of_earlier": self.weight,
            "out_of_fold_upgrade": {
                "score": {"before": round(self.score_before, 6), "after": round(self.score, 6)},
                "negative_flip_rate": {
                    "before": round(self.flips_before, 6),
                    "after": round(self.flips, 6),
                },
            },
        }


def blend_with_earlier(new: NDArray[Any], earlier: NDArray[Any], weight: float) -> NDArray[Any]:
    """Return the geometric mean of two tables of probabilities (n, k); rows sum to 1.

    >>> import numpy as np
    >>> new, earlier = np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])
    >>> blend_with_earlier(new, earlier, 0.5).round(3).tolist()
    [[0.5, 0.5]]
    """
    import numpy as np

    logs = (1 - weight) * np.log(np.maximum(new, _LEAST))
    logs += weight * np.log(np.maximum(earlier, _LEAST))
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def choose_weight(
    new: NDArray[Any],
    earlier: NDArray[Any],
    right: NDArray[Any],
    truth: NDArray[Any],
    decide: Callable[[NDArray[Any]], tuple[NDArray[Any], float]],
) -> EarlierWeight:
    """Choose the weight on out-of-fold probabilities (n, k); of equal flips the least.

    `right` (n,) marks the rows that the earlier model has right. `decide` returns the decided
    classes of probabilities, and their score, higher is better.
    """
    found = []
    for weight in WEIGHTS:
        decided, score = decide(blend_with_earlier(new, earlier, weight))
        found.append((float((right & (decided != truth)).mean()), weight, score))
    flips_before, _, score_before = found[0]
    flips, weight, score = min(one for one in found if one[2] >= score_before)
    return EarlierWeight(weight, score_before, score, flips_before, flips)
