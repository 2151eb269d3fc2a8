"""Which teams can be distinguished: simultaneous paired intervals, rank intervals, ties.

For each team i, all differences (j minus i) get one 95 % interval together: estimate ± c_i × the
standard error of that difference, where c_i is a quantile of the studentised maximum over all j
of the replicates of the differences (one for each tail). They hold for *all* j at once, so also
for the leader, which was picked by its score.

- Rank interval of i: 1 + teams significantly better, to all minus those significantly worse
  (marginal sets of Mogstad, Romano, Shaikh and Wilhelm, "Inference for Ranks", Review of Economic
  Studies 2024).
- Tied with the first: the interval of leader minus i holds 0. Let i be the true best. Then every
  true difference (j minus i) is at most 0, so i is left out only if one of its intervals misses
  the truth: at most 2.5 % of the time (one-sided form of Hsu's comparisons with the best, 1984).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ties", "centre", "compare_with_first"]

_TAIL = 0.025
_SAME = 1e-9
"""A smaller standard error is float32 rounding: the two sets of predictions score the same."""
_SLACK = 3.0
"""Added to a critical value, divided by the root of the number of draws: the error of the centre of
the draws. When few rows differ (4 against 0) an end is 0 itself, and the draws must not decide on
which side of it."""


@dataclass(frozen=True)
class Ties:
    """For each entry, in the given order: its rank interval and how far the leader is ahead.

    `behind_*` are NaN where the entry or the leader has no noise, and for the leader itself.
    """

    rank_low: NDArray[np.int64]
    rank_high: NDArray[np.int64]
    tied_first: NDArray[np.bool_]
    behind: NDArray[np.float64]
    behind_low: NDArray[np.float64]
    behind_high: NDArray[np.float64]


def centre(replicates: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the noise of each row of replicates: its differences from the row's mean.

    A row with a value that is not finite becomes NaN as a whole: its noise is unknown.

    >>> centre(np.array([[0.25, 0.75], [0.5, np.nan]]))
    array([[-0.25,  0.25],
           [  nan,   nan]])
    """
    noise: NDArray[np.float64] = np.array(replicates, dtype=np.float64)
    noise -= noise.mean(axis=1, keepdims=True)
    noise[~np.isfinite(noise).all(axis=1)] = np.nan
    return noise


def compare_with_first(
    merits: NDArray[np.float64], noise: NDArray[np.float64], n_all: int | None = None
) -> Ties:
    """Compare every entry with every other by paired noise; return rank intervals and ties.

    `merits` (n,) are finite, largest first. `noise` (n, draws) is centred, the same draws for all
    (row b of one entry belongs to row b of another), NaN where unknown. `n_all` >= n is the
    size of the whole board when only its top is given; the critical values are then widened by
    the ratio of normal quantiles, and ranks can fall to `n_all`.

    An entry of unknown noise is distinguished from none: rank 1 to last, tied with the first.
    Equal scores with equal noise (the same predictions) tie exactly.
    """
    n = len(merits)
    n_all = n if n_all is None else n_all
    lower, upper = _differences(merits, noise, _widening(n, n_all))
    significantly_better = np.count_nonzero(lower > 0, axis=1)
    significantly_worse = np.count_nonzero(upper < 0, axis=1)
    behind = merits[:1].repeat(n) - merits
    behind_low, behind_high = (ends[:, :1].flatten() for ends in (lower, upper))
    behind_low[:1] = behind_high[:1] = np.nan
    tied = ~(behind_low > 0)
    rank_low = np.where(tied, 1, 1 + significantly_better)
    return Ties(rank_low, n_all - significantly_worse, tied, behind, behind_low, behind_high)


def _differences(
    merits: NDArray[np.float64], noise: NDArray[np.float64], widening: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the intervals of (entry j minus entry i) at [i, j]; NaN where unknown.

    The intervals of one row are simultaneous.
    """
    n = len(merits)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(noise).all(axis=1))
    estimate = np.where(known & known[:, None], merits - merits[:, None], np.nan)
    spread = np.zeros((n, n))
    highest, lowest = np.zeros(noise.shape), np.zeros(noise.shape)
    # New memory for every i took half the time.
    room = np.empty(noise.shape)
    for i in np.flatnonzero(known):
        moved = np.subtract(noise, noise[i], out=room)
        error = np.sqrt(np.einsum("jb,jb->j", moved, moved) / moved.shape[1])
        differs = known & (error > _SAME)
        if not differs.any():
            continue
        spread[i] = np.where(differs, error, 0.0) * widening
        studentised = np.divide(moved, np.where(differs, error, 1.0)[:, None], out=room)
        # Rows that do not differ must not count: a copy of one that does changes no extreme.
        studentised[~differs] = studentised[np.argmax(differs)]
        studentised.max(axis=0, out=highest[i])
        studentised.min(axis=0, out=lowest[i])
    # Noise is the excess of an estimate: the upper tail decides the lower end.
    slack = _SLACK / np.sqrt(noise.shape[1])
    too_much = np.maximum(0.0, np.quantile(highest, 1 - _TAIL, axis=1)) + slack
    too_little = np.maximum(0.0, -np.quantile(lowest, _TAIL, axis=1)) + slack
    return estimate - too_much[:, None] * spread, estimate + too_little[:, None] * spread


def _widening(n: int, n_all: int) -> float:
    """Return how much larger the critical value of n_all - 1 comparisons is than that of n - 1."""
    if n_all <= n or n < 2:
        return 1.0
    quantiles = [NormalDist().inv_cdf((1 - _TAIL) ** (1 / (m - 1))) for m in (n, n_all)]
    return quantiles[1] / quantiles[0]
