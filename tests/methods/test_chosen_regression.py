"""The regression's weight of texts: chosen on the folds, and told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from challenge.methods.builtin.budget import OutOfTime
from challenge.methods.builtin.chosen_regression import ChosenRegression


def said(words: str) -> None:
    assert words.startswith("fitting")


def blocks(random: np.random.Generator, truth: np.ndarray, telling: str) -> dict[str, np.ndarray]:
    """Two blocks of noise; in the telling one a weak column says the label."""
    found = {name: random.normal(0, 1, (len(truth), 150)) for name in ("n-grams x", "number y")}
    found[telling][:, 0] += 3 * (truth - 0.5)
    return found


def fit(regression: ChosenRegression, rows: Any, truth: Any, folds: Any, n_classes: int) -> Any:
    regression.search(rows, truth, folds, n_classes, said)
    return regression.settle(rows, truth)


def chosen(telling: str) -> object:
    random = np.random.default_rng(0)
    truth, folds = random.integers(0, 2, 300), np.arange(300) % 5
    regression = ChosenRegression([0.3], (0.1, 1.0, 5.0))
    found = fit(regression, blocks(random, truth, telling), truth, folds, 2)
    assert (found.argmax(axis=1) == truth).mean() > 0.7
    return regression.as_details()["n-grams"]


def test_texts_weigh_more_where_they_tell_more() -> None:
    assert chosen("n-grams x") == 5.0
    assert chosen("number y") == 0.1


def test_all_axes_are_read_where_the_last_one_tells() -> None:
    random = np.random.default_rng(1)
    truth, folds = random.integers(0, 2, 300), np.arange(300) % 5
    rows = {"n-grams x": random.normal(0, 1, (300, 140))}
    rows["n-grams x"][:, 139] += 4 * truth
    regression = ChosenRegression([0.3], (1.0,), whole=True)
    fit(regression, rows, truth, folds, 2)
    assert regression.as_details()["n-gram components"] == "all"


def test_the_penalty_is_chosen() -> None:
    random = np.random.default_rng(3)
    truth, folds = random.integers(0, 2, 200), np.arange(200) % 5
    noise, many = random.normal(0, 3, 200), random.normal(0, 1, (200, 300))
    # Two columns tell all by their difference alone; of three hundred each tells a little.
    few, many = np.column_stack([truth + noise, noise]), many + 0.15 * truth[:, None]
    for rows, strength in ((few, 1.0), (many, 0.01)):
        regression = ChosenRegression([1.0, 0.01], (1.0,))
        fit(regression, {"number y": rows}, truth, folds, 2)
        assert regression.as_details()["strength"] == strength


def test_a_class_that_no_row_had_gets_zero() -> None:
    random = np.random.default_rng(2)
    truth, folds = random.integers(0, 2, 60), np.arange(60) % 5
    regression = ChosenRegression([1.0], (1.0,))
    rows = {"number y": random.normal(0, 1, (60, 3))}
    assert fit(regression, rows, truth, folds, 3).shape == (60, 3)
    assert (regression.predict(rows)[:, 2] == 0).all()


@pytest.mark.parametrize(("n_in_time", "weight"), [(0, None), (1, 1.0), (2, 3.0)])
def test_an_interrupted_search_leaves_the_best_of_what_was_tried(
    n_in_time: int, weight: float | None
) -> None:
    random = np.random.default_rng(0)
    truth, folds = random.integers(0, 2, 300), np.arange(300) % 5
    rows, tried = blocks(random, truth, "n-grams x"), []

    def report(text: str) -> None:
        tried.append(text)
        if len(tried) > n_in_time:
            raise OutOfTime

    regression = ChosenRegression([0.3], (0.1, 1.0, 3.0, 5.0))
    with pytest.raises(OutOfTime):
        regression.search(rows, truth, folds, 2, report)
    found = regression.settle(rows, truth)
    if weight is None:
        assert found is None
    else:
        assert regression.as_details()["n-grams"] == weight
        assert regression.predict(rows).shape == (300, 2)
