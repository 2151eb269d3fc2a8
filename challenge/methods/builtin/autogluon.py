"""The reference entry: AutoGluon on explicit features, blended with a regression and a network.

No time limit by default and fixed threads, so that two runs agree to the last digit. Models are
bagged over the task's published folds. Blend, prior correction and threshold are chosen on these
out-of-fold predictions; test rows are not used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse
from challenge.features.lite0 import LITE0_PACKAGES, has_lite0
from challenge.features.minilm import MINILM_PACKAGES, has_minilm
from challenge.methods.builtin.autogluon_package import quiet, require_autogluon
from challenge.methods.builtin.blend import choose_blend
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    label_numbers,
    log_loss_of,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.builtin.inputs import make_inputs, nothing_to_read
from challenge.methods.builtin.network import Network
from challenge.methods.builtin.presets import MANY_CLASSES, PRESETS
from challenge.methods.protocol import (
    Progress,
    chosen_preset,
    decisions_frame,
    numbers_frame,
    probabilities_frame,
    silent,
)
from challenge.methods.space import Dimension, Float, Integer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["AutoGluon"]

_TREE_LEAST, _LEAST = (1e-2, 1e-3, 1e-4), 1e-6
"""Least probability in the blend of the trees (the best out of fold) and of the regression."""


class AutoGluon:
    """TabularPredictor on dense blocks or pair features, and a regression beside it.

    A search may choose four options. `components`: principal components of a text or image that the
    trees read. `hidden`: width of the network's hidden layer. `leaves`: leaves of a boosted tree.
    `learning_rate_scale`: factor of the learning rate of boosting.
    """

    _context = False

    def __init__(
        self,
        *,
        seed: int = 0,
        threads: int = 2,
        time_limit: float | None = None,
        preset: str = "default",
        without: Collection[str] = (),
        components: int = 64,
        hidden: int = 256,
        leaves: int = 31,
        learning_rate_scale: float = 1.0,
        progress: Progress = silent,
    ) -> None:
        chosen = chosen_preset(preset, PRESETS)
        require_autogluon()
        self._seed, self._threads, self._time_limit = seed, threads, time_limit
        self._progress, self._preset, self._without = progress, chosen, without
        self._components, self._hidden, self._leaves, self._learning_rate_scale = (
            components,
            hidden,
            leaves,
            learning_rate_scale,
        )
        self.details: dict[str, object] = {"left_out": [] if chosen.frugal else _left_out()}
        self.summary = ""

    @staticmethod
    def space(task: Task) -> dict[str, Dimension]:
        """Return the options that a search may choose, for the models used on this task."""
        space: dict[str, Dimension] = {}
        if task.kind.has_classes:
            space["hidden"] = Integer(32, 512, log=True)
            if task.columns_of("text", "image"):
                space["components"] = Integer(8, 128, log=True)
        if len(task.classes) <= MANY_CLASSES:
            space |= {
                "leaves": Integer(4, 128, log=True),
                "learning_rate_scale": Float(0.3, 3, log=True),
            }
        return space

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Make the features, bag the models over the folds, and choose the blend out of fold."""
        self._task, self._train = task, train[["id"]].reset_index(drop=True)
        self._is_number = task.kind.label == "number"
        folds = fold_codes(train, task)
        if self._is_number:
            truth, folds = label_numbers(train), folds.clip(0)
        else:
            truth = label_codes(train, task)
            _refuse_lone_row(truth, task)
            folds = spread_lone_classes(folds, truth)
        self._truth, self._folds = truth, folds
        self._inputs = make_inputs(
            task,
            seed=self._seed,
            threads=self._threads,
            components=self._components,
            frugal=self._preset.frugal,
            without=self._without,
            context=self._context,
            progress=self._progress,
        )
        read = self._inputs.fit(train)
        linear = self._inputs.regression.fit(
            read.blocks, truth, folds, len(task.classes), self._progress
        )
        models = self._preset.models(
            len(task.classes), self._seed, self._leaves, self._learning_rate_scale
        )
        self._progress(f"fitting AutoGluon: {' + '.join(models)} over {len(set(folds))} folds")
        boosted = self._bag(read.trees, truth, folds, models)
        tables = {"autogluon": boosted, "linear": linear}
        self._network = None
        if task.kind.has_classes and not self._preset.frugal:
            self._progress("fitting a network")
            self._network = Network(self._inputs.regression.block_weights, self._hidden, self._seed)
            with quiet():
                tables["network"] = self._network.fit(read.blocks, truth, folds, len(task.classes))
        if self._is_number:
            self._choose_weights(tables)
        else:
            self._choose(tables, truth)
        regression = "ridge" if self._is_number else "LR"
        self.summary = " + ".join([*models, regression, *(["MLP"] if self._network else [])])
        self.details |= {
            "features": list(self._inputs.used),
            "models": [*models, *list(tables)[1:]],
            "n_columns": {
                "trees": read.trees.shape[1],
                "regression": sum(rows.shape[1] for rows in read.blocks.values()),
            },
            "weights": self._inputs.regression.as_details(),
        }

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, scores of matches and decisions, or numbers."""
        read = self._inputs.transform(test)
        tables = [
            self._predict_bag(read.trees),
            self._inputs.regression.predict(read.blocks),
        ]
        if self._network is not None:
            tables.append(self._network.predict(read.blocks))
        if self._is_number:
            return numbers_frame(test, self._combined(tables))
        return self._submission(test, self._temperature(self._blend(tables)))

    def predict_out_of_fold(self) -> pd.DataFrame:
        """Return predictions of the training rows by models that did not see their fold.

        Blend and prior correction were chosen on these rows. In matching each fold is decided
        by the threshold that is best on the others.
        """
        if self._is_number:
            return numbers_frame(self._train, self._blended)
        if self._task.kind.has_classes:
            return probabilities_frame(self._train, self._task, self._blended)
        scores = self._blended[:, 1]
        found = decisions_frame(self._train, scores, self._threshold)
        for fold in sorted(set(self._folds)):
            own = self._folds == fold
            threshold, _ = best_f1_threshold(self._truth[~own], scores[~own])
            found.loc[own, "label"] = (scores[own] >= threshold).astype("int8")
        return found

    def _submission(self, table: pd.DataFrame, blended: NDArray[Any]) -> pd.DataFrame:
        if self._task.kind.paired:
            return decisions_frame(table, blended[:, 1], self._threshold)
        return probabilities_frame(table, self._task, blended)

    def _bag(
        self,
        table: pd.DataFrame,
        truth: NDArray[Any],
        folds: NDArray[Any],
        models: dict[str, Any],
    ) -> NDArray[Any]:
        """Fit one model of each kind per fold; return the ensemble's out-of-fold predictions."""
        import numpy as np

        with quiet():
            from autogluon.core.utils.exceptions import NoValidFeatures
            from autogluon.tabular import TabularPredictor

            # Column names of any kind are safe this way; the label cannot clash with a feature.
            named = table.set_axis([f"x{index}" for index in range(table.shape[1])], axis=1)
            named = named.reset_index(drop=True).assign(label=truth, fold=folds)
            self._folder = tempfile.TemporaryDirectory(prefix="challenge-autogluon-")
            predictor = TabularPredictor(
                "label",
                path=self._folder.name,
                problem_type=self._problem(),
                eval_metric="root_mean_squared_error" if self._is_number else "log_loss",
                groups="fold",
                verbosity=0,
                learner_kwargs={} if self._is_number else {"label_count_threshold": 1},
            )
            try:
                self._predictor = predictor.fit(
                    named,
                    hyperparameters=models,
                    time_limit=self._time_limit,
                    num_bag_folds=len(set(folds)),
                    num_bag_sets=1,
                    num_stack_levels=int(self._preset.stacked),
                    dynamic_stacking=False,
                    num_cpus=self._threads,
                    num_gpus=0,
                    calibrate=False,
                    raise_on_model_failure=True,
                )
            except NoValidFeatures as error:
                raise nothing_to_read(self._task) from error
            if self._is_number:
                return np.asarray(self._predictor.predict_oof(), np.float64)
            return self._all_classes(self._predictor.predict_proba_oof(as_multiclass=True))

    def _problem(self) -> str:
        if self._is_number:
            return "regression"
        return "binary" if len(self._task.classes) == 2 else "multiclass"

    def _predict_bag(self, table: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        with quiet():
            named = table.set_axis([f"x{index}" for index in range(table.shape[1])], axis=1)
            if self._is_number:
                return np.asarray(self._predictor.predict(named), np.float64)
            return self._all_classes(self._predictor.predict_proba(named, as_multiclass=True))

    def _all_classes(self, found: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        rows = np.zeros((len(found), len(self._task.classes)))
        rows[:, [int(name) for name in found.columns]] = found.to_numpy()
        return rows

    def _choose(self, named: dict[str, NDArray[Any]], truth: NDArray[Any]) -> None:
        import numpy as np

        tables, others = list(named.values()), (_LEAST,) * (len(named) - 1)
        n_classes = len(self._task.classes)

        def macro_f1(decided: NDArray[Any]) -> float:
            return macro_f1_of(truth, decided, n_classes)

        # A metric with equal class weights is best with more decisions for rare classes.
        alike = self._task.kind.metrics[self._task.metric].classes_weigh_alike
        measure = macro_f1 if alike else None
        blends = [choose_blend(tables, truth, (low, *others), measure) for low in _TREE_LEAST]
        self._blend = min(
            blends,
            key=lambda blend: log_loss_of(truth, replace(blend, prior_correction=0.0)(tables)),
        )
        # The exponents include a temperature; after a prior correction another may be better.
        blended = self._blend(tables)
        self._temperature = choose_temperature(blended, truth)
        self._blended = blended = self._temperature(blended)
        chosen: dict[str, object] = {
            "blend": dict(zip(named, self._blend.exponents, strict=True)),
            "least_probability": self._blend.least[0],
            **self._temperature.as_details(),
        }
        if self._task.kind.paired:
            self._threshold, f1 = best_f1_threshold(truth, blended[:, 1])
            chosen |= {"threshold": round(self._threshold, 6), "out_of_fold_f1": round(f1, 6)}
        else:
            decided = blended.argmax(axis=1)
            chosen |= {
                "prior_correction": self._blend.prior_correction,
                "out_of_fold_macro_f1": round(macro_f1(decided), 6),
                "out_of_fold_accuracy": round(float(np.mean(decided == truth)), 6),
            }
        self.details |= chosen

    def _choose_weights(self, named: dict[str, NDArray[Any]]) -> None:
        """Choose the weight of each model, none below 0, by squared error out of fold."""
        import numpy as np
        from scipy.optimize import nnls

        self._center = float(self._truth.mean())
        columns = np.column_stack(list(named.values())) - self._center
        weights, _ = nnls(columns, self._truth - self._center)
        self._model_weights = [round(float(weight), 6) for weight in weights]
        self._blended = self._combined(list(named.values()))
        error = float(np.sqrt(((self._blended - self._truth) ** 2).mean()))
        self.details |= {
            "blend": dict(zip(named, self._model_weights, strict=True)),
            "out_of_fold_rmse": round(error, 6),
        }

    def _combined(self, tables: list[NDArray[Any]]) -> NDArray[Any]:
        """Return the mean of train plus the weighted deviations of the models from it."""
        import numpy as np

        added = np.column_stack(tables) - self._center
        return np.asarray(self._center + added @ np.array(self._model_weights))


def _refuse_lone_row(truth: NDArray[Any], task: Task) -> None:
    """Raise WrongUse when a fold would leave only one of two classes for training."""
    import numpy as np

    sizes = np.bincount(truth, minlength=len(task.classes))
    if len(sizes) == 2 and sizes.min() < 2:
        number, name = ("no", "one")[sizes.min()], task.classes[sizes.argmin()]
        raise WrongUse(
            Fault(
                f"task {task.id}",
                f"{number} training row of class {name}",
                "at least two rows of each class",
                "run linear, or add rows",
                code="lone-row",
            )
        )


def _left_out() -> list[str]:
    """Return the features that are left out because a package is not installed."""
    wanted = (("MiniLM", has_minilm(), MINILM_PACKAGES), ("Lite0", has_lite0(), LITE0_PACKAGES))
    return [
        f"{name} (needs {', '.join(packages)})" for name, there, packages in wanted if not there
    ]
