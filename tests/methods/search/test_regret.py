"""The bound, the error and their parts, against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from challenge.methods.search import regret
from challenge.methods.search.regret import (
    confidence_width,
    fold_error,
    posterior,
    regret_bound,
    stagnates,
)


def test_the_width_of_the_bounds_is_that_of_the_paper() -> None:
    # beta = 2 ln(3 * 25² * π² / (6 * .1)) / 5 = 2 ln(30842.5) / 5 = 4.13461; its root.
    assert confidence_width(25, 3) ** 2 == pytest.approx(4.13461, abs=1e-4)
    assert confidence_width(50, 3) > confidence_width(25, 3) > confidence_width(25, 2)


def test_the_error_of_a_mean_over_folds_counts_that_folds_share_rows() -> None:
    # Mean .8, squares .01 + .01 + 0 + 0 + 0; variance .02 / 4 = .005; (1/5 + 1/4) * .005.
    assert fold_error([0.7, 0.9, 0.8, 0.8, 0.8]) == pytest.approx(math.sqrt(0.45 * 0.005))
    assert fold_error([0.5, 0.5]) == 0.0


def test_the_noise_of_measuring_is_no_part_of_the_deviation() -> None:
    # One value 1 at place 0, amplitude 1, noise .25. There: mean 1 / 1.25, variance 1 - 1 / 1.25;
    # far away the value's own: mean 0, variance 1, and not 1.25.
    kernel = ConstantKernel(1.0) * Matern([0.1], nu=2.5) + WhiteKernel(0.25)
    process = GaussianProcessRegressor(kernel, optimizer=None).fit([[0.0]], [1.0])
    mean, deviation = posterior(process, np.array([[0.0], [1e6]]))
    assert mean == pytest.approx([0.8, 0.0])
    assert deviation == pytest.approx([math.sqrt(0.2), 1.0])


def test_the_bound_is_the_best_hope_less_the_surest_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    # Trials .5 .7 .6 .9: the better half is .9 and .7, mean .8, deviation .1. The process says of
    # trials and candidates, in deviations: means 0 2 1 3, -1 2 with deviations 1 1 1 .5, 3 1.
    def told(process: object, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0, 2, 1, 3, -1, 2.0]), np.array([1, 1, 1, 0.5, 3, 1])

    monkeypatch.setattr(regret, "posterior", told)
    width = confidence_width(4, 1)
    assert width == pytest.approx(1.493, abs=1e-3)  # sqrt(2 ln(16 π² / .6) / 5)
    # Upper bounds: 3 + .5 w = 3.75 of the best, -1 + 3 w = 3.47 and 2 + w = 3.49 elsewhere.
    # Lower bounds of trials: 3 - .5 w = 2.25 is the largest. So w deviations of .1.
    bound = regret_bound(np.eye(4), [0.5, 0.7, 0.6, 0.9], 1, np.zeros((2, 4)))
    assert bound == pytest.approx(0.1 * width)


def test_a_process_knows_that_poor_places_are_poor() -> None:
    places = np.linspace(0, 1, 24)[:, None]
    values = (0.9 - 0.5 * (places[:, 0] - 0.7) ** 2).tolist()
    assert regret_bound(places, values, 1, np.linspace(0, 1, 200)[:, None]) < 0.005
    # Nothing was tried below .5, so that much may lie there.
    near = places[:, 0] >= 0.5
    kept = [value for value, inside in zip(values, near, strict=True) if inside]
    assert regret_bound(places[near], kept, 1, np.linspace(0, 1, 200)[:, None]) > 0.005


def test_equal_scores_leave_nothing_to_gain() -> None:
    # The mean of three times .7 is not .7 in every order of summing.
    assert regret_bound(np.eye(6), [0.7] * 6, 1, np.eye(6)) == 0.0


def test_stagnation_is_ten_trials_without_a_better_one() -> None:
    rising = [place / 100 for place in range(15)]
    assert not stagnates(rising + [0.0] * 9)
    assert stagnates(rising + [0.0] * 10)
    assert stagnates(rising + [rising[-1]] * 10), "an equal score is no better one"
    assert not stagnates([0.5] * 19), "never before twenty"
