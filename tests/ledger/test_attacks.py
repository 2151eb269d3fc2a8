"""Teams that learn nothing but try to climb the board: what the Ladder lets them gain.

The attacker knows the rows and that labels are a fair coin, so an honest score is .5. It hands in
100 files and may withdraw any. The gain is the accuracy of its last vector on the public subset
minus .5; on the private subset it must not differ from chance. Without a Ladder the same attacks
gain up to .10 on 1,200 public rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from challenge.kinds import kind_of
from challenge.ledger import open_ledger, read_snapshot, submit, withdraw
from challenge.ledger.submissions.ladder import (
    MEASURED_CLIMB,
    climb,
    default_step,
    steps_to_beat,
)
from tests.ledger.toy import CONTEST, make_challenge, make_task, subsets_of, write_labels

Signs = NDArray[np.int8]
Tell = Callable[[Signs], float | None]
"""Hands in a vector of -1 and 1; returns the public score when it is told one."""

ACCURACY = kind_of("classification").metric("accuracy")
N, N_PUBLIC, BUDGET = 4_000, 1_200, 100


def coin(generator: np.random.Generator) -> Signs:
    return (2 * generator.integers(0, 2, N) - 1).astype(np.int8)


def majority_of_told(report: Tell, generator: np.random.Generator) -> Signs:
    """Vote of the vectors that moved the board."""
    votes = np.zeros(N)
    for _ in range(BUDGET - 1):
        vector = coin(generator)
        if report(vector) is not None:
            votes += vector
    return sign(votes, generator)


def signed_majority(report: Tell, generator: np.random.Generator) -> Signs:
    """Vote of all vectors, those against that moved nothing."""
    votes = np.zeros(N)
    for number in range(BUDGET - 1):
        vector = coin(generator)
        told = report(vector)
        votes += vector if told is not None else -vector / (1 + number)
    return sign(votes, generator)


def weighted_majority(report: Tell, generator: np.random.Generator) -> Signs:
    """Vote weighted by what was told above chance."""
    votes = np.zeros(N)
    for _ in range(BUDGET - 1):
        vector = coin(generator)
        told = report(vector)
        votes += (0.0 if told is None else told - 0.5) * vector
    return sign(votes, generator)


def hill_climb(share: float) -> Callable[[Tell, np.random.Generator], Signs]:
    """Flip a random share of the best vector, keep what the board rewards."""

    def attack(report: Tell, generator: np.random.Generator) -> Signs:
        best = coin(generator)
        report(best)
        for _ in range(BUDGET - 2):
            vector = best.copy()
            vector[generator.random(N) < share] *= -1
            if report(vector) is not None:
                best = vector
        return best

    attack.__name__ = f"hill_climb_{share}"
    return attack


def block_walk(report: Tell, generator: np.random.Generator) -> Signs:
    """Flip one block after the other and keep the flips until the board moves or says no more."""
    best = coin(generator)
    report(best)
    for block in np.array_split(generator.permutation(N), BUDGET - 2):
        vector = best.copy()
        vector[block] *= -1
        if report(vector) is not None:
            best = vector
    return best


def drift(report: Tell, generator: np.random.Generator) -> Signs:
    """Gather small flips unseen; go back when ten of them moved nothing."""
    best = coin(generator)
    report(best)
    vector = best.copy()
    for number in range(BUDGET - 2):
        vector[generator.random(N) < 0.02] *= -1
        if report(vector) is not None:
            best = vector.copy()
        elif number % 10 == 9:
            vector = best.copy()
    return best


def mix_of_told(report: Tell, generator: np.random.Generator) -> Signs:
    """Hand in mixtures of what moved the board so far with new chance."""
    votes = np.zeros(N)
    best = coin(generator)
    for _ in range(BUDGET - 1):
        vector = sign(votes + 1.5 * coin(generator), generator)
        if report(vector) is not None:
            votes += vector
            best = vector
    return best


def sign(votes: NDArray[np.float64], generator: np.random.Generator) -> Signs:
    chosen = np.sign(votes).astype(np.int8)
    even = chosen == 0
    chosen[even] = coin(generator)[even]
    return chosen


ATTACKS = [
    majority_of_told,
    signed_majority,
    weighted_majority,
    hill_climb(0.01),
    hill_climb(0.05),
    hill_climb(0.3),
    block_walk,
    drift,
    mix_of_told,
]


class Board:
    """The rules of the Ladder as the ledger keeps them: a withdrawal lowers no reference."""

    def __init__(self, truth: Signs, step: float) -> None:
        self.truth, self.step = truth[:N_PUBLIC], step
        self.reference: float | None = None
        self.asked = 0

    def report(self, vector: Signs) -> float | None:
        steps = steps_to_beat(N_PUBLIC, self.asked)
        self.asked += 1
        value = accuracy(vector[:N_PUBLIC], self.truth)
        release = climb(ACCURACY, self.reference, value, self.step, steps)
        self.reference = release.value
        return release.value if release.released else None


def accuracy(vector: Signs, truth: Signs) -> float:
    return float((vector == truth).mean())


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_prober_gains_little_in_public_and_nothing_in_private(
    attack: Callable[[Tell, np.random.Generator], Signs],
) -> None:
    gains, private, shown = [], [], []
    for repetition in range(12):
        generator = np.random.default_rng(repetition)
        truth = coin(generator)
        board = Board(truth, default_step(N_PUBLIC))
        vector = attack(board.report, generator)
        board.report(vector)
        assert board.asked <= BUDGET
        assert board.reference is not None
        gains.append(accuracy(vector[:N_PUBLIC], truth[:N_PUBLIC]) - 0.5)
        shown.append(board.reference - 0.5)
        private.append(accuracy(vector[N_PUBLIC:], truth[N_PUBLIC:]) - 0.5)
    assert np.mean(gains) < 0.035
    assert np.mean(shown) < 0.035
    standard_error = 0.5 / np.sqrt((N - N_PUBLIC) * len(private))
    assert abs(np.mean(private)) < 3 * standard_error


@pytest.mark.parametrize("n", [300, 550, 650, 1_000, 2_000, 4_000])
def test_two_hundred_attempts_climb_no_more_than_the_pages_state(n: int) -> None:
    generator = np.random.default_rng(n)
    for flips in (n // 5, n // 3):
        gains = []
        for _ in range(100):
            reference, right = None, 0
            for attempt in range(200):
                now = int(generator.binomial(n, 0.5))
                if attempt:
                    lost = int(generator.hypergeometric(right, n - right, flips))
                    now = right + flips - 2 * lost
                steps = steps_to_beat(n, attempt)
                release = climb(ACCURACY, reference, now / n, default_step(n), steps)
                if release.released:
                    reference, right = release.value, now
            gains.append(right / n - 0.5)
        assert np.mean(gains) < MEASURED_CLIMB + 2 * np.std(gains) / 10


def test_without_a_ladder_the_same_attack_gains_more() -> None:
    generator = np.random.default_rng(0)
    truth = coin(generator)
    board = Board(truth, 0.0)
    votes = np.zeros(N)
    for _ in range(BUDGET - 1):
        vector = coin(generator)
        board.reference = None
        told = board.report(vector)
        assert told is not None
        votes += (told - 0.5) * vector
    gained = accuracy(sign(votes, generator)[:N_PUBLIC], board.truth) - 0.5
    assert gained > 0.08


@pytest.mark.slow
def test_withdrawing_and_submitting_again_opens_no_way_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole ledger under attack: the prober withdraws every release, to be told more."""
    monkeypatch.setenv("CHALLENGE_NOW", "2026-01-05T12:00:00Z")
    challenge = make_challenge(tmp_path / "c", CONTEST.format(per_day=200))
    task = make_task(challenge, "toy", n=N, public=0.3, classes=("no", "yes"), seed=7)
    ledger = open_ledger(challenge)
    generator = np.random.default_rng(1)
    told: list[float] = []

    def report(vector: Signs) -> float | None:
        labels = np.where(vector > 0, "yes", "no").tolist()
        receipt = submit(
            ledger, task, write_labels(task, tmp_path / "x.csv", labels), team="Eve", method="probe"
        )
        if receipt.score is None:
            return None
        assert receipt.score.value is not None
        told.append(receipt.score.value)
        withdraw(ledger, receipt.submission.id)
        again = submit(ledger, task, tmp_path / "x.csv", team="Eve", method="again")
        assert again.score is None and again.reference == receipt.score.value
        return receipt.score.value

    best = coin(generator)
    for _ in range(40):
        vector = best.copy()
        vector[generator.random(N) < 0.05] *= -1
        if report(vector) is not None:
            best = vector
    assert told == sorted(told) and max(told) < 0.56
    assert len(read_snapshot(ledger).primary) == 0
    assert subsets_of(task).count("public") == N_PUBLIC
