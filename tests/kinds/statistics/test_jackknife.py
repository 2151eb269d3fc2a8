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
from challenge.kinds.statistics.jackknife import influence_of_counts, influence_of_rows

KEY = b"k"


def test_a_mean_loses_a_group_s_sum_over_what_stays() -> None:
    # 5 rows of mean 3; without rows 4 and 5 it is 2: the group moves the mean by 1
    cluster = np.array([0, 1, 2, 3, 3], np.int32)
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    grouping = group_rows(cluster, cluster, KEY)
    moved = influence_of_rows(grouping, (values - 3.0) / 5.0)
    assert moved.groups[grouping.group[4]] == pytest.approx(1.0)
    # without row 1 it is 3.5
    assert moved.groups[grouping.group[0]] == pytest.approx(-0.5)


def test_a_ranking_is_ranked_again_without_each_group() -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 40, 900).astype(np.int32)
    truth = (rng.random(900) < 0.3).astype(np.int32)
    pull = rng.normal(size=40)[cluster]
    scores = 1 / (1 + np.exp(-(rng.normal(size=900) + truth + pull)))
    grouping, ranking = group_rows(cluster, cluster, KEY), rank(scores, truth)
    bins, n_bins = binned(ranking, 1_024)
    found = influence_of_counts(
        grouping,
        np.where(truth == 1, bins, bins + n_bins),
        2 * n_bins,
        lambda counts: binned_average_precision(counts[:, :n_bins], counts[:, n_bins:]),
        average_precision_influence(ranking),
    )
    kept = [grouping.group != one for one in range(grouping.n_groups)]
    without = [average_precision(rank(scores[rows], truth[rows])) for rows in kept]
    assert found.groups == pytest.approx(average_precision(ranking) - np.array(without), abs=1e-12)


def test_a_group_without_which_nothing_is_defined_counts_to_first_order() -> None:
    # recall of matches that all stand in cluster 0
    cluster = np.array([0, 0, 1, 2, 2], np.int32)
    hit = np.array([1, 0, 2, 2, 2])
    grouping = group_rows(cluster, cluster, KEY)
    rows = np.array([0.25, -0.25, 0.0, 0.0, 0.0])

    def recall(counts: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(counts[:, 1] / counts[:, :2].sum(axis=1))

    found = influence_of_counts(grouping, hit, 3, recall, rows)
    assert found.groups == pytest.approx([0.0, 0.0, 0.0])


def test_an_entity_is_taken_out_with_the_pairs_that_it_shares() -> None:
    # Pairs (0,0), (1,1), (0,1), (0,2), (2,2). Entity 0 goes with three; of the two pairs across,
    # half of both count as gone: the three pairs left weigh 1, 1 and nothing across is left.
    left = np.array([0, 1, 0, 0, 2], np.int32)
    right = np.array([0, 1, 1, 2, 2], np.int32)
    grouping = group_rows(left, right, KEY)
    seen: list[np.ndarray] = []

    def keep(counts: np.ndarray) -> np.ndarray:
        seen.extend(counts.copy())
        return np.asarray(counts[:, 0])

    influence_of_counts(grouping, np.arange(5), 5, keep, np.zeros(5))
    _, *without = seen
    by_entity = {int(grouping.group[row]): row for row in (0, 1, 4)}
    # Without entity 1: the pair (0,2) stays and weighs 2 - 1/2, since half of (0,1) stays.
    one = without[next(group for group, row in by_entity.items() if row == 1)]
    assert one.tolist() == pytest.approx([1.0, 0.0, 0.0, 1.5, 1.0])
    none = without[next(group for group, row in by_entity.items() if row == 0)]
    assert none.tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0, 1.0])
