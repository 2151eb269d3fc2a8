"""Policies for logs: the one that made the log, the uniform one, and three that learn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.features.blocks import TableBlocks
from challenge.kinds.statistics.arm_ridge import ArmRidge, fit_arms
from challenge.methods.builtin.folds import fold_codes, label_codes
from challenge.methods.protocol import (
    LOGS,
    Progress,
    probabilities_frame,
    refuse_other_kinds,
    silent,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["EpsilonGreedy", "Greedy", "LinUCB", "LoggingPolicy", "UniformPolicy"]

_COMPONENTS = 32
"""Components of each text or image that contexts have."""

_LEAST = 1e-6
"""A logging policy shows every arm."""


class UniformPolicy:
    """Every arm with the same probability."""

    kinds = LOGS

    def __init__(self) -> None:
        self.details: dict[str, object] = {"features": []}

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Take the arms."""
        del train
        refuse_other_kinds(task, self.kinds)
        self._task = task

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return equal probabilities."""
        import numpy as np

        return probabilities_frame(test, self._task, np.ones((len(test), len(self._task.classes))))


class _Contexts:
    """Rows of a table as numbers, with an intercept."""

    def __init__(self, task: Task, seed: int, threads: int, progress: Progress) -> None:
        self._blocks = TableBlocks(
            task,
            seed=seed,
            axes=_COMPONENTS,
            weights=False,
            threads=threads,
            progress=progress,
        )

    @property
    def used(self) -> list[str]:
        """The families of features."""
        return list(self._blocks.used)

    def rows(self, table: pd.DataFrame, *, fitting: bool = False) -> NDArray[Any]:
        """Return the contexts (n, d)."""
        import numpy as np

        make = self._blocks.fit_transform if fitting else self._blocks.transform
        return np.hstack([np.ones((len(table), 1)), *make(table).values()]).astype(np.float64)


class _OfContexts:
    """A policy that depends on the context."""

    kinds = LOGS

    def __init__(self, *, seed: int = 0, threads: int = 1, progress: Progress = silent) -> None:
        self._options = seed, threads, progress
        self.details: dict[str, object] = {}

    def _begin(self, task: Task) -> None:
        """Take the arms, and say how contexts become numbers."""
        refuse_other_kinds(task, self.kinds)
        self._task = task
        self._contexts = _Contexts(task, *self._options)


class LoggingPolicy(_OfContexts):
    """The policy that made the log of train.

    A log states the propensity of the shown arm only. Those of an arm in other contexts follow from
    one ridge regression an arm; they are exact for a uniform log.
    """

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Learn how probable each arm is in which context."""
        self._begin(task)
        self._propensities = _by_arm(self._contexts, train, task, "propensity")
        self.details = {"features": self._contexts.used}

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of each arm."""
        found = self._propensities(self._contexts.rows(test)).clip(_LEAST, 1.0)
        return probabilities_frame(test, self._task, found)


class Greedy(_OfContexts):
    """In each row the arm with the largest expected reward, by one ridge regression an arm.

    With `epsilon` that arm is shown with the probability 1 - epsilon, any arm with the rest.
    """

    epsilon = 0.0

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Fit the regressions; their common penalty is chosen out of fold."""
        self._begin(task)
        self._expected = _by_arm(self._contexts, train, task, "reward")
        self.details = {"features": self._contexts.used, "penalty": self._expected.penalty}

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return an arm a row, or probabilities where an epsilon is drawn."""
        import numpy as np

        best = self._expected(self._contexts.rows(test)).argmax(axis=1)
        if not self.epsilon:
            return _arms_frame(test, self._task, best)
        k = len(self._task.classes)
        rows = (1.0 - self.epsilon) * np.eye(k)[best] + self.epsilon / k
        return probabilities_frame(test, self._task, rows)


class EpsilonGreedy(Greedy):
    """Greedy, but one row in ten shows any arm."""

    epsilon = 0.1


class LinUCB(_OfContexts):
    """Disjoint LinUCB (Li et al. 2010, WWW, algorithm 1), learned by replay of the log of train.

    The rows come in the order of their ids, which is random. A row teaches when the arm that LinUCB
    would show was shown. `alpha` is the width of the confidence bound in standard errors.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        seed: int = 0,
        threads: int = 1,
        progress: Progress = silent,
    ) -> None:
        super().__init__(seed=seed, threads=threads, progress=progress)
        self._alpha = alpha

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Replay the log."""
        import numpy as np

        self._begin(task)
        rows = self._contexts.rows(train, fitting=True)
        arms, rewards = label_codes(train, task), train["reward"].to_numpy(float)
        k, d = len(task.classes), rows.shape[1]
        self._inverse = np.tile(np.eye(d), (k, 1, 1))
        self._sums = np.zeros((k, d))
        self._means = np.zeros((k, d))
        n_learned = 0
        for context, arm, reward in zip(rows, arms, rewards, strict=True):
            if int(self._bounds(context[None])[0].argmax()) != arm:
                continue
            # Sherman and Morrison: the inverse after one more row.
            moved = self._inverse[arm] @ context
            self._inverse[arm] -= np.outer(moved, moved) / (1.0 + context @ moved)
            self._sums[arm] += reward * context
            self._means[arm] = self._inverse[arm] @ self._sums[arm]
            n_learned += 1
        self.details = {"features": self._contexts.used, "rows_learned": n_learned}

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return the arm with the largest upper bound in each row."""
        return _arms_frame(test, self._task, self._bounds(self._contexts.rows(test)).argmax(axis=1))

    def _bounds(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the upper bound of the expected reward of each arm in each row, (n, k)."""
        import numpy as np

        found = rows @ self._means.T
        for arm, inverse in enumerate(self._inverse):
            spread = np.einsum("ij,ij->i", rows @ inverse, rows)
            found[:, arm] += self._alpha * np.sqrt(np.maximum(spread, 0.0))
        return np.asarray(found)


def _by_arm(contexts: _Contexts, train: pd.DataFrame, task: Task, column: str) -> ArmRidge:
    """Return regressions of a column on the contexts of train, one an arm."""
    return fit_arms(
        contexts.rows(train, fitting=True),
        label_codes(train, task),
        train[column].to_numpy(float),
        len(task.classes),
        fold_codes(train, task),
    )


def _arms_frame(test: pd.DataFrame, task: Task, codes: NDArray[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"id": list(test["id"]), "label": [task.classes[code] for code in codes]})
