"""Scoring against simulated labels, for a rehearsal; `private/` is not opened."""

from __future__ import annotations

import numpy as np

from challenge.scoring.predictions import Predictions
from challenge.scoring.score import Score, part_of, refuse_strangers, score_part
from challenge.scoring.solution import Solution, read_train_truth
from challenge.scoring.statistics.stored_grouping import group_solution
from challenge.task import SUBSETS, Task

__all__ = ["score_simulated", "simulate_solution", "stated_share"]

_AGREEMENT = 0.6
"""How often a made-up label is what one of the submissions says."""


def simulate_solution(task: Task, votes: list[Predictions], seed: int) -> Solution:
    """Simulate labels and subsets of the test rows from public data and the submissions alone.

    A label is what a random submission says, or else a label of a random row of train, so that
    submissions differ in score. The share of public rows is that of task.json. Rows are
    independent.
    """
    generator = np.random.default_rng(seed)
    train = read_train_truth(task).labels
    labels = generator.choice(train, task.n_test).astype(train.dtype)
    if votes:
        said = np.stack([one.codes if one.numbers is None else one.numbers for one in votes])
        chosen = said[generator.integers(0, len(votes), task.n_test), np.arange(task.n_test)]
        agrees = generator.random(task.n_test) < _AGREEMENT
        labels[agrees] = chosen[agrees]
    subset = np.full(task.n_test, SUBSETS.index("private"), np.int8)
    public = generator.permutation(task.n_test)[: round(stated_share(task) * task.n_test)]
    subset[public] = SUBSETS.index("public")
    rows = np.arange(task.n_test, dtype=np.int32)
    return Solution(labels, subset, rows, rows)


def stated_share(task: Task) -> float:
    """Return the share of test rows that task.json states as public."""
    return float(task.document["split"]["public"])


def score_simulated(task: Task, predictions: Predictions, solution: Solution, seed: int) -> Score:
    """Score predictions on the private subset of a made-up solution, its vector included."""
    refuse_strangers(task, predictions, "test")
    key = f"rehearsal {task.id} {seed}".encode()
    part = part_of(task, solution, "private", group_solution(solution, "private", key))
    return score_part(task, predictions, "private", part)
