"""AutoGluon's own models: bagged over the folds, and weighed by its own ensemble."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from challenge.methods.builtin.autogluon_package import ensemble_weights, quiet
from challenge.methods.builtin.inputs import nothing_to_read

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["BaggedModels"]


class BaggedModels:
    """A TabularPredictor whose bags are the published folds.

    After `fit`, `weights` has the weight of each model in the ensemble; they sum to 1.
    """

    def __init__(self, task: Task, *, threads: int, stacked: bool) -> None:
        self._task, self._threads, self._stacked = task, threads, stacked
        self._is_number = task.kind.label == "number"

    def fit(
        self,
        table: pd.DataFrame,
        truth: NDArray[Any],
        folds: NDArray[Any],
        models: dict[str, Any],
        time_limit: float | None,
    ) -> NDArray[Any] | None:
        """Fit one model of each kind per fold; return the ensemble's out-of-fold predictions.

        Probabilities (rows x classes), or numbers (rows). With a time limit in seconds the models
        that are not fitted by then are left out; None when there are no others. Raises WrongUse
        when no column distinguishes two rows.
        """
        import numpy as np

        with quiet():
            from autogluon.core.utils.exceptions import NoValidFeatures
            from autogluon.tabular import TabularPredictor

            # Releases after 1.6 take the fold in `fit`, as `validation_structure={"group_on":
            # "fold"}` instead of `groups`. In both forms it is ignored as a feature.
            named = self._named(table).assign(label=truth, fold=folds)
            self._folder = tempfile.TemporaryDirectory(prefix="challenge-autogluon-")
            predictor = TabularPredictor(
                "label",
                path=self._folder.name,
                problem_type=self._problem(),
                eval_metric="root_mean_squared_error" if self._is_number else "log_loss",
                groups="fold",
                verbosity=0,
                learner_kwargs=self._learner_options(),
            )
            try:
                self._predictor = predictor.fit(
                    named,
                    hyperparameters=models,
                    time_limit=time_limit,
                    num_bag_folds=len(set(folds)),
                    num_bag_sets=1,
                    num_stack_levels=int(self._stacked),
                    dynamic_stacking=False,
                    num_cpus=self._threads,
                    num_gpus=0,
                    calibrate=False,
                    # A model that is out of time counts as a failure.
                    raise_on_model_failure=time_limit is None,
                    raise_on_no_models_fitted=time_limit is None,
                )
            except NoValidFeatures as error:
                raise nothing_to_read(self._task) from error
            if not self._predictor.model_names():
                return None
            self.weights = ensemble_weights(self._predictor)
            if self._is_number:
                return np.asarray(self._predictor.predict_oof(), np.float64)
            return self._all_classes(self._predictor.predict_proba_oof(as_multiclass=True))

    def predict(self, table: pd.DataFrame) -> NDArray[Any]:
        """Return predictions of other rows, as `fit` does."""
        import numpy as np

        with quiet():
            if self._is_number:
                return np.asarray(self._predictor.predict(self._named(table)), np.float64)
            found = self._predictor.predict_proba(self._named(table), as_multiclass=True)
            return self._all_classes(found)

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        # Column names of any kind are safe this way; the label cannot clash with a feature.
        named = table.set_axis([f"x{index}" for index in range(table.shape[1])], axis=1)
        return named.reset_index(drop=True)

    def _learner_options(self) -> dict[str, Any]:
        ignored = {"ignored_columns": ["fold"]}
        return ignored if self._is_number else {**ignored, "label_count_threshold": 1}

    def _problem(self) -> str:
        if self._is_number:
            return "regression"
        return "binary" if len(self._task.classes) == 2 else "multiclass"

    def _all_classes(self, found: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        rows = np.zeros((len(found), len(self._task.classes)))
        rows[:, [int(name) for name in found.columns]] = found.to_numpy()
        return rows
