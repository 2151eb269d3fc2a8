"""How far empty answers climb a public board: one team, and many throw-away teams.

The model: labels are fair coin flips, scores are accuracies, and the attacker has no labels. The
gain is the public accuracy of its last answer minus 0.5. Votes are weighted by released scores.
"""

from __future__ import annotations

import numpy as np

from challenge.kinds import Metric
from challenge.ledger.submissions.ladder import climb, default_step
from challenge.task.settings import Settings

__all__ = ["answers_of_team", "climb_gain", "teams_of_attacker"]

_MODEL = Metric("accuracy of a coin", "Accuracy of a coin", lambda *_: 0.5)
_ATTACKERS = 10
_MOST = 2000
_DAYS_WITHOUT_DATES = 30


def climb_gain(
    n_public: int, n_answers: int, *, one_team: bool, step: float | None = None, seed: int = 0
) -> float:
    """Return the mean public accuracy minus 0.5 after `n_answers` random answers.

    `one_team`: one Ladder applies to all of them; otherwise each comes from a new team, whose first
    score is released. `step` None is the default for this number of public rows. Ten attackers are
    simulated.
    """
    generator = np.random.default_rng(seed)
    step = default_step(n_public) if step is None else step
    gains = [_one_gain(n_public, n_answers, one_team, step, generator) for _ in range(_ATTACKERS)]
    return float(np.mean(gains))


def _one_gain(
    n_public: int, n_answers: int, one_team: bool, step: float, generator: np.random.Generator
) -> float:
    truth = generator.integers(0, 2, n_public) * 2 - 1
    votes = np.zeros(n_public)
    reference: float | None = None
    for _ in range(n_answers):
        answer = generator.integers(0, 2, n_public) * 2 - 1
        release = climb(_MODEL, reference, float((answer == truth).mean()), step)
        if release.released and release.value is not None:
            votes += (release.value - 0.5) * answer
        if one_team:
            reference = release.value
    guess = np.where(votes == 0, 1, np.sign(votes))
    return float((guess == truth).mean()) - 0.5


def teams_of_attacker(settings: Settings) -> int:
    """Return how many teams one person can have in the contest, at most 2,000."""
    if settings.team:
        return 1
    return min(_MOST, settings.limits.new_teams_per_day * _days_of_contest(settings))


def answers_of_team(settings: Settings) -> int:
    """Return how many answers to a task one team can have scored, at most 2,000."""
    most = min(_MOST, settings.limits.per_day * _days_of_contest(settings))
    return most if settings.limits.total is None else min(most, settings.limits.total)


def _days_of_contest(settings: Settings) -> int:
    """Return the days from the opening to the close, 30 where one of them is not stated."""
    closes = settings.closes_utc()
    if settings.opens is None or closes is None:
        return _DAYS_WITHOUT_DATES
    return max(1, (closes - settings.opens).days)
