"""The reference entry for upgrades: few rows that an earlier entry had right become wrong.

It is AutoGluon, blended with the predictions of an earlier run. How much of that is kept is chosen
out of fold, on train rows only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse
from challenge.methods.builtin.autogluon import AutoGluon
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.congruence import blend_with_earlier, choose_weight
from challenge.methods.builtin.folds import best_f1_threshold, label_codes, macro_f1_of
from challenge.methods.earlier import OUT_OF_FOLD, read_earlier
from challenge.methods.protocol import (
    Progress,
    decisions_frame,
    frame_values,
    probabilities_frame,
    silent,
)
from challenge.methods.run.handover import PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["AutoGluonPC"]


class AutoGluonPC:
    """AutoGluon that keeps a part of an earlier run: `earlier` is its folder.

    Positive-congruent means that a row which was right stays right.
    """

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
        if not task.kind.has_right_answers:
            raise WrongUse(
                Fault(
                    f"task {task.id}",
                    f"{task.kind.title}, whose answers are neither right nor wrong",
                    "classes or matches",
                    "run autogluon",
                    code="no-flips",
                )
            )
        self._task, self._train = task, train[["id"]].reset_index(drop=True)
        truth = label_codes(train, task)
        earlier, answers = read_earlier(self._earlier / OUT_OF_FOLD, train, task)
        self._entry.fit(train, task)
        self._progress("choosing how much of the earlier run is kept")
        new = frame_values(self._entry.predict_out_of_fold(), task)
        self._chosen = choose_weight(new, earlier, answers == truth, truth, self._decider(truth))
        blended = blend_with_earlier(new, earlier, self._chosen.weight)
        self._temperature = choose_temperature(blended, truth)
        self._blended = self._temperature(blended)
        if task.kind.paired:
            self._threshold, _ = best_f1_threshold(truth, self._blended[:, 1])
        self.details = {
            **self._entry.details,
            **self._temperature.as_details(),
            **self._chosen.as_details(),
        }
        self.summary = f"{self._entry.summary}; {self._chosen.weight:.0%} earlier"

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, or scores of matches and decisions."""
        earlier, _ = read_earlier(self._earlier / PREDICTIONS, test, self._task)
        new = frame_values(self._entry.predict(test), self._task)
        blended = blend_with_earlier(new, earlier, self._chosen.weight)
        return self._submission(test, self._temperature(blended))

    def predict_out_of_fold(self) -> pd.DataFrame:
        """Return predictions of the training rows by models that did not see their fold.

        The weight of the earlier run and the threshold of a match were chosen on these rows.
        """
        return self._submission(self._train, self._blended)

    def _submission(self, table: pd.DataFrame, rows: NDArray[Any]) -> pd.DataFrame:
        if self._task.kind.paired:
            return decisions_frame(table, rows[:, 1], self._threshold)
        return probabilities_frame(table, self._task, rows)

    def _decider(self, truth: NDArray[Any]) -> Any:
        """Return what decides probabilities and scores these decisions."""
        task, n_classes = self._task, len(self._task.classes)
        alike = task.kind.metrics[task.metric].classes_weigh_alike

        def decide(rows: NDArray[Any]) -> tuple[NDArray[Any], float]:
            if task.kind.paired:
                threshold, f1 = best_f1_threshold(truth, rows[:, 1])
                return (rows[:, 1] >= threshold).astype(int), f1
            decided = rows.argmax(axis=1)
            if alike:
                return decided, macro_f1_of(truth, decided, n_classes)
            return decided, float((decided == truth).mean())

        return decide
