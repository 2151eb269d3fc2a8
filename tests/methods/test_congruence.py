"""How much of an earlier model is kept: chosen out of fold, at no worse score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.methods.builtin.congruence import WEIGHTS, blend_with_earlier, choose_weight


def accuracy_of(truth: NDArray[Any]) -> Any:
    def decide(rows: NDArray[Any]) -> tuple[NDArray[Any], float]:
        decided = rows.argmax(axis=1)
        return decided, float((decided == truth).mean())

    return decide


def chosen(new: NDArray[Any], earlier: NDArray[Any], truth: NDArray[Any]) -> Any:
    right = earlier.argmax(axis=1) == truth
    return choose_weight(new, earlier, right, truth, accuracy_of(truth))


def test_the_least_weight_that_brings_a_right_answer_back_is_taken() -> None:
    # Row 0: new 0.4 to 0.6 is wrong, the earlier model is sure with 0.9 to 0.1. Odds of class 0 at
    # weight w: (2/3)^(1-w) * 9^w > 1 from w = 0.1557 on, so 0.2 is the first of the steps.
    truth = np.array([0, 1])
    new = np.array([[0.4, 0.6], [0.1, 0.9]])
    earlier = np.array([[0.9, 0.1], [0.5, 0.5]])
    found = chosen(new, earlier, truth)
    assert found.weight == 0.2
    assert (found.flips_before, found.flips) == (0.5, 0.0)
    assert (found.score_before, found.score) == (0.5, 1.0)


def test_a_weight_that_costs_score_is_not_taken() -> None:
    # Keeping row 0 needs 0.2, but from 0.05 on rows 1 and 2, which only the new model has right,
    # become wrong: its odds there are 51 to 49 against 1 to 99.
    truth = np.array([0, 1, 1])
    new = np.array([[0.4, 0.6], [0.49, 0.51], [0.49, 0.51]])
    earlier = np.array([[0.9, 0.1], [0.99, 0.01], [0.99, 0.01]])
    found = chosen(new, earlier, truth)
    assert found.weight == 0.0
    assert found.flips == found.flips_before


def test_equal_models_need_no_blend() -> None:
    rows = np.array([[0.2, 0.8], [0.7, 0.3]])
    assert chosen(rows, rows, np.array([1, 1])).weight == 0.0


def test_a_blend_keeps_what_both_say_and_is_never_zero() -> None:
    sure = np.array([[1.0, 0.0]])
    for weight in WEIGHTS:
        rows = blend_with_earlier(sure, sure, weight)
        assert rows.sum() == 1.0
        assert 0 < rows[0, 1] < 1e-5
