"""What twice the data would bring, from scores at a quarter, a half and all of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from challenge.kinds.statistics.vector import Vector, spread

__all__ = ["SHARES", "twice_the_rows"]

SHARES = (0.25, 0.5, 1.0)
_DRAWS = 4_000


def twice_the_rows(
    values: Sequence[float], vectors: Sequence[Vector], bounds: tuple[float, float]
) -> tuple[float, float, float]:
    """Return the expected score at twice the rows, and its 95 % interval.

    Each doubling is taken to bring the same share of the doubling before it (0 to 1): a power law
    of the distance to the limit. The interval follows from the joint error of the three scores,
    whose covariances come from their vectors on the same rows.
    """
    variance = [spread(one).error ** 2 for one in vectors]
    covariance = np.diag(variance)
    for i in range(len(vectors)):
        for j in range(i):
            apart = spread(vectors[i] - vectors[j]).error ** 2
            covariance[i, j] = covariance[j, i] = (variance[i] + variance[j] - apart) / 2
    draws = np.random.default_rng(0).multivariate_normal(
        np.asarray(values), covariance, _DRAWS, method="eigh"
    )
    expected = float(_next(np.asarray(values)[None])[0])
    low, high = np.quantile(_next(draws), [0.025, 0.975])
    least, most = bounds
    clipped = (min(max(float(one), least), most) for one in (expected, low, high))
    return next(clipped), next(clipped), next(clipped)


def _next(scores: np.ndarray) -> np.ndarray:
    before, last = scores[:, 1] - scores[:, 0], scores[:, 2] - scores[:, 1]
    kept = np.clip(np.divide(last, before, out=np.zeros(len(last)), where=before != 0), 0.0, 1.0)
    # A last doubling that brought nothing promises nothing, whatever the one before it did.
    gain = np.where(last > 0, last * np.where(before > 0, kept, 1.0), 0.0)
    found: np.ndarray = scores[:, 2] + gain
    return found
