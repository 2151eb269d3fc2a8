"""Retrieval by hand, against scikit-learn, and what must not change a score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from challenge.kinds import kind_of
from challenge.kinds.estimates import estimate, estimates
from challenge.kinds.metrics import found_again
from challenge.kinds.metrics.found_again import METRICS, Found, VectorOutcome, search
from challenge.kinds.scored_rows import Answers, Gallery, ScoredRows
from challenge.kinds.statistics.grouping import group_rows

Floats = NDArray[np.float64]


def outcome_of(old: Floats, new: Floats, things: NDArray[np.int64], n: int) -> VectorOutcome:
    """Return an outcome whose first `n` rows are queries, the others the gallery."""
    labels = things.astype(np.int32)
    rows = ScoredRows(
        np.arange(n),
        len(things),
        labels[:n],
        (),
        group_rows(labels[:n], labels[:n], b"key"),
        gallery=Gallery(np.arange(n, len(things)), labels[n:], lambda: old),
    )
    return VectorOutcome(rows, Answers(vectors=new))


def drawn(n_things: int, d: int, noise: float, seed: int) -> tuple[Floats, NDArray[np.int64], int]:
    random = np.random.default_rng(seed)
    things = np.concatenate([np.arange(n_things), np.arange(n_things), np.arange(n_things)])
    own = random.normal(0, 1, (n_things, d))
    return own[things] + random.normal(0, noise, (len(things), d)), things, n_things


def rotation(d: int, seed: int) -> Floats:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).normal(0, 1, (d, d)))[0])


def test_average_precision_worked_out_by_hand() -> None:
    # Cosines with (1, 0): 1, .8, .6, 0. Right are the second and the fourth: (1/2 + 2/4) / 2.
    gallery = np.array([[2.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    found = search(np.array([[3.0, 0.0]]), gallery, np.array([7]), np.array([1, 7, 2, 7]))
    assert found.precision.tolist() == [0.5] and found.wrong_before.tolist() == [1]
    assert found.within(1).tolist() == [0.0] and found.within(2).tolist() == [1.0]


def test_a_query_without_a_right_row_finds_nothing() -> None:
    found = search(np.eye(2), np.eye(2), np.array([5, 0]), np.array([0, 1]))
    assert found.precision.tolist() == [0.0, 0.5]
    assert search(np.zeros((0, 2)), np.eye(2), np.zeros(0, int), np.arange(2)).precision.size == 0


def test_of_equal_cosines_the_wrong_rows_come_first() -> None:
    n = 20
    same = np.ones((n, 3))
    found = search(same, same, np.arange(n), np.arange(n))
    assert (found.wrong_before == n - 1).all() and np.allclose(found.precision, 1 / n)
    # Of equal right rows none is before the other.
    two = search(np.eye(2)[:1], np.eye(2)[[0, 0, 1]], np.array([4]), np.array([4, 4, 1]))
    assert two.precision.tolist() == [1.0]


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 30),
    m=st.integers(2, 60),
    kinds=st.integers(1, 12),
    seed=st.integers(0, 9_999),
)
def test_average_precision_agrees_with_scikit_learn(n: int, m: int, kinds: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    queries, gallery = random.normal(0, 1, (n, 5)), random.normal(0, 1, (m, 5))
    wanted, things = random.integers(0, kinds, n), random.integers(0, kinds, m)
    found = search(queries, gallery, wanted, things)
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    for row, query in enumerate(queries):
        right = things == wanted[row]
        if right.any():
            expected = average_precision_score(right, unit @ query)
            assert found.precision[row] == pytest.approx(expected, abs=1e-12)


def test_blocks_do_not_change_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, things, n = drawn(50, 4, 0.7, 3)
    whole = search(vectors[:n], vectors[n:], things[:n], things[n:])
    monkeypatch.setattr(found_again, "_BLOCK_BYTES", 8 * 100 * 7)
    parts = search(vectors[:n], vectors[n:], things[:n], things[n:])
    assert np.array_equal(whole.precision, parts.precision)
    assert np.array_equal(whole.wrong_before, parts.wrong_before)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 9_999), scale=st.sampled_from([1e-12, 0.5, 3.0, 1e9]))
def test_no_score_changes_when_both_sides_are_rotated_and_scaled(seed: int, scale: float) -> None:
    old, things, n = drawn(40, 6, 0.7, seed)
    new = drawn(40, 6, 0.5, seed)[0]
    turn = rotation(6, seed + 1)
    plain = outcome_of(old, new, things, n)
    turned = outcome_of(scale * old @ turn, new @ turn / scale, things, n)
    for metric in METRICS:
        before, after = estimate(metric, plain), estimate(metric, turned)
        assert before.value == after.value and before.reason == after.reason, metric.name
        assert before.value is None or before.interval == after.interval
    assert plain.diagnostics() == turned.diagnostics()


def test_the_vectors_of_the_old_model_score_exactly_old_self() -> None:
    old, things, n = drawn(40, 6, 0.7, 1)
    found = estimates(METRICS, outcome_of(old, old.copy(), things, n))
    for form in ("cross_map", "cross_recall_at_1"):
        own = found[form.replace("cross", "old_self")]
        assert found[form].value == own.value and found[form].interval == own.interval
    assert found["cross_gain"].value == 0.0
    assert found["update_gain"].value is None
    assert outcome_of(old, old, things, n).diagnostics() == {"compatible": 0.0}
    trivial = VectorOutcome.trivial(outcome_of(old, old, things, n).rows)
    assert estimate(METRICS[0], trivial).value == found["old_self_map"].value


def test_a_better_model_of_the_same_space_is_compatible_and_one_of_another_space_is_not() -> None:
    old, things, n = drawn(80, 12, 1.5, 2)
    own = np.random.default_rng(2).normal(0, 1, (80, 12))[things]
    better = own + np.random.default_rng(4).normal(0, 0.5, own.shape)
    same = outcome_of(old, better, things, n)
    assert same.diagnostics() == {"compatible": 1.0}
    found = estimates(METRICS, same)
    values = {name: one.value or 0.0 for name, one in found.items()}
    assert values["old_self_map"] < values["cross_map"] < values["new_self_map"]
    gain = (values["cross_map"] - values["old_self_map"]) / (
        values["new_self_map"] - values["old_self_map"]
    )
    assert values["update_gain"] == pytest.approx(gain, abs=1e-12)
    assert values["cross_gain"] == pytest.approx(
        values["cross_map"] - values["old_self_map"], abs=1e-12
    )
    other = outcome_of(old, better @ rotation(12, 5), things, n)
    after = estimates(METRICS, other)
    assert after["new_self_map"].value == pytest.approx(values["new_self_map"], abs=1e-12)
    assert (after["cross_map"].value or 0.0) < values["old_self_map"]
    assert other.diagnostics() == {"compatible": 0.0}


def test_without_vectors_of_the_gallery_new_self_is_undefined() -> None:
    old, things, n = drawn(40, 6, 0.7, 1)
    new = old.copy()
    new[n:] = np.nan
    found = estimates(METRICS, outcome_of(old, new, things, n))
    for name, one in found.items():
        if name.startswith("new_self") or name == "update_gain":
            assert one.value is None and "no vectors of the gallery" in str(one.reason)
        else:
            assert one.value is not None


def test_a_gain_without_an_interval_makes_no_model_compatible() -> None:
    # Five things: too few clusters for an interval.
    old, things, n = drawn(5, 4, 1.5, 0)
    new = np.eye(5)[things]
    gain = outcome_of(np.hstack([old, old[:, :1]]), new, things, n)
    assert gain.diagnostics()["compatible"] in (None, 0.0)


def test_the_interval_covers_the_true_value() -> None:
    # 60 drawn galleries and queries each: the share of intervals that hold the mean of all.
    values, ends = [], []
    for seed in range(60):
        old, things, n = drawn(60, 8, 1.0, seed)
        found = estimate(METRICS[0], outcome_of(old, old, things, n))
        assert found.value is not None and not isinstance(found.interval, str)
        values.append(found.value)
        ends.append(found.interval)
    true = float(np.mean(values))
    assert np.mean([low <= true <= high for low, high in ends]) >= 0.85


def test_the_objects_say_what_boards_ask() -> None:
    kind = kind_of("retrieval")
    assert kind.has_things and kind.has_right_answers
    assert not (kind.has_classes or kind.has_decisions)
    assert kind.primary_metrics == ("cross_map",) and kind.metric("cross_map").averaged
    assert kind.size_text({"dimensions": 64}) == "things found again, 64 dimensions"
    assert isinstance(search(np.eye(2), np.eye(2), np.arange(2), np.arange(2)), Found)
