"""Names of classes join the blend only where they significantly lower the log loss out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.methods.builtin.class_names import NamesGain, gain_of_names

FOLDS, CLASSES, EACH = 5, 3, 60


def tables(good_folds: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return a weak model, names that are right in so many folds only, truth and folds."""
    random = np.random.default_rng(0)
    folds = np.repeat(np.arange(FOLDS), EACH)
    truth = np.tile(np.arange(CLASSES), FOLDS * EACH // CLASSES)
    weak = random.dirichlet(np.ones(CLASSES), len(truth)) + 0.3 * np.eye(CLASSES)[truth]
    right = np.where(folds < good_folds, truth, random.integers(0, CLASSES, len(truth)))
    names = 0.1 + np.eye(CLASSES)[right]
    return (weak / weak.sum(1, keepdims=True), names / names.sum(1, keepdims=True), truth, folds)


def test_names_that_help_in_every_fold_are_read() -> None:
    weak, names, truth, folds = tables(FOLDS)
    gain = gain_of_names({"model": weak}, names, truth, folds)
    assert gain.helps and gain.gain > 0.5
    assert gain.as_details()["used"] is True


def test_names_that_help_in_two_folds_only_are_not_read_although_the_mean_is_better() -> None:
    weak, names, truth, folds = tables(2)
    gain = gain_of_names({"model": weak}, names, truth, folds)
    assert gain.gain > 0 and not gain.helps


def test_rows_of_one_text_count_once() -> None:
    """A long series of one text, which names get right, does not decide in each fold."""
    weak, names, truth, folds = tables(0)
    names += np.random.default_rng(1).random(names.shape) * 1e-3
    long = np.tile(np.arange(EACH) < EACH // 2, FOLDS)
    truth = np.where(long, 0, truth)
    names = np.where(long[:, None], [[0.8, 0.1, 0.1]], names)
    gain = gain_of_names({"model": weak}, names, truth, folds)
    assert not gain.helps
    apart = names + np.random.default_rng(2).random(names.shape) * 1e-3
    assert gain_of_names({"model": weak}, apart, truth, folds).helps


def test_one_fold_shows_nothing() -> None:
    weak, names, truth, folds = tables(FOLDS)
    assert not gain_of_names({"model": weak}, names, truth, np.zeros_like(folds)).helps


def test_few_folds_ask_for_more_than_two_standard_errors() -> None:
    """With five folds the quantile of Student's t is 2.78."""
    assert not NamesGain(2.5, 1.0, FOLDS).helps
    assert NamesGain(2.8, 1.0, FOLDS).helps
    assert NamesGain(2.5, 1.0, 10).helps
