"""Presets of the reference entry: trees of its forest, rounds of its boosting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["MANY_CLASSES", "PRESETS", "Preset"]

MANY_CLASSES = 20
"""With more classes, boosting fits too many trees a round for its benefit."""


@dataclass(frozen=True)
class Preset:
    """The effort: frugal inputs or all, trees of a forest, rounds and rate of boosting.

    The forest considers `share` of the columns at each split; `stacked` adds a second layer.
    """

    frugal: bool
    n_trees: int
    share: float
    n_rounds: int
    rate: float
    stacked: bool = False

    def models(
        self, n_classes: int, seed: int = 0, leaves: int = 31, learning_rate_scale: float = 1.0
    ) -> dict[str, Any]:
        """Return AutoGluon's hyperparameters; boosted trees have `leaves`."""
        trees = {
            "n_estimators": self.n_trees,
            "max_features": self.share,
            "random_state": seed,
            # Out-of-bag rows would split the groups that the folds keep together.
            "ag_args_ensemble": {"use_child_oof": False},
        }
        models: dict[str, Any] = {"XT": trees}
        if n_classes > MANY_CLASSES:
            return models
        boosting = {
            "learning_rate": self.rate * learning_rate_scale,
            "num_boost_round": self.n_rounds,
            "num_leaves": leaves,
            "feature_fraction": 0.5,
            "seed": seed,
        }
        # Small trees on few columns make other errors than large ones.
        small = {
            **boosting,
            "num_leaves": min(leaves, 8),
            "feature_fraction": 0.2,
            "ag_args": {"name_suffix": "Small"},
        }
        return {"GBM": [boosting] if self.frugal else [boosting, small], **models}


PRESETS = {
    "fast": Preset(frugal=True, n_trees=50, share=0.1, n_rounds=100, rate=0.1),
    "default": Preset(frugal=False, n_trees=200, share=0.3, n_rounds=300, rate=0.05),
    "best": Preset(frugal=False, n_trees=500, share=0.3, n_rounds=1000, rate=0.03, stacked=True),
}
