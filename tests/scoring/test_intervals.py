"""Standard errors against textbook formulas; intervals on their scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

from challenge.kinds.metrics.ranked import rank, roc_auc, roc_auc_influence
from challenge.kinds.statistics.distributions import t_quantile
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.jackknife import Influence, influence_of_rows
from challenge.scoring.statistics.intervals import (
    Spread,
    _half_widths,
    interval,
    spread,
    too_few_clusters,
)

KEY = b"k"


def test_independent_rows_give_the_textbook_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=400)
    rows = np.arange(400, dtype=np.int32)
    grouping = group_rows(rows, rows, KEY)
    found = spread(grouping, influence_of_rows(grouping, (values - values.mean()) / 400))
    assert found.error == pytest.approx(values.std(ddof=1) / 20.0)
    assert 300 < found.df <= 399
    assert found.skew == pytest.approx(0.0, abs=1e-12)


def test_clusters_give_the_error_of_the_mean_of_their_means() -> None:
    values = np.random.default_rng(1).normal(size=(50, 6)) + np.arange(50)[:, None] / 10
    cluster = np.repeat(np.arange(50, dtype=np.int32), 6)
    grouping = group_rows(cluster, cluster, KEY)
    influence = influence_of_rows(grouping, (values.ravel() - values.mean()) / values.size)
    expected = values.mean(axis=1).std(ddof=1) / math.sqrt(50)
    found = spread(grouping, influence)
    assert found.error == pytest.approx(expected)
    assert found.df <= 49


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


def test_degrees_of_freedom_by_hand() -> None:
    # Four clusters of 2, 2, 2 and 4 rows: shares .2, .2, .2, .4; squares .04, .04, .04, .16
    # sum to .28, fourth powers to .0304: .0784 / .0304 - 1 = 1.58, rounded down.
    cluster = np.repeat(np.arange(4, dtype=np.int32), [2, 2, 2, 4])
    grouping = group_rows(cluster, cluster, KEY)
    moved = Influence(np.array([1.0, -1.0, 1.0, -1.0]), np.zeros(0))
    found = spread(grouping, moved)
    assert found.df == 1
    # (1 - .28) of the sum of squares, 4
    assert found.error == pytest.approx(math.sqrt(0.72 * 4))


def test_two_clusters_that_decide_everything_count_as_few() -> None:
    cluster = np.arange(60, dtype=np.int32)
    grouping = group_rows(cluster, cluster, KEY)
    moved = np.zeros(60)
    moved[:2] = 1.0
    # Johnson and Rust: (3.16 - 2.77 / root of 60) · 2² / 2 = 5.6
    assert spread(grouping, Influence(moved, np.zeros(0))).df == 5


def test_the_skew_is_what_clusters_add_to_that_of_rows() -> None:
    values = np.random.default_rng(5).exponential(size=(60, 4))
    values -= values.mean()
    cluster = np.repeat(np.arange(60, dtype=np.int32), 4)
    grouping = group_rows(cluster, cluster, KEY)
    apart = spread(grouping, influence_of_rows(grouping, values.ravel() / 240))
    values[:] = values[:, :1] - values[:, :1].mean()
    alike = spread(grouping, influence_of_rows(grouping, values.ravel() / 240))
    # rows that agree: the sum over clusters of (4x)³, less that of 4 x³ over the rows
    cubes = (4 * values[:, 0]) ** 3 * (60 / 59) ** 3 - 4 * values[:, 0] ** 3
    variance = ((4 * values[:, 0] * 60 / 59) ** 2).sum() * 59 / 60
    assert alike.skew == pytest.approx(cubes.sum() / variance**1.5)
    assert alike.skew > 0.1 > abs(apart.skew)


def test_a_skewed_metric_reaches_further_to_its_skewed_side() -> None:
    reach = t_quantile(0.975, 20) * 0.05
    low, high = interval(0.5, Spread(0.05, 20, -0.4), "identity")
    assert 0.5 - low > reach > high - 0.5 > 0
    mirrored = interval(-0.5, Spread(0.05, 20, 0.4), "identity")
    assert mirrored == pytest.approx((-high, -low))


def test_the_half_widths_undo_hall_s_transformation() -> None:
    s = -0.3
    low, high = interval(0.0, Spread(1.0, 25, s), "identity")
    for t, end in ((t_quantile(0.975, 25), -low), (-t_quantile(0.975, 25), -high)):
        assert end + s * end**2 / 3 + s**2 * end**3 / 27 + s / 6 == pytest.approx(t)


def test_more_doubt_makes_an_interval_wider() -> None:
    widths = []
    for added_variance in (0.0, 0.01, 0.02):
        low, high = interval(0.7, Spread(0.05, 30, 0.1).raised(added_variance**2), "share")
        widths.append(high - low)
    assert widths == sorted(set(widths))
    assert Spread(0.03, 30).raised(0.04**2).error == pytest.approx(0.05)


def test_thirty_equal_clusters_are_enough_and_twenty_nine_are_not() -> None:
    enough = np.arange(30, dtype=np.int32).repeat(3)
    assert too_few_clusters(group_rows(enough, enough, KEY)) is None
    fewer = np.arange(29, dtype=np.int32).repeat(3)
    found = too_few_clusters(group_rows(fewer, fewer, KEY))
    assert found == "no interval: fewer than 30 independent clusters"


def test_many_clusters_of_which_one_is_most_rows_are_too_few() -> None:
    # 100 rows of one cluster and 100 single rows: 200² / (100² + 100) = 3.96
    cluster = np.concatenate((np.zeros(100), np.arange(1, 101))).astype(np.int32)
    grouping = group_rows(cluster, cluster, KEY)
    assert grouping.effective_clusters == pytest.approx(40_000 / 10_100)
    found = too_few_clusters(grouping)
    assert found == (
        "no interval: clusters of unequal size or with pairs in common are worth fewer than 30 "
        "independent ones"
    )


def test_entities_in_pairs_are_worth_the_pairs_that_share_none() -> None:
    left, right = np.triu_indices(40, 1)
    grouping = group_rows(left.astype(np.int32), right.astype(np.int32), KEY)
    assert grouping.effective_clusters == pytest.approx(20.0)
    apart = np.arange(60, dtype=np.int32)
    assert group_rows(apart, apart + 60, KEY).effective_clusters == pytest.approx(60.0)


def test_a_share_has_the_interval_of_wilson() -> None:
    # 9 of 10, as if 100 rows were worth it: the textbook's formula for 90 hits of 100
    quantile = t_quantile(0.975, 99.0)
    low, high = interval(0.9, Spread(math.sqrt(0.9 * 0.1 / 100), 99), "share")
    centre = (90 + quantile**2 / 2) / (100 + quantile**2)
    reach = quantile / (100 + quantile**2) * math.sqrt(90 * 10 / 100 + quantile**2 / 4)
    assert (low, high) == pytest.approx((centre - reach, centre + reach))


@pytest.mark.parametrize("value", [0.02, 0.5, 0.9865])
def test_both_ends_of_a_share_are_an_arm_away_by_their_own_error(value: float) -> None:
    spread = Spread(0.01, 40)
    for end in interval(value, spread, "share"):
        arm = t_quantile(0.975, 40) * 0.01 * math.sqrt(end * (1 - end) / (value * (1 - value)))
        assert abs(end - value) == pytest.approx(arm)


def test_no_skew_makes_an_arm_run_away() -> None:
    # Few groups and much skew: the cubic root is vertical there, and once gave nine errors.
    for skew in np.linspace(-1.0, 1.0, 81):
        for df in (1, 6, 8, 12, 30, 1_000):
            below, above = _half_widths(Spread(1.0, df, float(skew)))
            quantile = t_quantile(0.975, df)
            assert 0.0 < min(below, above) <= max(below, above) <= 2.0 * (quantile + 1.0 / 6.0)


def test_half_widths_change_gradually_with_the_skew() -> None:
    half_widths = [
        _half_widths(Spread(1.0, 8, float(skew)))[0] for skew in np.linspace(-1.0, 1.0, 2001)
    ]
    assert np.abs(np.diff(half_widths)).max() < 0.02


@pytest.mark.parametrize("value", [1e-9, 0.001, 0.5, 0.999, 1 - 1e-9])
@pytest.mark.parametrize("error", [1e-12, 0.01, 1.0, 1e6])
@pytest.mark.parametrize("skew", [-1.0, -0.2, 0.0, 1.0])
def test_an_interval_holds_its_value_and_stays_in_range(
    value: float, error: float, skew: float
) -> None:
    low, high = interval(value, Spread(error, 29, skew), "share")
    assert 0.0 <= low <= value <= high <= 1.0
    low, high = interval(2 * value - 1, Spread(error, 29, skew), "correlation")
    assert -1.0 <= low <= 2 * value - 1 <= high <= 1.0
    low, high = interval(value, Spread(error, 29, skew), "loss")
    assert 0.0 <= low <= value <= high < math.inf


def test_one_hit_among_many_rows_has_the_whole_interval_of_wilson() -> None:
    share, n = 1 / 500, 500
    high = interval(share, Spread(math.sqrt(share * (1 - share) / n), n - 1), "share")[1]
    quantile = t_quantile(0.975, n - 1)
    reach = quantile * math.sqrt(share * (1 - share) / n + quantile**2 / (4 * n**2))
    assert high == pytest.approx((share + quantile**2 / (2 * n) + reach) / (1 + quantile**2 / n))


def test_a_tiny_mean_over_classes_does_not_reach_as_far_as_a_share_would() -> None:
    # One answer to 72 classes; as a share of rows it would reach .45.
    error = 0.008
    low, high = interval(0.0004, Spread(error, 60), "share")
    assert low == pytest.approx(0.0, abs=1e-4)
    assert high == pytest.approx(0.0004 + 3 * t_quantile(0.975, 60) * error)


def test_at_the_very_edge_the_interval_is_no_wider_than_its_error() -> None:
    # A constant answer to 46 classes: .004. As a share of less than one row it would reach .8.
    low, high = interval(0.004, Spread(0.066, 30), "share")
    assert low == 0.0
    assert high == pytest.approx(0.004 + t_quantile(0.975, 30) * 0.066)
    assert interval(0.996, Spread(0.066, 30), "share")[1] == 1.0
