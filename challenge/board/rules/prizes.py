"""Which teams get the prize of a track, once its final scores are known.

Only teams that are not baselines and have a score on every task compete. The others are left out
of the comparison, so that a leading baseline does not decide who is tied with whom.

`TIE_RULES` says for readers what `award` does.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenge.board.rules.ties import compare_with_first
from challenge.kinds.statistics.vector import Vector

__all__ = ["TIE_RULES", "award"]

TIE_RULES = {
    "split": "shared by all competing teams that are statistically tied with the first of them",
    "earlier": "to the best final score; of equal scores, to the earlier entry",
}
"""Each value of `prize_tie`: who gets the prize of a track."""


def award(
    merits: NDArray[np.float64],
    vectors: Vector,
    competes: NDArray[np.bool_],
    tie: Literal["split", "earlier"],
) -> NDArray[np.float64]:
    """Return the share of the prize of each team, summing to 1 (or to 0 when nobody competes).

    `merits` and `vectors` are as for `compare_with_first`, in page order.

    >>> nothing = Vector(np.zeros((3, 2)), np.zeros((3, 0)))
    >>> award(np.array([0.9, 0.8, 0.8]), nothing, np.array([False, True, True]), "split")
    array([0. , 0.5, 0.5])
    >>> award(np.array([0.9, 0.8, 0.8]), nothing, np.array([False, True, True]), "earlier")
    array([0., 1., 0.])
    """
    shares = np.zeros(len(merits))
    competing = np.flatnonzero(competes)
    if not len(competing):
        return shares
    if tie == "earlier":
        shares[competing[0]] = 1.0
        return shares
    tied = compare_with_first(merits[competing], vectors.rows(competing)).tied_first
    shares[competing[tied]] = 1.0 / np.count_nonzero(tied)
    return shares
