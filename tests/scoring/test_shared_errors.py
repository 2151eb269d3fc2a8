"""Near-copies are found by the wrong answers that they share; independent errors are not."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.scoring.statistics.shared_errors import shared_errors


def answers_of(
    chance: np.random.Generator, truth: np.ndarray, errors: np.ndarray | float, k: int
) -> np.ndarray:
    """Return answers that are wrong independently, at random classes."""
    wrong = chance.random(len(truth)) < errors
    return np.where(wrong, (truth + chance.integers(1, k, len(truth))) % k, truth).astype(np.int32)


@pytest.mark.parametrize("k", [2, 5])
def test_a_near_copy_is_found_among_independent_entries(k: int) -> None:
    chance = np.random.default_rng(k)
    truth = chance.integers(0, k, 1500).astype(np.int32)
    answers = [answers_of(chance, truth, 0.25, k) for _ in range(12)]
    copied = answers[3].copy()
    changed = chance.random(len(truth)) < 0.1
    copied[changed] = chance.integers(0, k, int(changed.sum()))
    found = shared_errors(truth, [*answers, copied], list(range(13)))
    assert [(pair.a, pair.b) for pair in found] == [(3, 12)]
    assert found[0].n_same > 2 * found[0].expected
    assert shared_errors(truth, [answers[3], copied], [7, 7]) == [], "of one team"


def test_hard_rows_make_no_copies() -> None:
    chance = np.random.default_rng(1)
    alarms = 0
    for _ in range(20):
        truth = chance.integers(0, 4, 800).astype(np.int32)
        hard = np.where(chance.random(800) < 0.3, 0.6, 0.1)
        answers = [answers_of(chance, truth, hard, 4) for _ in range(8)]
        alarms += bool(shared_errors(truth, answers, list(range(8))))
    assert alarms <= 1


def test_nothing_and_perfect_entries_are_no_pairs() -> None:
    truth = np.zeros(50, np.int32)
    assert shared_errors(truth, [], []) == []
    assert shared_errors(truth, [truth, truth], [1, 2]) == []
