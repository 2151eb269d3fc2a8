"""Standard errors against textbook formulas; intervals on their scales."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from challenge.kinds.metrics.ranked import rank, roc_auc, roc_auc_influence
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.vector import (
    Spread,
    Vector,
    edge_interval,
    interval,
    joined,
    ratio_of_rows,
    spread,
    spreads,
    too_few_clusters,
    vector_of_rows,
)

KEY = b"k"
UNIT = (0.0, 1.0)


def test_independent_rows_give_the_textbook_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=400)
    rows = np.arange(400, dtype=np.int32)
    ratio = ratio_of_rows(group_rows(rows, rows, KEY), values, np.ones(400))
    assert ratio.value == pytest.approx(values.mean())
    found = spread(ratio.vector())
    assert found.error == pytest.approx(values.std(ddof=1) / 20.0)
    assert 300 < found.df < 420


def test_clusters_give_the_error_of_the_mean_of_their_means() -> None:
    values = np.random.default_rng(1).normal(size=(50, 6)) + np.arange(50)[:, None] / 10
    cluster = np.repeat(np.arange(50, dtype=np.int32), 6)
    ratio = ratio_of_rows(group_rows(cluster, cluster, KEY), values.ravel(), np.ones(300))
    expected = values.mean(axis=1).std(ddof=1) / math.sqrt(50)
    assert spread(ratio.vector()).error == pytest.approx(expected)


def test_the_vector_of_a_ratio_is_what_it_loses_without_each_cluster() -> None:
    rng = np.random.default_rng(2)
    above, below = rng.random((2, 90))
    cluster = rng.integers(0, 20, 90).astype(np.int32)
    grouping = group_rows(cluster, cluster, KEY)
    ratio = ratio_of_rows(grouping, above, below)
    for one in range(20):
        rest = grouping.group != one
        lost = ratio.value - above[rest].sum() / below[rest].sum()
        assert ratio.vector().clusters[one] == pytest.approx(lost)


def test_pairs_without_common_records_are_independent_rows() -> None:
    values = np.random.default_rng(2).normal(size=60)
    left = np.arange(60, dtype=np.int32)
    pairs, rows = group_rows(left, left + 60, KEY), group_rows(left, left, KEY)
    errors = [
        spread(ratio_of_rows(grouping, values, np.ones(60)).vector()).error
        for grouping in (pairs, rows)
    ]
    assert errors[0] == pytest.approx(errors[1])


def test_shared_records_widen_the_interval() -> None:
    # each of 40 records is in three pairs and pulls them all up or down
    rng = np.random.default_rng(3)
    left = np.repeat(np.arange(40, dtype=np.int32), 3)
    right = ((left + np.tile([1, 5, 11], 40)) % 40).astype(np.int32)
    pull = rng.normal(size=40)
    values = pull[left] + pull[right]
    one = np.arange(120, dtype=np.int32)
    pairs, rows = group_rows(left, right, KEY), group_rows(one, one, KEY)
    assert len(pairs.crossing) == 120
    together, alone = (
        spread(ratio_of_rows(grouping, values, np.ones(120)).vector()).error
        for grouping in (pairs, rows)
    )
    assert together > 1.3 * alone


def test_the_area_has_the_error_of_delong() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat([1, 0], [60, 140])
    scores = 1 / (1 + np.exp(-rng.normal(size=200) - truth))
    ranking = rank(scores, truth)
    won = (scores[:60, None] > scores[None, 60:]).astype(float)
    expected = won.mean(axis=1).var(ddof=1) / 60 + won.mean(axis=0).var(ddof=1) / 140
    rows = np.arange(200, dtype=np.int32)
    grouping = group_rows(rows, rows, KEY)
    assert won.mean() == pytest.approx(roc_auc(ranking))
    found = spread(vector_of_rows(grouping, roc_auc_influence(ranking))).error
    assert found == pytest.approx(math.sqrt(expected), rel=0.02)


def test_error_and_degrees_of_freedom_by_hand() -> None:
    # Squares 1 1 1 1: (1 - 1/4) · 4 = 3; (3.16 - 2.77 / 2) · 4² / 4 = 7.1
    found = spread(Vector(np.array([1.0, -1.0, 1.0, -1.0])))
    assert found.error == pytest.approx(math.sqrt(3.0))
    assert found.df == pytest.approx(7.1)
    # Couples: 3 - 2 · .5² = 2.5
    shared = Vector(np.array([1.0, -1.0, 1.0, -1.0]), np.array([0.5, -0.5]))
    assert spread(shared).error == pytest.approx(math.sqrt(2.5))
    # never below what unrelated couples have
    assert spread(Vector(np.array([1.0, -1.0]), np.array([1.0, 1.0]))).error == pytest.approx(
        math.sqrt(2.0)
    )


def test_several_vectors_at_once_have_the_error_of_each() -> None:
    rows = np.random.default_rng(3).normal(size=(5, 40))
    rows[2] = 0.0
    found = spreads(Vector(rows, np.zeros((5, 0))))
    for one, row in zip(found, rows, strict=True):
        alone = spread(Vector(row))
        assert (one.error, one.df, one.reach) == pytest.approx((alone.error, alone.df, alone.reach))


def test_two_clusters_that_decide_everything_count_as_few() -> None:
    moved = np.zeros(60)
    moved[:2] = 1.0
    # Johnson and Rust: (3.16 - 2.77 / root of 60) · 2² / 2
    assert spread(Vector(moved)).df == pytest.approx(2 * (3.16 - 2.77 / math.sqrt(60)))


def test_vectors_are_subtracted_scaled_and_joined() -> None:
    a, b = Vector(np.array([1.0, 2.0])), Vector(np.array([0.5, -1.0]))
    assert (a - b).clusters.tolist() == [0.5, 3.0]
    assert (a * 0.5).clusters.tolist() == [0.5, 1.0]
    assert joined([a, b]).clusters.tolist() == [1.0, 2.0, 0.5, -1.0]


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20),
    st.lists(st.floats(-1, 1), max_size=5),
)
def test_a_stored_vector_is_read_back_to_the_last_bit(
    clusters: list[float], couples: list[float]
) -> None:
    vector = Vector(np.array(clusters), np.array(couples, np.float64))
    found = Vector.from_bytes(vector.to_bytes())
    assert found.clusters.tolist() == clusters and found.couples.tolist() == couples


@pytest.mark.parametrize(
    "content", [b"", b"1234567", b"\xff" * 16, Vector(np.array([math.nan])).to_bytes()]
)
def test_what_is_no_vector_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        Vector.from_bytes(content)


def test_twelve_equal_clusters_are_enough_and_eleven_are_not() -> None:
    enough = np.arange(12, dtype=np.int32).repeat(3)
    assert too_few_clusters(group_rows(enough, enough, KEY)) is None
    fewer = np.arange(11, dtype=np.int32).repeat(3)
    found = too_few_clusters(group_rows(fewer, fewer, KEY))
    assert found == "no interval: fewer than 12 independent clusters"


def test_many_clusters_of_which_one_is_most_rows_are_too_few() -> None:
    # 100 rows of one cluster and 100 single rows: 200² / (100² + 100) = 3.96
    cluster = np.concatenate((np.zeros(100), np.arange(1, 101))).astype(np.int32)
    grouping = group_rows(cluster, cluster, KEY)
    assert grouping.effective_clusters == pytest.approx(40_000 / 10_100)
    found = too_few_clusters(grouping)
    assert found is not None
    assert "worth fewer than 12 independent ones" in found


def test_entities_in_pairs_are_worth_the_pairs_that_share_none() -> None:
    left, right = np.triu_indices(40, 1)
    grouping = group_rows(left.astype(np.int32), right.astype(np.int32), KEY)
    assert grouping.effective_clusters == pytest.approx(20.0)
    apart = np.arange(60, dtype=np.int32)
    assert group_rows(apart, apart + 60, KEY).effective_clusters == pytest.approx(60.0)


def test_a_share_has_the_interval_of_wilson() -> None:
    # 9 of 10, as if 100 rows were worth it: the textbook's formula for 90 hits of 100
    quantile = float(stats.t.ppf(0.975, 99))
    found = interval(0.9, Spread(math.sqrt(0.9 * 0.1 / 100), 99), "share", UNIT)
    centre = (90 + quantile**2 / 2) / (100 + quantile**2)
    reach = quantile / (100 + quantile**2) * math.sqrt(90 * 10 / 100 + quantile**2 / 4)
    assert found == pytest.approx((centre - reach, centre + reach))


def test_all_right_has_the_interval_of_wilson_too() -> None:
    rows = np.arange(50, dtype=np.int32)
    shares = ratio_of_rows(group_rows(rows, rows, KEY), np.ones(50), np.ones(50)).shares()
    end = 50 / (50 + 1.959964**2)
    assert edge_interval(1.0, shares, UNIT) == pytest.approx((end, 1.0))
    assert edge_interval(0.0, shares, UNIT) == pytest.approx((0.0, 1.0 - end))
    assert edge_interval(-1.0, shares, (-1.0, 1.0)) == pytest.approx((-1.0, 1.0 - 2.0 * end))


def test_a_loss_has_its_interval_on_the_logarithm() -> None:
    reach = float(stats.t.ppf(0.975, 40)) * 0.1
    found = interval(2.0, Spread(0.1, 40), "loss", (0.0, math.inf))
    assert found == pytest.approx((2.0 * math.exp(-reach / 2), 2.0 * math.exp(reach / 2)))
    assert interval(2.0, Spread(50.0, 40), "loss", (0.0, 36.0))[1] == 36.0  # type: ignore[index]
    assert interval(2.0, Spread(0.1, 4.9), "loss", (0.0, math.inf)) is None


@pytest.mark.parametrize("value", [1e-9, 0.001, 0.5, 0.999, 1 - 1e-9])
@pytest.mark.parametrize("error", [1e-12, 0.01, 1.0, 1e6])
@pytest.mark.parametrize("df", [1.0, 5.0, 29.0])
def test_an_interval_holds_its_value_and_stays_in_range(
    value: float, error: float, df: float
) -> None:
    found = Spread(error, df)
    for scale, at, bounds in (
        ("share", value, UNIT),
        ("correlation", 2 * value - 1, (-1.0, 1.0)),
        ("loss", value, (0.0, math.inf)),
        ("identity", value, (-math.inf, 1.0)),
    ):
        ends = interval(at, found, scale, bounds)  # type: ignore[arg-type]
        if ends is None:
            assert scale == "loss" and df < 5
            continue
        assert bounds[0] <= ends[0] <= at <= ends[1] <= bounds[1]
        assert math.isfinite(ends[0]) or scale == "identity"
