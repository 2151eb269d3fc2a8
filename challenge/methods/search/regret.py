"""When a search may stop: what it can still gain is less than cross-validation can show.

The rule of Makarova et al. (2022, "Automatic Termination for Hyperparameter Optimization",
section 3): a Gaussian process is fitted on the better half of the trials; its confidence bounds
bound the regret, and the search stops once that is below the statistical error of the best
trial's score. Scores are maximised here, so bounds change sides against the paper's losses.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MIN_TRIALS",
    "PATIENCE",
    "confidence_width",
    "fit_process",
    "fold_error",
    "posterior",
    "regret_bound",
    "stagnates",
]

MIN_TRIALS = 20
"""No rule stops earlier: bounds of a process that saw less are not worth the name."""
PATIENCE = 10
"""Finished trials without a better one after which `stagnation` stops."""
_DELTA = 0.1
"""The bounds hold together with at least probability 1 - delta."""


def confidence_width(n_trials: int, n_dimensions: int) -> float:
    """Return sqrt(beta_t), the predictive deviations from the mean to a confidence bound.

    beta_t = 2 ln(d t² π² / (6 δ)) / 5 with t trials, d dimensions and δ = 0.1 (Makarova et al.
    2022, section 3.2, who divide the theory's beta by five as usual).

    >>> round(confidence_width(20, 2), 4)
    1.9478
    """
    inside = n_dimensions * n_trials**2 * math.pi**2 / (6 * _DELTA)
    return math.sqrt(2 * math.log(inside) / 5)


def fold_error(scores: Sequence[float]) -> float:
    """Return the statistical error of a mean over k >= 2 folds, in the scores' unit.

    sqrt((1/k + 1/(k - 1)) s²), s² the unbiased variance over the folds (Nadeau and Bengio 2003,
    section 3): folds share training rows, so s²/k alone would be too small.

    >>> round(fold_error([0.5, 0.6, 0.7]), 6)
    0.091287
    """
    k = len(scores)
    mean = sum(scores) / k
    variance = sum((score - mean) ** 2 for score in scores) / (k - 1)
    return math.sqrt((1 / k + 1 / (k - 1)) * variance)


def stagnates(values: Sequence[float]) -> bool:
    """Return whether the last PATIENCE values bring nothing above the best before them."""
    if len(values) < max(MIN_TRIALS, PATIENCE + 1):
        return False
    return max(values[-PATIENCE:]) <= max(values[:-PATIENCE])


def regret_bound(
    points: NDArray[Any],
    values: Sequence[float],
    n_dimensions: int,
    candidates: NDArray[Any],
) -> float:
    """Return the most that the search can still gain with high probability, in the scores' unit.

    The largest upper bound over the space less the largest lower bound over the trials seen.
    `points` (t, c) are the coordinates of the trials, `candidates` (m, c) cover the space. The
    better half of the trials, of equals the earlier, decides the process's parameters. All of
    that half alike: nothing can be gained, 0.
    """
    import numpy as np

    scores = np.asarray(values, np.float64)
    better = np.argsort(-scores, kind="stable")[: math.ceil(len(scores) / 2)]
    if scores[better].min() == scores[better].max():
        return 0.0
    spread = float(scores[better].std())
    process = fit_process(points, (scores - scores[better].mean()) / spread, better)
    width = confidence_width(len(scores), n_dimensions)
    mean, deviation = posterior(process, np.vstack([points, candidates]))
    lower = (mean - width * deviation)[: len(points)].max()
    upper = (mean + width * deviation).max()
    return float(upper - lower) * spread


def fit_process(points: NDArray[Any], values: NDArray[Any], better: NDArray[Any]) -> Any:
    """Return a Gaussian process with noise (Matérn 5/2, a length an axis), mean 0 far from trials.

    Lengths, amplitude and noise have the largest likelihood on the rows `better`: how the score
    falls off elsewhere does not blur how it moves near its top. All rows are then known to it,
    else it would hope for much where trials were poor.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    n_coordinates = points.shape[1]
    kernel = ConstantKernel(1.0, (0.05, 1e3)) * Matern(
        [0.5] * n_coordinates, [(0.1, 20.0)] * n_coordinates, nu=2.5
    ) + WhiteKernel(0.1, (1e-4, 2.0))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
    with warnings.catch_warnings():
        # A length at its limit is an option that does not matter: nothing to warn of.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points[better], values[better])
    return GaussianProcessRegressor(process.kernel_, optimizer=None).fit(points, values)


def posterior(process: Any, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and deviation of the score itself: without the noise of measuring it again."""
    import numpy as np

    mean, deviation = process.predict(points, return_std=True)
    noise = process.kernel_.k2.noise_level
    return mean, np.sqrt(np.maximum(deviation**2 - noise, 0.0))
