"""AutoGluon as a stranger would call it: the columns as they are, its presets, its reading of text.

It shows what features and folds are worth. Images are not read: `fit(train)` takes file names for
text. AutoGluon validates on rows that it chooses by chance, so its own score is too high where rows
of a group are alike.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.autogluon_package import quiet, require_autogluon
from challenge.methods.protocol import (
    LABELS,
    Progress,
    chosen_preset,
    numbers_frame,
    probabilities_frame,
    refuse_other_kinds,
    silent,
)

if TYPE_CHECKING:
    import pandas as pd

    from challenge.task import Task

__all__ = ["AutoGluonPlain"]

_DEFAULT = "medium_quality"
_PRESETS = {name: name for name in (_DEFAULT, "good_quality", "high_quality", "best_quality")}
_PRESETS["default"] = _DEFAULT
"""Names of AutoGluon; `default` is the one that it takes without a name."""


class AutoGluonPlain:
    """`TabularPredictor("label").fit(train)` without id and images."""

    kinds = LABELS

    def __init__(
        self,
        *,
        threads: int = 2,
        time_limit: float | None = None,
        preset: str = "default",
        progress: Progress = silent,
    ) -> None:
        self._preset = chosen_preset(preset, _PRESETS)
        require_autogluon()
        self._threads, self._time_limit, self._progress = threads, time_limit, progress
        self.details: dict[str, object] = {}
        self.summary = ""

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Fit the preset on the columns as they are."""
        refuse_other_kinds(task, self.kinds)
        self._task = task
        self._progress(f"fitting AutoGluon: {self._preset}")
        with quiet():
            from autogluon.tabular import TabularPredictor

            self._folder = tempfile.TemporaryDirectory(prefix="challenge-autogluon-")
            predictor = TabularPredictor(
                "label", path=self._folder.name, problem_type=self._problem(), verbosity=0
            )
            self._predictor = predictor.fit(
                self._columns(train).assign(label=self._labels(train)),
                presets=self._preset,
                time_limit=self._time_limit,
                num_cpus=self._threads,
                num_gpus=0,
            )
            models = self._predictor.leaderboard(silent=True)
        best = self._predictor.model_best
        own = float(models.set_index("model").loc[best, "score_val"])
        not_read = [column.name for column in task.columns_of("image")]
        self.details = {
            "autogluon_preset": self._preset,
            "models": sorted(models["model"]),
            "best_model": best,
            "own_validation": {"metric": self._predictor.eval_metric.name, "score": round(own, 6)},
            "columns_not_read": not_read,
        }
        self.summary = f"{best}{', images not read' if not_read else ''}"

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, decisions and scores of matches, or numbers."""
        import pandas as pd

        columns, task = self._columns(test), self._task
        with quiet():
            if task.kind.label == "number":
                return numbers_frame(test, self._predictor.predict(columns))
            found = self._predictor.predict_proba(columns, as_multiclass=True)
            if task.kind.paired:
                decided = self._predictor.predict(columns).astype(str) == task.classes[1]
                scores = found[task.classes[1]].to_numpy()
                rows = {"id": list(test["id"]), "label": decided.astype("int8"), "score": scores}
                return pd.DataFrame(rows)
        # AutoGluon leaves out classes of fewer than ten rows.
        return probabilities_frame(
            test, task, found.reindex(columns=list(task.classes), fill_value=0.0).to_numpy()
        )

    def _columns(self, table: pd.DataFrame) -> pd.DataFrame:
        read = [column.name for column in self._task.columns if column.modality != "image"]
        return table[read].reset_index(drop=True)

    def _labels(self, train: pd.DataFrame) -> list[Any]:
        labels = train["label"]
        return list(labels if self._task.kind.label == "number" else labels.astype(str))

    def _problem(self) -> str:
        if self._task.kind.label == "number":
            return "regression"
        return "binary" if len(self._task.classes) == 2 else "multiclass"
