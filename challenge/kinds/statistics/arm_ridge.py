"""A ridge regression of the reward for each arm of a log, from the rows in which it was shown.

All regressions are drawn towards the mean reward of the log, and share one penalty: the one whose
predictions out of fold have the least squared error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PENALTIES", "ArmRidge", "fit_arms", "out_of_fold"]

Floats = NDArray[np.float64]

PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Penalties that are tried: as many rows at the mean reward."""


@dataclass(frozen=True, eq=False)
class ArmRidge:
    """Coefficients (d + 1, k) of each arm, the intercept first, above the mean reward."""

    coefficients: Floats
    mean: float
    penalty: float

    def __call__(self, rows: Floats) -> Floats:
        """Return the expected reward of each arm in each row, (n, k), within [0, 1]."""
        found = self.mean + self.coefficients[0] + rows @ self.coefficients[1:]
        rewards: Floats = np.clip(found, 0.0, 1.0)
        return rewards


def fit_arms(
    rows: Floats,
    arms: NDArray[np.integer],
    rewards: Floats,
    n_arms: int,
    folds: NDArray[np.integer],
    penalties: Sequence[float] = PENALTIES,
) -> ArmRidge:
    """Fit on contexts (n, d), the arms shown (n,), rewards in [0, 1] (n,) and folds (n,).

    An arm without a row is expected to earn the mean. One fold: the largest penalty.
    """
    penalty = max(penalties)
    if len(penalties) > 1 and len(np.unique(folds)) > 1:
        errors = np.zeros(len(penalties))
        for inside, outside in _parts(folds):
            models = _fit(rows[inside], arms[inside], rewards[inside], n_arms, penalties)
            for index, model in enumerate(models):
                found = model(rows[outside])[np.arange(len(outside)), arms[outside]]
                errors[index] += float(((found - rewards[outside]) ** 2).sum())
        # Of equal errors the larger penalty: it claims less.
        penalty = penalties[len(errors) - 1 - int(np.argmin(errors[::-1]))]
    return _fit(rows, arms, rewards, n_arms, (penalty,))[0]


def out_of_fold(
    rows: Floats,
    arms: NDArray[np.integer],
    rewards: Floats,
    n_arms: int,
    folds: NDArray[np.integer],
) -> Floats:
    """Return expected rewards (n, k) of each row from a model that has not seen its fold."""
    found = np.full((len(rows), n_arms), rewards.mean())
    for inside, outside in _parts(folds):
        model = fit_arms(rows[inside], arms[inside], rewards[inside], n_arms, folds[inside])
        found[outside] = model(rows[outside])
    return found


def _parts(folds: NDArray[np.integer]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    present = np.unique(folds)
    if len(present) < 2:
        return []
    return [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in present]


def _fit(
    rows: Floats,
    arms: NDArray[np.integer],
    rewards: Floats,
    n_arms: int,
    penalties: Sequence[float],
) -> list[ArmRidge]:
    """Return a model for each penalty; one decomposition an arm serves all of them."""
    mean = float(rewards.mean())
    coefficients = np.zeros((len(penalties), rows.shape[1] + 1, n_arms))
    for arm in range(n_arms):
        shown = np.flatnonzero(arms == arm)
        if len(shown) == 0:
            continue
        own = np.column_stack([np.ones(len(shown)), rows[shown]])
        above = rewards[shown] - mean
        tall = own.shape[0] > own.shape[1]
        # The smaller of both products has the same solution.
        size, base = np.linalg.eigh(own.T @ own if tall else own @ own.T)
        size = np.maximum(size, 0.0)
        back = base if tall else own.T @ base
        moved = base.T @ (own.T @ above if tall else above)
        for index, penalty in enumerate(penalties):
            coefficients[index, :, arm] = back @ (moved / (size + penalty))
    return [
        ArmRidge(one, mean, penalty) for one, penalty in zip(coefficients, penalties, strict=True)
    ]
