"""Climbing the public board without any knowledge, on the task's own rows, clusters and scorer.

Two attackers hand in answers drawn from the labels of train. One votes with them, weighted by the
scores that the Ladder released; its gain is the public score of that vote above the same vote with
the weights shuffled. The other draws a part of its best answer again, and keeps what scores better;
its gain is the public score above that of its first answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.attack.trivial_answers import answers_of, rows_of
from challenge.kinds import Metric
from challenge.kinds.estimates import baseline_of, estimate
from challenge.kinds.scored_rows import ScoredRows
from challenge.ledger.contest.climb_attack import days_of_contest, teams_of_attacker
from challenge.ledger.submissions.ladder import Release, climb
from challenge.ledger.submissions.score_rows import ladder_step, ladder_steps
from challenge.ledger.submissions.submit import scored_subset
from challenge.scoring.attacks import MOST_GAIN, Attack
from challenge.scoring.score import score_part
from challenge.scoring.solution import read_solution, read_train_truth
from challenge.task import Task
from challenge.task.settings import Settings

__all__ = ["ladder_attacks"]

_ATTACKERS = 5
_MOST_ANSWERS = 1000
"""More answers of one attacker are not simulated: each of them costs a score."""
_TINY = 1e-9
_REDRAWN = 0.1

Labels = NDArray[Any]


@dataclass(frozen=True)
class _Board:
    """What an attacker meets: the rows of the public subset, as a table of their own."""

    task: Task
    metric: Metric
    public: ScoredRows
    train: Labels
    step: float
    unit: float
    """What a gain is a share of: 1, or the baseline score of a metric without bounds."""
    steps_after: Callable[[int], int]
    """By how many steps an answer must be better after so many of the team."""

    def release(self, known: float | None, labels: Labels, n_before: int) -> Release:
        """Return what the Ladder shows of an answer after `n_before` answers of the team."""
        steps = self.steps_after(n_before)
        return climb(self.metric, known, self.score(labels), self.step, steps)

    def score(self, labels: Labels) -> float | None:
        """Return the public score of labels of the public rows."""
        outcome = self.task.kind.outcome(self.public, answers_of(self.task, labels).answers)
        return estimate(self.metric, outcome).value

    def voting(self, n_answers: int, *, one_team: bool, seed: int) -> float:
        """Return the gain of one attacker that votes, in units of merit."""
        generator = np.random.default_rng(seed)
        answers, weights = [], []
        reference: float | None = None
        for n_before in range(n_answers):
            answer = generator.choice(self.train, self.public.n)
            release = self.release(reference, answer, n_before if one_team else 0)
            if release.released and release.value is not None:
                answers.append(answer)
                weights.append(self.metric.merit(release.value))
            if one_team:
                reference = release.value
        if len(weights) < 2:
            return 0.0
        shown = np.array(weights)
        shown -= shown.mean()
        knowing = self._merit(self._vote(answers, shown))
        blind = self._merit(self._vote(answers, generator.permutation(shown)))
        return knowing - blind

    def drawing_again(self, n_answers: int, *, one_team: bool, seed: int) -> float:
        """Return the gain of one attacker that changes its best answer, in units of merit."""
        generator = np.random.default_rng(seed)
        first = best = generator.choice(self.train, self.public.n)
        reference = self.release(None, best, 0).value
        shown = reference
        for n_before in range(1, n_answers):
            again = generator.random(self.public.n) < _REDRAWN
            answer = np.where(again, generator.choice(self.train, self.public.n), best)
            known = reference if one_team else None
            release = self.release(known, answer, n_before if one_team else 0)
            if not release.released or release.value is None:
                continue
            if shown is None or self.metric.merit(release.value) > self.metric.merit(shown):
                best, shown = answer, release.value
            reference = release.value
        return self._merit(best) - self._merit(first)

    def _vote(self, answers: list[Labels], weights: NDArray[np.float64]) -> Labels:
        if not self.task.classes:
            positive = np.maximum(weights, 0.0) + _TINY
            averaged: Labels = np.average(np.stack(answers), axis=0, weights=positive)
            return averaged
        votes = np.zeros((len(self.task.classes), self.public.n))
        rows = np.arange(self.public.n)
        for answer, weight in zip(answers, weights, strict=True):
            votes[answer, rows] += weight
        voted: Labels = votes.argmax(axis=0)
        return voted

    def _merit(self, labels: Labels) -> float:
        value = self.score(labels)
        return 0.0 if value is None else self.metric.merit(value)


def ladder_attacks(task: Task, settings: Settings) -> list[Attack]:
    """Climb as one team and as many teams.

    Empty where the contest shows no public scores, and for vectors, which are not put to a vote.
    """
    if scored_subset(settings, task) != "public" or task.kind.has_things:
        return []
    board = _board_of(task, settings)
    n_answers = settings.limits.per_day * days_of_contest(settings)
    if settings.limits.total is not None:
        n_answers = min(n_answers, settings.limits.total)
    one = _attack(
        board,
        "Ladder, one team",
        n_answers,
        "answers of one team",
        "raise ladder_step, the share of public rows, or lower limits.per_day",
        one_team=True,
    )
    n_teams = teams_of_attacker(settings)
    if n_teams == 1:
        return [one]
    many = _attack(
        board,
        "Ladder, many teams",
        n_teams,
        "teams of one person, one answer each",
        "declare a roster, or lower limits.new_teams_per_day",
        one_team=False,
    )
    return [one, many]


def _board_of(task: Task, settings: Settings) -> _Board:
    train = read_train_truth(task).labels
    part = rows_of(task, read_solution(task), "public")
    metric = task.kind.metric(task.metric)
    first = np.random.default_rng(0).choice(train, part.n_table)
    score = score_part(task, answers_of(task, first), "public", part)
    baseline = baseline_of(metric, task.kind.outcome, part)
    step = ladder_step(settings, task, score, baseline)
    bounded = math.isfinite(metric.bounds[1] - metric.bounds[0])
    unit = 1.0 if bounded else abs(baseline or 1.0)
    return _Board(
        task,
        metric,
        part.whole(),
        train,
        step,
        unit,
        lambda n_before: ladder_steps(settings, task, score, n_before),
    )


def _attack(
    board: _Board, name: str, n_answers: int, who: str, fix: str, *, one_team: bool
) -> Attack:
    n = min(n_answers, _MOST_ANSWERS)
    gains = {
        how: float(np.mean([way(n, one_team=one_team, seed=seed) for seed in range(_ATTACKERS)]))
        for how, way in (("voting", board.voting), ("drawing again", board.drawing_again))
    }
    best = max(gains, key=lambda how: gains[how])
    simulated = f" of {n_answers:,}" if n < n_answers else ""
    return Attack(
        board.task.id,
        name,
        gains[best] / board.unit,
        MOST_GAIN,
        f"{n:,}{simulated} {who}, by {best}; mean of {_ATTACKERS} attackers, on the public rows",
        fix,
        kind="ladder",
    )
