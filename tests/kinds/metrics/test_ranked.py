"""Ranked metrics agree with scikit-learn, ties included; influences are derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from challenge.kinds.metrics.ranked import (
    average_precision,
    average_precision_influence,
    binned,
    binned_average_precision,
    binned_roc_auc,
    rank,
    roc_auc,
    roc_auc_influence,
)

PAIRS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60)


@settings(deadline=None, max_examples=60)
@given(PAIRS, st.permutations(range(60)))
def test_ranked_metrics_agree_with_scikit_learn_in_any_order(
    pairs: list[tuple[int, bool]], order: list[int]
) -> None:
    scores = np.array([score / 8 for score, _ in pairs])
    truth = np.array([int(match) for _, match in pairs])
    ranking = rank(scores, truth)
    if truth.any():
        expected = sk.average_precision_score(truth, scores)
        assert average_precision(ranking) == pytest.approx(expected, abs=1e-12)
    else:
        assert np.isnan(average_precision(ranking))
    if 0 < truth.sum() < len(truth):
        assert roc_auc(ranking) == pytest.approx(sk.roc_auc_score(truth, scores), abs=1e-12)
    else:
        assert np.isnan(roc_auc(ranking))
    shuffled = [position for position in order if position < len(pairs)]
    again = rank(scores[shuffled], truth[shuffled])
    assert np.array_equal(average_precision(again), average_precision(ranking), equal_nan=True)
    assert np.array_equal(roc_auc(again), roc_auc(ranking), equal_nan=True)


@pytest.mark.parametrize("steps", [5, 1_000])
def test_influences_are_derivatives_by_the_weight_of_a_pair(steps: int) -> None:
    rng = np.random.default_rng(steps)
    scores = rng.integers(0, steps, 200) / steps
    truth = (rng.random(200) < 0.3).astype(int)
    ranking = rank(scores, truth)
    for influence, metric in (
        (average_precision_influence(ranking), sk.average_precision_score),
        (roc_auc_influence(ranking), sk.roc_auc_score),
    ):
        assert influence.sum() == pytest.approx(0.0, abs=1e-12)
        for row in (0, 7, 111):
            step = np.eye(200)[row] * 1e-5
            up, down = (metric(truth, scores, sample_weight=1 + sign * step) for sign in (1, -1))
            assert (up - down) / 2e-5 == pytest.approx(influence[row], abs=1e-8)


def test_bins_never_cut_a_step_and_keep_the_metrics_of_few_steps() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 50, 3_000) / 50
    truth = (rng.random(3_000) < scores).astype(int)
    ranking = rank(scores, truth)
    bins, n_bins = binned(ranking, 2_048)
    assert n_bins == 50
    matches = np.bincount(bins[ranking.is_match], minlength=n_bins)[None].astype(float)
    others = np.bincount(bins[~ranking.is_match], minlength=n_bins)[None].astype(float)
    assert binned_average_precision(matches, others)[0] == pytest.approx(average_precision(ranking))
    assert binned_roc_auc(matches, others)[0] == pytest.approx(roc_auc(ranking))
    few, n_few = binned(rank(rng.random(3_000), truth), 10)
    assert n_few == 10 and np.bincount(few).min() > 250


def test_one_step_for_all_pairs() -> None:
    ranking = rank(np.full(4, 0.5), np.array([1, 0, 0, 0]))
    assert average_precision(ranking) == 0.25
    assert roc_auc(ranking) == 0.5
    assert np.array_equal(roc_auc_influence(ranking), np.zeros(4))


def test_an_empty_input_is_undefined() -> None:
    ranking = rank(np.zeros(0), np.zeros(0, np.int32))
    assert np.isnan(average_precision(ranking)) and np.isnan(roc_auc(ranking))


def test_scores_that_are_no_shares_are_refused() -> None:
    for score in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="outside"):
            rank(np.array([0.5, score]), np.array([0, 1]))


def test_minus_zero_ties_with_zero() -> None:
    assert rank(np.array([0.0, -0.0]), np.array([0, 1])).matches.tolist() == [1.0]
