"""Standard errors against textbook formulas; intervals on their scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

from challenge.scoring.distributions import t_quantile
from challenge.scoring.intervals import influence_of_rows, interval, spread
from challenge.scoring.metrics.ranked import rank, roc_auc, roc_auc_influence
from challenge.scoring.weights import group_rows

KEY = b"k"


def test_independent_rows_give_the_textbook_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=400)
    rows = np.arange(400, dtype=np.int32)
    grouping = group_rows(rows, rows, KEY)
    found = spread(grouping, influence_of_rows(grouping, (values - values.mean()) / 400))
    # raised by 2/400, the allowance for few clusters
    assert found.error == pytest.approx(values.std(ddof=1) / 20.0 * math.sqrt(1 + 2 / 400))
    assert 300 < found.df <= 399


def test_clusters_give_the_error_of_the_mean_of_their_means() -> None:
    values = np.random.default_rng(1).normal(size=(50, 6)) + np.arange(50)[:, None] / 10
    cluster = np.repeat(np.arange(50, dtype=np.int32), 6)
    grouping = group_rows(cluster, cluster, KEY)
    influence = influence_of_rows(grouping, (values.ravel() - values.mean()) / values.size)
    expected = values.mean(axis=1).std(ddof=1) / math.sqrt(50)
    raised = expected * math.sqrt(1 + 2 / 50)
    assert spread(grouping, influence).error == pytest.approx(raised)


def test_a_pair_of_two_clusters_counts_once() -> None:
    # 60 pairs of 120 records, none shared: as 60 independent rows
    values = np.random.default_rng(2).normal(size=60)
    left = np.arange(60, dtype=np.int32)
    pairs = group_rows(left, left + 60, KEY)
    influence = influence_of_rows(pairs, (values - values.mean()) / 60)
    rows = group_rows(left, left, KEY)
    alone = spread(rows, influence_of_rows(rows, (values - values.mean()) / 60))
    assert spread(pairs, influence).error == pytest.approx(alone.error, rel=0.05)


def test_shared_records_widen_the_interval() -> None:
    # each of 40 records stands in three pairs and pulls them all up or down
    rng = np.random.default_rng(3)
    left = np.repeat(np.arange(40, dtype=np.int32), 3)
    right = ((left + np.tile([1, 5, 11], 40)) % 40).astype(np.int32)
    pull = rng.normal(size=40)
    values = pull[left] + pull[right]
    one = np.arange(120, dtype=np.int32)
    pairs, rows = group_rows(left, right, KEY), group_rows(one, one, KEY)
    centred = (values - values.mean()) / 120
    together = spread(pairs, influence_of_rows(pairs, centred)).error
    assert together > 1.3 * spread(rows, influence_of_rows(rows, centred)).error


def test_the_area_has_the_error_of_delong() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat([1, 0], [60, 140])
    scores = 1 / (1 + np.exp(-rng.normal(size=200) - truth))
    ranking = rank(scores, truth)
    won = (scores[:60, None] > scores[None, 60:]).astype(float)
    expected = won.mean(axis=1).var(ddof=1) / 60 + won.mean(axis=0).var(ddof=1) / 140
    rows = np.arange(200, dtype=np.int32)
    grouping = group_rows(rows, rows, KEY)
    influence = roc_auc_influence(ranking)
    assert won.mean() == pytest.approx(roc_auc(ranking))
    found = spread(grouping, influence_of_rows(grouping, influence)).error
    assert found == pytest.approx(math.sqrt(expected), rel=0.02)


def test_a_share_is_built_on_the_logit() -> None:
    low, high = interval(0.9, 0.03, 99.0, "share")
    reach = t_quantile(0.975, 99.0) * 0.03 / (0.9 * 0.1)
    centre = math.log(0.9 / 0.1)
    assert low == pytest.approx(1 / (1 + math.exp(reach - centre)))
    assert high == pytest.approx(1 / (1 + math.exp(-reach - centre)))


@pytest.mark.parametrize("value", [1e-9, 0.001, 0.5, 0.999, 1 - 1e-9])
@pytest.mark.parametrize("error", [1e-12, 0.01, 1.0, 1e6])
def test_an_interval_holds_its_value_and_stays_in_range(value: float, error: float) -> None:
    low, high = interval(value, error, 29.0, "share")
    assert 0.0 <= low <= value <= high <= 1.0
    low, high = interval(2 * value - 1, error, 29.0, "correlation")
    assert -1.0 <= low <= 2 * value - 1 <= high <= 1.0
    low, high = interval(value, error, 29.0, "loss")
    assert 0.0 <= low <= value <= high < math.inf


def test_at_the_very_edge_the_interval_is_no_wider_than_its_error() -> None:
    # A constant answer to 46 classes: .004. The slope of the logit there would give [0, 1].
    low, high = interval(0.004, 0.066, 30, "share")
    assert low == 0.0
    assert high == pytest.approx(0.004 + t_quantile(0.975, 30) * 0.066)
    assert interval(0.996, 0.066, 30, "share")[1] == 1.0
