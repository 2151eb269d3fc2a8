"""The reference entry for upgrades: few rows that an earlier entry had right become wrong.

It is AutoGluon, blended with the predictions of an earlier run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, WrongUse
from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.congruence import KeptAnswers
from challenge.methods.protocol import RIGHT_ANSWERS, Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from challenge.task import Task

__all__ = ["AutoGluonPC"]


class AutoGluonPC:
    """AutoGluon that keeps a part of an earlier run: `earlier` is its folder.

    Positive-congruent means that a row which was right stays right.
    """

    kinds = RIGHT_ANSWERS

    def __init__(
        self,
        *,
        seed: int = 0,
        threads: int = 2,
        time_limit: float | None = None,
        preset: str = "default",
        earlier: str | None = None,
        progress: Progress = silent,
    ) -> None:
        if earlier is None:
            raise WrongUse(
                Fault(
                    "method autogluon-pc",
                    "no earlier run",
                    "the folder of an earlier run, whose right answers are kept",
                    "add --earlier DIR, which `challenge run METHOD --to DIR` wrote with and "
                    "without --cv",
                    code="no-earlier",
                )
            )
        self._earlier, self._progress = Path(earlier), progress
        self._entry = AutoGluon(
            seed=seed, threads=threads, time_limit=time_limit, preset=preset, progress=progress
        )
        self.details: dict[str, object] = {}
        self.summary = ""

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Fit AutoGluon, and choose out of fold how much of the earlier run is kept."""
        self._kept = KeptAnswers(self._earlier, task)
        self._entry.fit(train, task)
        self._progress("choosing how much of the earlier run is kept")
        self._blended = self._kept.fit(train, self._entry.predict_out_of_fold())
        self.details = {**self._entry.details, **self._kept.details}
        self.summary = f"{self._entry.summary}; {self._kept.weight:.0%} earlier"

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, or scores of matches and decisions."""
        return self._kept.predict(test, self._entry.predict(test))

    def predict_out_of_fold(self) -> pd.DataFrame:
        """Return predictions of the training rows by models that did not see their fold.

        The weight of the earlier run and the threshold of a match were chosen on these rows.
        """
        return self._blended
