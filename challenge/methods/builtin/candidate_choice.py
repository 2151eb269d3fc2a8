"""Whether the context of candidates helps on a task: decided on the train pairs, out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from challenge.features.context import record_codes
from challenge.methods.builtin.linear import out_of_fold
from challenge.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CandidateChoice", "candidate_groups", "choose_context"]

_FOLDS = 5
_LARGEST = 0.5
"""Largest share of the pairs in one group: above it, folds would be too unequal."""
_ERRORS = 2.0
"""Standard errors by which the log loss must fall."""
_LEAST = 1e-2
"""Least probability of a class: forests give 0 to what is only rare."""
_TREES = 100
_MISSING = -1e6
"""What trees read for a comparison that is missing: below all others."""


@dataclass(frozen=True)
class CandidateChoice:
    """Mean fall of the log loss with the context, in nats, and its standard error.

    `kept` says which candidates each fold keeps together.
    """

    gain: float
    error: float
    kept: str

    @property
    def helps(self) -> bool:
        """Whether the loss falls by more than twice the standard error."""
        return self.gain > _ERRORS * self.error

    def as_details(self) -> dict[str, object]:
        """Return what is stored with a submission."""
        return {
            "used": self.helps,
            "log_loss_gain": round(self.gain, 6),
            "standard_error": round(self.error, 6),
            "folds_keep": self.kept,
        }


def choose_context(
    task: Task,
    pairs: pd.DataFrame,
    compared: NDArray[Any],
    context: NDArray[Any],
    truth: NDArray[Any],
    seed: int,
) -> CandidateChoice:
    """Compare a forest on `compared` alone and with `context`, by log loss out of fold.

    All have a row for each of the `pairs`; `truth` is 0 or 1. The folds keep candidates together.
    """
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier

    groups, kept = candidate_groups(task, pairs)
    folds = _folds_of(groups)
    losses = []
    for rows in (compared, np.hstack([compared, context])):
        found = out_of_fold(
            lambda: ExtraTreesClassifier(
                _TREES, max_features=0.3, min_samples_leaf=3, random_state=seed
            ),
            np.nan_to_num(rows, nan=_MISSING),
            truth,
            folds,
            2,
        )
        losses.append(-np.log(np.maximum(found[np.arange(len(truth)), truth], _LEAST)))
    gains = losses[0] - losses[1]
    mean = float(gains.mean())
    error = float(np.sqrt((np.bincount(groups, gains - mean) ** 2).sum()) / len(gains))
    return CandidateChoice(mean, error, kept)


def candidate_groups(task: Task, pairs: pd.DataFrame) -> tuple[NDArray[Any], str]:
    """Return a group of each pair, such that candidates share it, and which candidates do.

    All pairs that records join are one group. If that joins more than half of the pairs, only the
    pairs of one left record are.
    """
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = (record_codes(task, pairs, side) for side in ("left", "right"))
    n_left, n = int(left.max()) + 1, int(left.max()) + int(right.max()) + 2
    links = coo_matrix((np.ones(len(left)), (left, n_left + right)), shape=(n, n))
    groups = connected_components(links, directed=False)[1][left]
    if np.bincount(groups).max() <= _LARGEST * len(groups):
        return groups, "all candidates"
    return left, "candidates of a left record"


def _folds_of(groups: NDArray[Any]) -> NDArray[Any]:
    """Return the fold of each row: the largest groups first, each into the smallest fold."""
    import numpy as np

    sizes = np.bincount(groups)
    fold, filled = np.zeros(len(sizes), np.int64), np.zeros(_FOLDS)
    for group in np.argsort(-sizes, kind="stable"):
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return np.asarray(fold[groups])
