"""Probability metrics agree with scikit-learn, ties and certain rows included."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from challenge.kinds.metrics.probabilities import (
    binary_log_losses,
    expected_calibration_error,
    row_losses,
)
from challenge.scoring.predictions import Probabilities


def drawn(k: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    p = rng.dirichlet(np.ones(k), n)
    # ties, impossible and certain rows
    p[:60] = np.round(p[:60] * 4) + rng.integers(0, 2, (60, k))
    p[p.sum(axis=1) == 0] = 1.0
    p[60:70] = np.eye(k)[rng.integers(0, k, 10)]
    p /= p.sum(axis=1, keepdims=True)
    return p, rng.integers(0, k, n)


@pytest.mark.parametrize("k", [2, 3, 4, 10, 200])
def test_probability_metrics_agree_with_scikit_learn(k: int) -> None:
    p, truth = drawn(k)
    blocks = [(slice(0, 123), p[:123]), (slice(123, 500), p[123:])]
    losses = row_losses(blocks, truth, p.argmax(axis=1))
    assert np.array_equal(losses.confidence, p.max(axis=1))
    labels = list(range(k))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert losses.log_loss.mean() == pytest.approx(
            sk.log_loss(truth, p, labels=labels), abs=1e-12
        )
        if k > 3:
            top = sk.top_k_accuracy_score(truth, p, k=3, labels=labels)
            assert losses.in_top_3.mean() == pytest.approx(top, abs=1e-12)
    squares = ((p - np.eye(k)[truth]) ** 2).sum(axis=1)
    assert losses.brier == pytest.approx(squares, abs=1e-12)


def test_blocks_and_float32_change_nothing_that_matters() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(7), 9_000)
    truth = rng.integers(0, 7, 9_000)
    whole = row_losses([(slice(0, 9_000), p)], truth, p.argmax(axis=1))
    blocks = row_losses(Probabilities.of(p).blocks(), truth, p.argmax(axis=1))
    assert blocks.log_loss == pytest.approx(whole.log_loss, abs=1e-12)
    assert np.array_equal(blocks.in_top_3, whole.in_top_3)
    single = row_losses(Probabilities.of(p.astype(np.float32)).blocks(), truth, p.argmax(axis=1))
    assert float(single.log_loss.mean()) == pytest.approx(float(whole.log_loss.mean()), abs=1e-6)
    assert float(single.brier.mean()) == pytest.approx(float(whole.brier.mean()), abs=1e-6)


def test_an_impossible_row_costs_the_same_in_both_precisions() -> None:
    for dtype in (np.float32, np.float64):
        p = np.array([[1.0, 0.0]], dtype)
        loss = row_losses([(slice(0, 1), p)], np.array([1]), np.array([0])).log_loss[0]
        assert loss == pytest.approx(36.0437, abs=1e-4)


def test_log_loss_of_pairs_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores, truth = rng.random(300), rng.integers(0, 2, 300)
    scores[:4] = [0.0, 1.0, 0.0, 1.0]
    assert binary_log_losses(scores, truth).mean() == pytest.approx(
        sk.log_loss(truth, scores), abs=1e-12
    )


def test_calibration_error_worked_out_by_hand() -> None:
    # bin (0.8, 0.867]: none; (0.86, 0.93]: .9, .9 with one right: |.9 - .5| · 2/3
    # (0.53, 0.6]: .6 right: |.6 - 1| · 1/3
    right = np.array([True, False, True])
    value = expected_calibration_error(np.array([0.9, 0.9, 0.6]), right)
    assert value == pytest.approx(0.4 * 2 / 3 + 0.4 / 3)
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))
