"""The search: propose options, measure them, and stop by the rule.

Proposals depend on the seed and the earlier trials only. So an interrupted search, or one
that gets more trials later, ends as one without a break.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from challenge.errors import ChallengeError, MissingRequirement
from challenge.methods.protocol import Progress, silent
from challenge.methods.search.regret import MIN_TRIALS, fold_error, regret_bound, stagnates
from challenge.methods.search.sampler import sample_options
from challenge.methods.search.trial import Measured, Trial, best_of
from challenge.methods.space import Space, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "RULES",
    "Look",
    "Propose",
    "Search",
    "Stop",
    "search",
    "space_candidates",
    "space_point",
]

Stop = Literal["regret", "stagnation", "none"]
RULES: tuple[Stop, ...] = ("regret", "stagnation")
"""The rules that can stop a search early."""
Propose = Callable[[Space, Sequence[Trial], int, int], Mapping[str, Value]]
"""Returns the options of a trial from space, earlier trials, seed and number."""

_HOPELESS = 5
"""After this many failures and no success the search ends with an error."""
_CANDIDATES = 4096


@dataclass(frozen=True)
class Look:
    """The state after a trial, from the 20th finished one on.

    `bound` is the possible gain, `error` the statistical error, both in the metric's unit.
    """

    number: int
    best: float
    bound: float
    error: float
    stagnant: bool

    def meets(self, stop: Stop) -> bool:
        """Return whether the rule would stop here."""
        regret = self.bound < self.error or self.bound == 0.0
        return {"regret": regret, "stagnation": self.stagnant}.get(stop, False)


@dataclass(frozen=True)
class Search:
    """All trials in order, the state after each, and whether a rule ended the search."""

    trials: tuple[Trial, ...]
    looks: tuple[Look, ...]
    stopped: bool

    @property
    def best(self) -> Trial:
        """The finished trial with the highest mean, of equals the earliest."""
        return best_of(self.trials)

    def stop_of(self, rule: Stop) -> int | None:
        """Return the number of the trial after which the rule would have stopped, or None."""
        return next((look.number for look in self.looks if look.meets(rule)), None)


def search(
    space: Space,
    measure: Callable[[Mapping[str, Value]], Measured],
    *,
    first: Mapping[str, Value] | None = None,
    n_trials: int = 60,
    stop: Stop = "regret",
    seed: int = 0,
    kept: Sequence[Trial] = (),
    keep: Callable[[Trial], None] = lambda trial: None,
    propose: Propose = sample_options,
    progress: Progress = silent,
) -> Search:
    """Try up to `n_trials` options of the space; the highest mean over the folds wins.

    `first` is tried first: the method's own options. `kept` are trials of the same search in
    order, used without measuring again; each new one is passed to `keep`. `propose` defaults to
    optuna's sampler. A ChallengeError of `measure` is a failed trial; raised when the first five
    trials fail or all do. MissingRequirement is raised at once.
    """
    trials: list[Trial] = []
    looks: list[Look] = []
    for number in range(1, n_trials + 1):
        if number <= len(kept):
            trial = kept[number - 1]
        else:
            options = first if first is not None and number == 1 else None
            if options is None:
                options = propose(space, trials, seed, number)
            progress(_progress_text(number, n_trials, trials))
            trial = _try(options, measure, number, last=_is_last(trials, number, n_trials))
            keep(trial)
        trials.append(trial)
        look = None if trial.failed else _look(space, trials)
        if look is not None:
            looks.append(look)
            if look.meets(stop):
                return Search(tuple(trials), tuple(looks), stopped=True)
    return Search(tuple(trials), tuple(looks), stopped=False)


def _try(
    options: Mapping[str, Value],
    measure: Callable[[Mapping[str, Value]], Measured],
    number: int,
    *,
    last: bool,
) -> Trial:
    began = time.monotonic()
    try:
        measured = measure(options)
    except MissingRequirement:
        raise
    except ChallengeError as error:
        if last:
            raise
        seconds = round(time.monotonic() - began, 1)
        return Trial(number, options, (), seconds, error.faults[0].found)
    seconds = round(time.monotonic() - began, 1)
    return Trial(number, options, measured.fold_scores, seconds, "", measured.figures)


def _is_last(trials: Sequence[Trial], number: int, n_trials: int) -> bool:
    """Return whether one more failure ends the search, since no trial has succeeded."""
    return all(trial.failed for trial in trials) and number >= min(_HOPELESS, n_trials)


def _look(space: Space, trials: Sequence[Trial]) -> Look | None:
    import numpy as np

    finished = [trial for trial in trials if not trial.failed]
    if len(finished) < MIN_TRIALS:
        return None
    best = best_of(finished)
    values = [trial.value for trial in finished]
    points = np.array([space_point(space, trial.options) for trial in finished])
    bound = regret_bound(points, values, len(space), space_candidates(space))
    error = fold_error(best.fold_scores)
    return Look(trials[-1].number, best.value, bound, error, stagnates(values))


def space_point(space: Space, options: Mapping[str, Value]) -> list[float]:
    """Return the coordinates of options, each 0 to 1."""
    return [
        share for name, dimension in space.items() for share in dimension.coordinates(options[name])
    ]


def space_candidates(space: Space) -> NDArray[Any]:
    """Return coordinates that cover the space evenly: a scrambled Sobol sequence."""
    import numpy as np
    from scipy.stats import qmc

    shares = qmc.Sobol(len(space), seed=0).random(_CANDIDATES)
    parts = []
    for index, dimension in enumerate(space.values()):
        parts.append([dimension.coordinates(dimension.at(share)) for share in shares[:, index]])
    return np.hstack([np.array(part) for part in parts])


def _progress_text(number: int, n_trials: int, trials: Sequence[Trial]) -> str:
    if all(trial.failed for trial in trials):
        return f"trial {number} of at most {n_trials}"
    return f"trial {number} of at most {n_trials}, best so far {best_of(trials).value:.4f}"
