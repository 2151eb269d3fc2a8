"""The reference entry: AutoGluon on explicit features, blended with a logistic regression.

No time limit by default and fixed threads, so that two runs agree to the last digit. Models are
bagged over the task's published folds; whatever is chosen (blend, shift, threshold) is chosen on
these out-of-fold predictions, and nothing on test rows.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from challenge.errors import EnvironmentLack, Fault, WrongUse, nearest
from challenge.features.blocks import TableBlocks
from challenge.features.lite0 import LITE0_PACKAGES, has_lite0
from challenge.features.minilm import MINILM_PACKAGES, has_minilm
from challenge.features.pairs import PairFeatures
from challenge.features.text import number_values, text_values
from challenge.features.weights import has_packages
from challenge.methods.blend import choose_blend
from challenge.methods.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.linear import logistic_regression, out_of_fold, pair_regression
from challenge.methods.protocol import Progress, decisions_frame, probabilities_frame, silent

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["AutoGluon"]

_MANY_CLASSES = 20
"""Beyond, boosting fits too many trees a round for what it adds."""
_WEIGHTS = {"n-grams": 2.0, "MiniLM": 2.0}
_TREE_AXES = 64
_FLOORS = (1e-2, 1e-6)
"""Least probability of the trees and of the regression in the blend."""


@dataclass(frozen=True)
class _Preset:
    """How much is spent: embeddings or not, trees of a forest, rounds and rate of boosting."""

    weights: bool
    n_trees: int
    n_rounds: int
    rate: float
    stacked: bool = False


_PRESETS = {
    "fast": _Preset(weights=False, n_trees=100, n_rounds=100, rate=0.1),
    "default": _Preset(weights=True, n_trees=200, n_rounds=300, rate=0.05),
    "best": _Preset(weights=True, n_trees=500, n_rounds=1000, rate=0.03, stacked=True),
}


class AutoGluon:
    """TabularPredictor on dense blocks or pair features, and a logistic regression beside it."""

    title = "AutoGluon"

    def __init__(
        self,
        *,
        seed: int = 0,
        threads: int = 2,
        time_limit: float | None = None,
        preset: str = "default",
        progress: Progress = silent,
    ) -> None:
        if preset not in _PRESETS:
            guess = nearest(preset, _PRESETS)
            raise WrongUse(
                Fault(
                    "preset",
                    repr(preset),
                    f"one of {', '.join(_PRESETS)}",
                    f"did you mean {guess!r}?" if guess else "take default",
                    code="unknown-preset",
                )
            )
        if not has_packages("autogluon"):
            raise EnvironmentLack(
                Fault(
                    "method autogluon",
                    "the package autogluon.tabular is not installed",
                    "the extra `baseline`",
                    "pip install 'multimodal-challenge[baseline]'",
                    code="autogluon-missing",
                )
            )
        self._seed, self._threads, self._time_limit = seed, threads, time_limit
        self._progress, self._preset = progress, _PRESETS[preset]
        self.details: dict[str, object] = {"left_out": _left_out()}
        self.summary = ""

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Make the features, bag the models over the folds, choose the blend out of fold."""
        self._task = task
        truth = label_codes(train, task)
        folds = spread_lone_classes(fold_codes(train, task), truth)
        common: Any = {
            "weights": self._preset.weights,
            "threads": self._threads,
            "progress": self._progress,
        }
        make: Any
        if task.kind == "matching":
            self._pairs = PairFeatures(task, **common).fit(train)
            table = self._pairs.transform(train)
            rows, make, used = table.to_numpy(), pair_regression, self._pairs.used
        else:
            self._blocks = TableBlocks(task, seed=self._seed, axes=128, **common)
            blocks = self._blocks.fit_transform(train)
            table, rows = self._table(train, blocks), _weighted(blocks)
            make, used = _regression, self._blocks.used
        self._progress(f"fitting logistic regression on {rows.shape[1]:,} columns")
        linear = out_of_fold(make, rows, truth, folds)
        self._linear = make().fit(rows, truth)
        models = _models(len(task.classes), self._seed, self._preset)
        self._progress(f"fitting AutoGluon: {' + '.join(models)} over {len(set(folds))} folds")
        boosted = self._bag(table, truth, folds, models)
        self._choose([boosted, linear], truth)
        self.summary = " + ".join([*models, "LR"])
        self.details |= {
            "features": list(used),
            "models": [*models, "logistic regression"],
            "n_columns": {"trees": table.shape[1], "regression": rows.shape[1]},
        }

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, or scores of matches and decisions."""
        if self._task.kind == "matching":
            table = self._pairs.transform(test)
            rows = table.to_numpy()
        else:
            blocks = self._blocks.transform(test)
            table, rows = self._table(test, blocks), _weighted(blocks)
        blended = self._blend([self._predict_bag(table), self._linear.predict_proba(rows)])
        if self._task.kind == "matching":
            return decisions_frame(test, blended[:, 1], self._threshold)
        return probabilities_frame(test, self._task, blended)

    def _table(self, frame: pd.DataFrame, blocks: dict[str, NDArray[Any]]) -> pd.DataFrame:
        """Return what trees read: numbers and categories as they are, and the embeddings."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for column in self._task.columns_of("numeric"):
            columns[column.name] = number_values(frame[column.name])
        for column in self._task.columns_of("categorical"):
            values = [value or None for value in text_values(frame[column.name])]
            columns[column.name] = pd.Categorical(values)
        for name, rows in blocks.items():
            if not name.startswith(("number ", "category ")):
                axes = range(min(_TREE_AXES, rows.shape[1]))
                columns |= {f"{name} {axis}": rows[:, axis] for axis in axes}
        return pd.DataFrame(columns)

    def _bag(
        self,
        table: pd.DataFrame,
        truth: NDArray[Any],
        folds: NDArray[Any],
        models: dict[str, Any],
    ) -> NDArray[Any]:
        """Fit one model of each kind a fold; return the ensemble's out-of-fold probabilities."""
        with _quiet():
            from autogluon.tabular import TabularPredictor

            # Column names of any kind are safe this way; the label cannot clash with a feature.
            named = table.set_axis([f"x{place}" for place in range(table.shape[1])], axis=1)
            named = named.reset_index(drop=True).assign(label=truth, fold=folds)
            self._folder = tempfile.TemporaryDirectory(prefix="challenge-autogluon-")
            self._predictor = TabularPredictor(
                "label",
                path=self._folder.name,
                problem_type="binary" if len(self._task.classes) == 2 else "multiclass",
                eval_metric="log_loss",
                groups="fold",
                verbosity=0,
                learner_kwargs={"label_count_threshold": 1},
            ).fit(
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
            return self._all_classes(self._predictor.predict_proba_oof(as_multiclass=True))

    def _predict_bag(self, table: pd.DataFrame) -> NDArray[Any]:
        with _quiet():
            named = table.set_axis([f"x{place}" for place in range(table.shape[1])], axis=1)
            return self._all_classes(self._predictor.predict_proba(named, as_multiclass=True))

    def _all_classes(self, found: pd.DataFrame) -> NDArray[Any]:
        import numpy as np

        rows = np.zeros((len(found), len(self._task.classes)))
        rows[:, [int(name) for name in found.columns]] = found.to_numpy()
        return rows

    def _choose(self, tables: list[NDArray[Any]], truth: NDArray[Any]) -> None:
        import numpy as np

        n_classes = len(self._task.classes)

        def macro_f1(decided: NDArray[Any]) -> float:
            return macro_f1_of(truth, decided, n_classes)

        evenly = self._task.metric in ("macro_f1", "balanced_accuracy")
        self._blend = choose_blend(tables, truth, _FLOORS, macro_f1 if evenly else None)
        blended = self._blend(tables)
        chosen: dict[str, object] = {
            "blend": dict(zip(("autogluon", "linear"), self._blend.exponents, strict=True))
        }
        if self._task.kind == "matching":
            self._threshold, f1 = best_f1_threshold(truth, blended[:, 1])
            chosen |= {"threshold": round(self._threshold, 6), "out_of_fold_f1": round(f1, 6)}
        else:
            decided = blended.argmax(axis=1)
            chosen |= {
                "shift": self._blend.shift,
                "out_of_fold_macro_f1": round(macro_f1(decided), 6),
                "out_of_fold_accuracy": round(float(np.mean(decided == truth)), 6),
            }
        self.details |= chosen


def _models(n_classes: int, seed: int, preset: _Preset) -> dict[str, Any]:
    trees = {
        "n_estimators": preset.n_trees,
        "max_features": 0.1,
        "random_state": seed,
        # Out-of-bag rows would straddle the groups that the folds keep together.
        "ag_args_ensemble": {"use_child_oof": False},
    }
    boosting = {
        "learning_rate": preset.rate,
        "num_boost_round": preset.n_rounds,
        "feature_fraction": 0.5,
        "seed": seed,
    }
    models: dict[str, Any] = {"XT": trees}
    return models if n_classes > _MANY_CLASSES else {"GBM": boosting, **models}


def _regression() -> Any:
    return logistic_regression(0.3)


def _weighted(blocks: dict[str, NDArray[Any]]) -> NDArray[Any]:
    import numpy as np

    return np.hstack([rows * _WEIGHTS.get(name.split()[0], 1.0) for name, rows in blocks.items()])


def _left_out() -> list[str]:
    """Return the features that are missing because their packages are."""
    wanted = (("MiniLM", has_minilm(), MINILM_PACKAGES), ("Lite0", has_lite0(), LITE0_PACKAGES))
    return [
        f"{name} (needs {', '.join(packages)})" for name, there, packages in wanted if not there
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what AutoGluon says at verbosity 0: torch is not there, and it is not needed."""
    logger, level = logging.getLogger("autogluon"), logging.getLogger("autogluon").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            logger.setLevel(level)
