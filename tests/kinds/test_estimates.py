"""A new metric needs its value only: its vector, scale and interval have sound defaults."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.estimates import baseline_of, estimate, resolution_of
from challenge.kinds.metrics.pairs import PairOutcome
from challenge.kinds.metrics.probabilities import ClassOutcome
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring.score import value_with_interval


def accuracy_alone(outcome: ClassOutcome) -> float | Undefined:
    if len(outcome.codes) == 0:
        return Undefined("no row")
    return float((outcome.codes == outcome.rows.labels).mean())


def outcome_of(n: int, clusters: int, seed: int = 0) -> ClassOutcome:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n).astype(np.int32)
    codes = np.where(rng.random(n) < 0.7, truth, rng.integers(0, 3, n)).astype(np.int32)
    cluster = (rng.integers(0, clusters, n) if clusters else np.arange(n)).astype(np.int32)
    grouping = group_rows(cluster, cluster, b"key")
    rows = ScoredRows(np.arange(n), n, truth, ("a", "b", "c"), grouping, trivial=lambda: 1.0)
    return ClassOutcome(rows, Answers(codes))


@pytest.mark.parametrize(("n", "clusters"), [(400, 0), (600, 50)])
def test_the_default_vector_is_that_of_the_fast_form(n: int, clusters: int) -> None:
    from challenge.kinds import kind_of

    outcome = outcome_of(n, clusters)
    known = estimate(kind_of("classification").metric("accuracy"), outcome)
    plain = estimate(Metric("mine", "mine", accuracy_alone), outcome)
    assert plain.value == known.value
    assert plain.vector.clusters == pytest.approx(known.vector.clusters, abs=1e-12)
    found, expected = value_with_interval(plain), value_with_interval(known)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.low is not None and found.value is not None and found.high is not None
    assert 0.0 <= found.low < found.value < found.high <= 1.0


def test_the_default_of_pairs_leaves_out_clusters_and_couples() -> None:
    rng = np.random.default_rng(1)
    n = 300
    left, right = rng.integers(0, 40, (2, n)).astype(np.int32)
    truth = rng.integers(0, 2, n).astype(np.int32)
    codes = np.where(rng.random(n) < 0.8, truth, 1 - truth).astype(np.int32)
    grouping = group_rows(left, right, b"key")
    rows = ScoredRows(np.arange(n), n, truth, ("0", "1"), grouping)
    outcome = PairOutcome(rows, Answers(codes))
    found = estimate(Metric("mine", "mine", accuracy_alone), outcome)
    assert len(found.vector.couples) == len(grouping.cell_left) > 50
    rest = (grouping.group != 0) & (grouping.other != 0)
    right_of_rest = (codes[rest] == truth[rest]).mean()
    assert found.vector.clusters[0] == pytest.approx(found.value - right_of_rest)


def test_defaults_of_baseline_and_resolution() -> None:
    outcome = outcome_of(400, 0)
    metric = Metric("mine", "mine", accuracy_alone, primary=True)
    expected = float((outcome.rows.labels == 1).mean())
    assert baseline_of(metric, ClassOutcome, outcome.rows) == expected
    assert np.isnan(resolution_of(metric, outcome.rows))


@pytest.mark.parametrize("value", [-3.0, 0.0, 2.0])
def test_an_unbounded_metric_keeps_its_scale(value: float) -> None:
    metric = Metric(
        "mine",
        "mine",
        lambda outcome: value + (outcome.codes == outcome.rows.labels).mean(),
        bounds=(-np.inf, np.inf),
    )
    found = estimate(metric, outcome_of(400, 0))
    interval = value_with_interval(found)
    assert metric.interval_scale == "identity"
    assert interval.low is not None and interval.high is not None and interval.value is not None
    assert interval.high - interval.value == pytest.approx(interval.value - interval.low, rel=0.1)


def test_a_value_at_its_bound_has_the_interval_of_a_share_of_its_rows() -> None:
    outcome = outcome_of(400, 0)
    perfect = ClassOutcome(outcome.rows, Answers(outcome.rows.labels))
    found = estimate(Metric("mine", "mine", accuracy_alone), perfect)
    interval = value_with_interval(found)
    assert interval.low == pytest.approx(1 / (1 + 1.959964**2 / 400))
    assert interval.high == 1.0
