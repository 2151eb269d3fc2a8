"""What a metric loses without each group: against the metric computed again from the rows."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.kinds.metrics.ranked import (
    average_precision,
    average_precision_influence,
    binned,
    binned_average_precision,
    rank,
)
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.jackknife import vector_of_counts, vector_of_sums
from challenge.kinds.statistics.vector import vector_of_rows

KEY = b"k"


def test_a_mean_loses_a_group_s_sum_over_what_stays() -> None:
    # 5 rows of mean 3; without rows 4 and 5 it is 2: the group moves the mean by 1
    cluster = np.array([0, 1, 2, 3, 3], np.int32)
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    grouping = group_rows(cluster, cluster, KEY)
    moved = vector_of_rows(grouping, (values - 3.0) / 5.0)
    assert moved.clusters[grouping.group[4]] == pytest.approx(1.0)
    # without row 1 it is 3.5
    assert moved.clusters[grouping.group[0]] == pytest.approx(-0.5)


def test_a_ranking_is_ranked_again_without_each_group() -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 40, 900).astype(np.int32)
    truth = (rng.random(900) < 0.3).astype(np.int32)
    pull = rng.normal(size=40)[cluster]
    scores = 1 / (1 + np.exp(-(rng.normal(size=900) + truth + pull)))
    grouping, ranking = group_rows(cluster, cluster, KEY), rank(scores, truth)
    bins, n_bins = binned(ranking, 1_024)
    found = vector_of_counts(
        grouping,
        np.where(truth == 1, bins, bins + n_bins),
        2 * n_bins,
        lambda counts: binned_average_precision(counts[:, :n_bins], counts[:, n_bins:]),
        average_precision_influence(ranking),
    )
    kept = [grouping.group != one for one in range(grouping.n_groups)]
    without = [average_precision(rank(scores[rows], truth[rows])) for rows in kept]
    assert found.clusters == pytest.approx(
        average_precision(ranking) - np.array(without), abs=1e-12
    )


def test_a_group_without_which_nothing_is_defined_counts_to_first_order() -> None:
    # recall of matches that all stand in cluster 0
    cluster = np.array([0, 0, 1, 2, 2], np.int32)
    hit = np.array([1, 0, 2, 2, 2])
    grouping = group_rows(cluster, cluster, KEY)
    rows = np.array([0.25, -0.25, 0.0, 0.0, 0.0])

    def recall(counts: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(counts[:, 1] / counts[:, :2].sum(axis=1))

    found = vector_of_counts(grouping, hit, 3, recall, rows)
    assert found.clusters == pytest.approx([0.0, 0.0, 0.0])


def test_an_entity_is_taken_out_with_all_its_pairs() -> None:
    # Pairs (0,0), (1,1), (0,1), (0,2), (2,2). Entity 0 goes with three, the others with two.
    left = np.array([0, 1, 0, 0, 2], np.int32)
    right = np.array([0, 1, 1, 2, 2], np.int32)
    grouping = group_rows(left, right, KEY)
    seen: list[np.ndarray] = []

    def keep(counts: np.ndarray) -> np.ndarray:
        seen.extend(counts.copy())
        return np.asarray(counts[:, 0])

    vector_of_counts(grouping, np.arange(5), 5, keep, np.zeros(5))
    _, *without = seen
    by_entity = {row: int(grouping.group[index]) for row, index in ((0, 0), (1, 1), (2, 4))}
    assert without[by_entity[0]].tolist() == [0, 1, 0, 0, 1]
    assert without[by_entity[1]].tolist() == [1, 0, 0, 1, 1]
    assert without[by_entity[2]].tolist() == [1, 1, 1, 0, 0]


def test_a_cluster_without_which_sums_say_nothing_counts_as_twice_its_half() -> None:
    total, clusters = np.array([4.0, 8.0]), np.array([[1.0, 8.0], [1.0, 2.0]])

    def share(sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[..., 0] / sums[..., 1])

    found = vector_of_sums(total, clusters, np.zeros((0, 2)), share)
    # 4/8 - 3.5/4, twice; 4/8 - 3/6
    assert found.clusters == pytest.approx([-0.75, 0.0])
