"""Cohen's kappa agrees with scikit-learn; its interval holds its value all over [-1, 1]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from challenge.kinds import kind_of
from challenge.kinds.estimates import MetricEstimate, estimate
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring import baseline_score, score_predictions
from challenge.scoring.score import value_with_interval
from tests.scoring.scored import make_scored_task, predict

KAPPAS = {"kappa": None, "quadratic_kappa": "quadratic"}


def estimate_of(
    name: str, truth: np.ndarray, codes: np.ndarray, k: int, cluster: np.ndarray | None = None
) -> MetricEstimate:
    n = len(truth)
    clusters = np.arange(n, dtype=np.int32) if cluster is None else cluster.astype(np.int32)
    rows = ScoredRows(
        np.arange(n),
        n,
        truth.astype(np.int32),
        tuple(map(str, range(k))),
        group_rows(clusters, clusters, b"key"),
    )
    kind = kind_of("classification")
    return estimate(kind.metric(name), kind.outcome(rows, Answers(codes.astype(np.int32))))


@pytest.mark.parametrize("name", KAPPAS)
@pytest.mark.parametrize("k", [2, 3, 10, 100])
@pytest.mark.parametrize("right", [0.0, 0.3, 0.9])
def test_kappa_agrees_with_scikit_learn(name: str, k: int, right: float) -> None:
    rng = np.random.default_rng(k)
    truth, guess = rng.integers(0, k, (2, 500))
    codes = np.where(rng.random(500) < right, truth, guess)
    expected = cohen_kappa_score(truth, codes, labels=range(k), weights=KAPPAS[name])
    assert estimate_of(name, truth, codes, k).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", KAPPAS)
def test_one_class_on_both_sides_is_undefined(name: str) -> None:
    ones = np.ones(40, int)
    found = estimate_of(name, ones, ones, 3)
    assert found.value is None
    assert found.reason == "the solution has one class only: 0/0"
    assert estimate_of(name, ones, np.arange(40) % 3, 3).value == 0.0


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([*KAPPAS]),
    k=st.integers(2, 5),
    n=st.integers(40, 400),
    wrong=st.one_of(st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]), st.floats(0, 1)),
    clusters=st.sampled_from([0, 35]),
    seed=st.integers(0, 10_000),
)
def test_the_interval_holds_the_value_everywhere(
    name: str, k: int, n: int, wrong: float, clusters: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    # The opposite class: with two classes and all rows wrong kappa is near -1.
    codes = np.where(rng.random(n) < wrong, k - 1 - truth, truth)
    cluster = rng.integers(0, clusters, n) if clusters else None
    found = estimate_of(name, truth, codes, k, cluster)
    value = value_with_interval(found)
    assert value.value is not None and -1.0 <= value.value <= 1.0
    if value.low is None or value.high is None:
        assert value.reason
        return
    assert -1.0 <= value.low <= value.value <= value.high <= 1.0
    assert value.low < value.high


def test_perfect_and_opposite_answers_are_the_ends() -> None:
    truth = np.arange(60) % 2
    for name in KAPPAS:
        assert estimate_of(name, truth, truth, 2).value == 1.0
        opposite = estimate_of(name, truth, 1 - truth, 2)
        assert opposite.value == -1.0
        found = value_with_interval(opposite)
        assert found.low == -1.0 and found.high is not None and -1.0 < found.high < -0.5


@pytest.mark.parametrize("name", KAPPAS)
def test_the_vector_is_what_is_lost_without_each_row(name: str) -> None:
    rng = np.random.default_rng(3)
    truth, codes = rng.integers(0, 4, (2, 300))
    found = estimate_of(name, truth, codes, 4)
    group = found.outcome.rows.grouping.group
    for row in range(5):
        rest = np.delete(np.arange(300), row)
        without = cohen_kappa_score(truth[rest], codes[rest], weights=KAPPAS[name])
        assert found.vector.clusters[group[row]] == pytest.approx(found.value - without, abs=1e-12)


@pytest.mark.parametrize("name", KAPPAS)
def test_a_task_may_be_judged_by_kappa(tmp_path: Path, name: str) -> None:
    labels = [str(i % 4) for i in range(200)]
    task = make_scored_task(tmp_path / "t", labels, metric=name)
    answers = [str((i + (i % 7 == 0)) % 4) for i in range(200)]
    score = score_predictions(task, predict(task, answers), "all")
    assert score.primary.value is not None and score.vector is not None
    assert len(score.vector.clusters) == 200
    assert baseline_score(task, "all").value == 0.0
    assert 0.0 < score.resolution < 0.02
