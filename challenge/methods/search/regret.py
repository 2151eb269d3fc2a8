"""The stopping rule: stop when the possible gain is below the error of cross-validation.

The rule of Makarova et al. (2022, "Automatic Termination for Hyperparameter Optimization",
section 3): a Gaussian process is fitted on the better 50 % of the trials; its confidence bounds
bound the regret. The search stops once the regret is below the statistical error of the best
trial's score. Scores are maximised here, so the bounds are swapped compared with the paper.
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
"""No rule stops earlier: with fewer trials the bounds are not reliable."""
PATIENCE = 10
"""Number of finished trials without improvement after which `stagnation` stops."""
_DELTA = 0.1
"""The bounds hold together with at least probability 1 - delta."""


def confidence_width(n_trials: int, n_dimensions: int) -> float:
    """Return sqrt(beta_t), the half-width of the bounds in predictive standard deviations.

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
    """Return whether none of the last PATIENCE values exceeds the best before them."""
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
    parameters of the process are fitted on the better 50 % of the trials, the earlier first among
    equals. When these are all equal, the gain is 0.
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
    """Return a noisy Gaussian process (Matérn 5/2, a length per dimension), mean 0 far from trials.

    Lengths, amplitude and noise maximise the likelihood on the rows `better`, so that poor trials
    do not distort the fit near the maximum. The process is then conditioned on all rows; otherwise
    its bounds would be too high where trials were poor.
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
        # A length at its limit means an option without effect, so the warning is ignored.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points[better], values[better])
    return GaussianProcessRegressor(process.kernel_, optimizer=None).fit(points, values)


def posterior(process: Any, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of the score, without measurement noise."""
    import numpy as np

    mean, deviation = process.predict(points, return_std=True)
    noise = process.kernel_.k2.noise_level
    return mean, np.sqrt(np.maximum(deviation**2 - noise, 0.0))
