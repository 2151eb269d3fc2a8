"""Thresholds, folds and blends: chosen out of fold, by hand where possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from challenge.methods.builtin.blend import choose_blend
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.builtin.linear import class_weights


def test_the_threshold_lies_where_f1_is_largest() -> None:
    truth = np.array([0, 1, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    # From .8 on: 2 hits, none wrong, one missed: F1 .8. From .2 on: 3 hits, one wrong: 6 / 7.
    threshold, f1 = best_f1_threshold(truth, scores)
    assert f1 == pytest.approx(6 / 7)
    assert threshold == pytest.approx(0.15)


def test_without_a_match_the_threshold_is_one_half() -> None:
    assert best_f1_threshold(np.zeros(3, int), np.array([0.1, 0.5, 0.9])) == (0.5, 0.0)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40))
def test_no_other_threshold_is_better(rows: list[tuple[int, int]]) -> None:
    truth = np.array([match for match, _ in rows])
    scores = np.array([score / 8 for _, score in rows])
    threshold, f1 = best_f1_threshold(truth, scores)

    def f1_at(least: float) -> float:
        return float(f1_score(truth, scores >= least, zero_division=0))

    if truth.any():
        assert f1_at(threshold) == pytest.approx(f1)
        candidates = [f1_at(other) for other in {*scores, 0.0, 1.1}]
        assert f1 == pytest.approx(max(candidates))


def test_macro_f1_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, decided = random.integers(0, 5, 300), random.integers(0, 6, 300)
    expected = f1_score(truth, decided, average="macro", labels=np.unique(truth))
    assert macro_f1_of(truth, decided, 6) == pytest.approx(expected, abs=1e-12)


def test_a_class_of_one_fold_is_dealt_over_all() -> None:
    folds, truth = np.array([0, 0, 0, 1, 2, 2]), np.array([7, 7, 7, 8, 8, 9])
    spread = spread_lone_classes(folds, truth)
    assert set(spread[truth == 7]) == {0, 1, 2}
    assert spread[truth == 8].tolist() == [1, 2]


def noisy(random: np.random.Generator, truth: np.ndarray, skill: float) -> np.ndarray:
    logits = random.normal(0, 1, (len(truth), 3))
    logits[np.arange(len(truth)), truth] += skill
    raised = np.exp(logits)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def test_a_blend_is_no_worse_than_its_parts_and_leaves_out_noise() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 2000)
    tables = [noisy(random, truth, 1.5), noisy(random, truth, 1.0), noisy(random, truth, 0.0)]
    blend = choose_blend(tables, truth, (1e-6,) * 3)
    blended = blend(tables)
    np.testing.assert_allclose(blended.sum(axis=1), 1)
    assert log_loss(truth, blended) < min(log_loss(truth, table) for table in tables)
    assert blend.exponents[0] > blend.exponents[1] > 0.2
    assert blend.exponents[2] < 0.05


def test_the_exponents_hold_a_temperature() -> None:
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 4000)
    table = noisy(random, truth, 1.0)
    sharpened = table**3 / (table**3).sum(axis=1, keepdims=True)
    (exponent,) = choose_blend([sharpened], truth, (1e-9,)).exponents
    (own,) = choose_blend([table], truth, (1e-9,)).exponents
    assert exponent == pytest.approx(own / 3, rel=0.05)


def test_the_prior_correction_helps_rare_classes_only_if_the_measure_asks_for_it() -> None:
    random = np.random.default_rng(3)
    truth = random.choice(3, 3000, p=[0.9, 0.06, 0.04])
    shares = np.bincount(truth) / len(truth)
    raised = noisy(random, truth, 1.2) * shares
    tables = [raised / raised.sum(axis=1, keepdims=True)]
    plain = choose_blend(tables, truth, (1e-6,))
    shifted = choose_blend(tables, truth, (1e-6,), lambda decided: macro_f1_of(truth, decided, 3))
    assert plain.prior_correction == 0
    assert shifted.prior_correction > 0
    assert macro_f1_of(truth, shifted(tables).argmax(axis=1), 3) > macro_f1_of(
        truth, plain(tables).argmax(axis=1), 3
    )


def test_where_no_row_is_wrong_the_exponents_stay_bounded() -> None:
    truth = np.array([0, 1] * 20)
    table = np.where(np.eye(2)[truth] > 0, 0.999, 0.001)
    assert max(choose_blend([table, table], truth, (1e-6, 1e-6)).exponents) < 2


def test_a_temperature_makes_sure_probabilities_honest() -> None:
    random = np.random.default_rng(4)
    truth = random.integers(0, 3, 4000)
    table = noisy(random, truth, 1.0)
    sharpened = table**3 / (table**3).sum(axis=1, keepdims=True)
    chosen = choose_temperature(sharpened, truth)
    assert chosen.value == pytest.approx(3, rel=0.03)
    assert chosen.before == pytest.approx(log_loss(truth, sharpened))
    assert chosen.after == pytest.approx(log_loss(truth, chosen(sharpened)), rel=1e-6)
    assert chosen.after < chosen.before
    assert (chosen(sharpened).argmax(axis=1) == sharpened.argmax(axis=1)).all()


def test_honest_probabilities_are_left_alone() -> None:
    # What says .75 is right three times in four: no temperature is better.
    table = np.array([[0.25, 0.75]] * 4)
    chosen = choose_temperature(table, np.array([1, 1, 1, 0]))
    assert chosen.value == 1.0
    assert chosen.before == chosen.after
    assert chosen(table) is table


def test_where_no_row_is_wrong_the_temperature_stays_near_one() -> None:
    truth = np.array([0, 1] * 20)
    table = np.where(np.eye(2)[truth] > 0, 0.999, 0.001)
    assert 0.5 < choose_temperature(table, truth).value <= 1


def test_class_weights_go_from_none_to_equal_classes() -> None:
    truth = np.array([0] * 6 + [2] * 2)
    assert class_weights(truth, 0.0) is None
    # Mean size 4: 4/6 and 4/2; at one half their roots.
    assert class_weights(truth, 1.0) == pytest.approx({0: 2 / 3, 2: 2.0})
    assert class_weights(truth, 0.5) == pytest.approx({0: (2 / 3) ** 0.5, 2: 2.0**0.5})
