"""Label metrics agree with scikit-learn, and do not depend on the order of rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from challenge.kinds.metrics.labels import (
    Tallies,
    accuracy,
    balanced_accuracy,
    macro_f1,
    mcc,
    tally,
    weighted_f1,
)
from challenge.kinds.metrics.pairs import (
    f1,
    precision,
    recall,
)

LABEL_METRICS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "mcc": mcc,
    "f1": f1,
    "precision": precision,
    "recall": recall,
}
Codes = NDArray[np.int32]


@st.composite
def codes(draw: st.DrawFn, max_classes: int = 6) -> tuple[Codes, Codes, int]:
    k = draw(st.integers(2, max_classes))
    n = draw(st.integers(1, 40))
    label = st.integers(0, k - 1)
    truth, predicted = (draw(st.lists(label, min_size=n, max_size=n)) for _ in range(2))
    return np.array(truth, np.int32), np.array(predicted, np.int32), k


def drawn(k: int, seed: int) -> tuple[Codes, Codes]:
    """Return labels of which the last class is absent from the truth but predicted."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, max(k - 1, 2), 3 * k + 200).astype(np.int32)
    guess = rng.integers(0, k, len(truth)).astype(np.int32)
    return truth, np.where(rng.random(len(truth)) < 0.6, truth, guess).astype(np.int32)


@pytest.mark.parametrize("k", [2, 3, 10, 100, 1_000])
@pytest.mark.parametrize("seed", [0, 1])
def test_label_metrics_agree_with_scikit_learn(k: int, seed: int) -> None:
    truth, predicted = drawn(k, seed)
    present = np.unique(truth)
    t = tally(truth, predicted, k)
    options: dict[str, Any] = {"labels": present, "average": "macro", "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "accuracy": sk.accuracy_score(truth, predicted),
            "balanced_accuracy": sk.recall_score(truth, predicted, **options),
            "macro_f1": sk.f1_score(truth, predicted, **options),
            "weighted_f1": sk.f1_score(truth, predicted, average="weighted", zero_division=0),
            "mcc": sk.matthews_corrcoef(truth, predicted),
        }
        balanced = sk.balanced_accuracy_score(truth, predicted)
        assert expected["balanced_accuracy"] == pytest.approx(balanced, abs=1e-12)
    for name, value in expected.items():
        assert float(LABEL_METRICS[name](t)) == pytest.approx(value, abs=1e-12), name


@settings(deadline=None, max_examples=60)
@given(codes(max_classes=2))
def test_pair_metrics_agree_with_scikit_learn(case: tuple[Codes, Codes, int]) -> None:
    truth, predicted, _ = case
    t = tally(truth, predicted, 2)
    for ours, theirs in ((f1, sk.f1_score), (precision, sk.precision_score)):
        value = float(ours(t))
        if not np.isnan(value):
            assert value == pytest.approx(theirs(truth, predicted, zero_division=0), abs=1e-12)
    assert bool(np.isnan(f1(t))) is bool(np.isnan(recall(t))) is (not truth.any())
    assert bool(np.isnan(precision(t))) is (not predicted.any())


@settings(deadline=None, max_examples=60)
@given(codes())
def test_tallies_of_clusters_add_up_to_the_whole(case: tuple[Codes, Codes, int]) -> None:
    truth, predicted, k = case
    whole = tally(truth, predicted, k)
    groups = (np.arange(len(truth)) % 3).astype(np.int32)
    grouped = tally(truth, predicted, k, groups, 3)
    for name in ("hits", "predicted", "true"):
        assert np.array_equal(getattr(grouped, name).sum(axis=0), getattr(whole, name))
    assert np.array_equal(grouped.present, whole.present)


@settings(deadline=None, max_examples=60)
@given(codes(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: tuple[Codes, Codes, int], random: Any) -> None:
    truth, predicted, k = case
    order = list(range(len(truth)))
    random.shuffle(order)
    for name, metric in LABEL_METRICS.items():
        first, second = (metric(tally(truth[o], predicted[o], k)) for o in (slice(None), order))
        assert np.array_equal(first, second, equal_nan=True), name


def test_an_empty_input_is_undefined_not_0() -> None:
    empty = tally(np.zeros(0, np.int32), np.zeros(0, np.int32), 3)
    for metric in LABEL_METRICS.values():
        assert np.isnan(metric(empty))


def test_one_class_only() -> None:
    # all rows are of class 0; two of four are right: recall 1/2, F1 2·2/(4+2)
    t: Tallies = tally(np.zeros(4, np.int32), np.array([0, 0, 1, 1]), 2)
    assert float(accuracy(t)) == float(balanced_accuracy(t)) == 0.5
    assert float(macro_f1(t)) == float(weighted_f1(t)) == pytest.approx(2 / 3)
    assert np.isnan(mcc(t))
