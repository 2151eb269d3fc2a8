"""The reference entry: AutoGluon on explicit features, blended with models of this package.

No time limit by default and fixed threads, so that two runs agree to the last digit. Models are
bagged over the task's published folds. Blend, prior correction and threshold are chosen on these
out-of-fold predictions; test rows are not used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, WrongUse
from challenge.features.lite0 import LITE0_PACKAGES, has_lite0
from challenge.features.minilm import MINILM_PACKAGES, has_minilm
from challenge.features.wordllama import WORDLLAMA_PACKAGES, has_wordllama
from challenge.methods.builtin.autogluon_models import BaggedModels
from challenge.methods.builtin.autogluon_package import quiet, require_autogluon
from challenge.methods.builtin.blend import TREES, blend_models
from challenge.methods.builtin.budget import Budget
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.chosen_regression import BlockWeights
from challenge.methods.builtin.class_names import gain_of_names, named_probabilities
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    label_numbers,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.builtin.inputs import Inputs, PairInputs, TableInputs, make_inputs
from challenge.methods.builtin.kernel import MOST_KERNEL_ROWS, KernelRegression
from challenge.methods.builtin.linear import Linear
from challenge.methods.builtin.network import network_model
from challenge.methods.builtin.own_model import OwnModel
from challenge.methods.builtin.presets import MANY_CLASSES, PRESETS
from challenge.methods.builtin.trivial import Trivial
from challenge.methods.builtin.word_bayes import WordBayes
from challenge.methods.protocol import (
    LABELS,
    Progress,
    chosen_preset,
    decisions_frame,
    frame_values,
    numbers_frame,
    probabilities_frame,
    refuse_other_kinds,
    silent,
)
from challenge.methods.space import Dimension, Float, Integer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["TITLES", "AutoGluon"]

_CUSTOM = {
    "regression": "regression",
    "network": "network",
    "kernel": "kernel regression",
    "words": "naive Bayes",
    "names": "names of classes",
    "linear": "linear",
}
TITLES = {
    TREES: "AutoGluon's own models",
    **{name: f"custom {title}" for name, title in _CUSTOM.items()},
}
"""The models of the blend in its order, as their shares are shown."""
_ORDER = tuple(TITLES)
_FIRST = 0.9
"""Share of the time for `linear`, which is to be ready whatever comes."""
_EARLY = 0.75
"""Share of the time left for what must be ready before the other models."""
_CUSTOM_MODELS = 0.7
"""Share of the time left for the custom models; the rest is for the names of classes."""
_LATE = 0.1
"""Share of the time left for models to predict the test rows."""


class AutoGluon:
    """TabularPredictor on dense blocks or pair features, and models of this package beside it.

    A search may choose four options. `components`: principal components of a text or image that the
    trees read. `hidden`: width of the network's hidden layer. `leaves`: leaves of a boosted tree.
    `learning_rate_scale`: factor of the learning rate of boosting.
    """

    kinds = LABELS
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
        self._seed, self._threads, self._budget = seed, threads, Budget(time_limit)
        self._progress = self._budget.watched(progress)
        self._preset, self._without = chosen, without
        self._components, self._hidden, self._leaves, self._learning_rate_scale = (
            components,
            hidden,
            leaves,
            learning_rate_scale,
        )
        self.details: dict[str, object] = {"left_out": _left_out(chosen.frugal)}
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
        """Make the features, bag the models over the folds, and choose the blend out of fold.

        With a time limit, models that are not ready in time are left out.
        """
        refuse_other_kinds(task, self.kinds)
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
        self._found: dict[str, NDArray[Any]] = {}
        self._own: dict[str, OwnModel] = {}
        self._trivial = Trivial()
        self._trivial.fit(train, task)
        self._used: list[str] = []
        self._fit_models(train)
        self.details["features"] = self._used
        self._choose()

    def _fit_models(self, train: pd.DataFrame) -> None:
        """Fit one model after the other, each in its share of the time that is left.

        The features of the test rows will take as long, for each row, as those of train.
        """
        budget = self._budget
        rows = len(train) / (len(train) + self._task.n_test)
        # With candidates, the pairs of both train and test are compared once more.
        again = 1.0 if self._context else (1 - rows) / rows
        needs_linear = self._preset.frugal or budget.limited
        if needs_linear and not self._without:
            with budget.stage(_FIRST * rows * budget.left()):
                self._fit_linear(train)
        kept = budget.spent() * again
        read: Inputs | None = None
        # Where there is no time for the inputs of the preset, there may be for those of `fast`.
        for preset in dict.fromkeys((self._preset, PRESETS["fast"])):
            self._preset = preset
            before, self._inputs = budget.spent(), self._make_inputs()
            with budget.stage(_EARLY * rows * (budget.left() - kept)):
                read = self._inputs.fit(train)
            if read is not None:
                break
        if read is None:
            return
        kept += _LATE * budget.left() + (budget.spent() - before) * again
        self.details["left_out"] = _left_out(self._preset.frugal)
        if not self._preset.frugal:
            self._fit_regression(read, kept)
        with budget.stage(budget.left() - kept):
            share = 1 if self._preset.frugal else 2
            self._fit_autogluon(read, (budget.left() - kept) / share)
        if self._task.kind.has_classes and "regression" in self._found:
            with budget.stage(_CUSTOM_MODELS * (budget.left() - kept)):
                self._fit_own(read)
        if self._found and read.names is not None and read.names.any():
            with budget.stage(budget.left() - kept):
                self._read_names(named_probabilities(read.names))
        columns = {"trees": read.trees.shape[1]}
        if "regression" in self._found:
            columns["regression"] = sum(rows.shape[1] for rows in read.blocks.values())
            self.details["weights"] = self._inputs.regression.as_details()
        self.details["n_columns"] = columns
        if self._inputs.candidates:
            self.details["candidates"] = self._inputs.candidates.as_details()
        self._used = list(dict.fromkeys([*self._inputs.used, *self._used]))

    def _make_inputs(self) -> TableInputs | PairInputs:
        return make_inputs(
            self._task,
            seed=self._seed,
            threads=self._threads,
            components=self._components,
            frugal=self._preset.frugal,
            without=self._without,
            context=self._context,
            progress=self._progress,
        )

    def _fit_regression(self, read: Inputs, kept: float) -> None:
        """Search for half of the time that is left, then fit the best setting so far."""
        regression, n_classes = self._inputs.regression, len(self._task.classes)
        with self._budget.stage((self._budget.left() - kept) / 2):
            regression.search(read.blocks, self._truth, self._folds, n_classes, self._progress)
        with self._budget.stage((self._budget.left() - kept) / 2):
            found = regression.settle(read.blocks, self._truth)
            if found is not None:
                self._found["regression"] = found

    def _fit_linear(self, train: pd.DataFrame) -> None:
        linear = Linear(seed=self._seed, threads=self._threads, progress=self._progress)
        linear.fit(train, self._task)
        self._linear = linear
        features: Any = linear.details["features"]
        self._used = features
        self._found["linear"] = frame_values(linear.predict_out_of_fold(), self._task)

    def _fit_autogluon(self, read: Inputs, seconds: float) -> None:
        models = self._preset.models(
            len(self._task.classes), self._seed, self._leaves, self._learning_rate_scale
        )
        n_folds = len(set(self._folds))
        self._progress(f"fitting AutoGluon: {' + '.join(models)} over {n_folds} folds")
        self._bagged = BaggedModels(self._task, threads=self._threads, stacked=self._preset.stacked)
        limit = seconds if self._budget.limited else None
        found = self._bagged.fit(read.trees, self._truth, self._folds, models, limit)
        if found is not None:
            self._found[TREES] = found
            self.details["autogluon_weights"] = self._bagged.weights

    def _fit_own(self, read: Inputs) -> None:
        """Fit the other models of this package, the quicker first."""
        chosen, n_rows = self._inputs.regression.block_weights.by_family, len(self._truth)
        network = partial(network_model, self._hidden, n_rows, self._seed)
        models = {
            "words": OwnModel(WordBayes, lambda read: read.words),
            "kernel": OwnModel(KernelRegression, lambda read: BlockWeights({})(read.blocks)),
            "network": OwnModel(network, lambda read: BlockWeights(chosen)(read.blocks)),
        }
        if read.words is None:
            del models["words"]
        if n_rows > MOST_KERNEL_ROWS:
            del models["kernel"]
        for name, model in models.items():
            self._progress(f"fitting {TITLES[name]}")
            with quiet():
                found = model.fit(read, self._truth, self._folds, len(self._task.classes))
            self._own[name], self._found[name] = model, found

    def _read_names(self, names: NDArray[Any]) -> None:
        """Let the names of classes join the models where they help them out of fold."""
        self._progress("comparing names of classes")
        gain = gain_of_names(self._found, names, self._truth, self._folds)
        self.details["class_names"] = gain.as_details()
        if gain.helps:
            self._found["names"] = names

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, scores of matches and decisions, or numbers.

        With a time limit, models that do not predict in time are left out of the blend.
        """
        tables: dict[str, NDArray[Any]] = {}
        with self._budget.stage(self._budget.left()):
            for name, rows in self._predicted(test):
                tables[name] = rows
                self._budget.check()
        if len(tables) < len(self._found):
            self._keep(tables)
        if not tables:
            return self._trivial.predict(test)
        if self._is_number:
            return numbers_frame(test, self._combined(tables))
        return self._submission(test, self._temperature(self._blend(self._in_order(tables))))

    def _predicted(self, test: pd.DataFrame) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the predictions of each model that was fitted, the quickest first."""
        if "linear" in self._found:
            yield "linear", frame_values(self._linear.predict(test), self._task)
        if not self._found.keys() - {"linear"}:
            return
        read = self._inputs.transform(test)
        if "regression" in self._found:
            yield "regression", self._inputs.regression.predict(read.blocks)
        if "names" in self._found and read.names is not None:
            yield "names", named_probabilities(read.names)
        for name, model in self._own.items():
            if name in self._found:
                yield name, model.predict(read)
        if TREES in self._found:
            yield TREES, self._bagged.predict(read.trees)

    def keeping(self, models: Collection[str]) -> AutoGluon:
        """Return the fitted entry with a new blend of only these of its models."""
        entry = copy(self)
        entry.details = dict(self.details)
        entry._keep(models)
        return entry

    def _keep(self, models: Collection[str]) -> None:
        self._found = {name: rows for name, rows in self._found.items() if name in models}
        self._choose()

    def predict_out_of_fold(self) -> pd.DataFrame:
        """Return predictions of the training rows by models that did not see their fold.

        Blend and prior correction were chosen on these rows. In matching each fold is decided
        by the threshold that is best on the others.
        """
        if not self._found:
            return self._trivial.predict(self._train)
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

    def _in_order(self, tables: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return [tables[name] for name in _ORDER if name in tables]

    def _choose(self) -> None:
        """Choose how the models are combined, and report their shares."""
        self._found = {name: self._found[name] for name in _ORDER if name in self._found}
        if not self._found:
            self.summary = "no model in time: as trivial"
            return
        weights = self._choose_weights() if self._is_number else self._choose_blend()
        total = sum(weights) or 1.0
        shares = {
            name: round(weight / total, 4)
            for name, weight in zip(self._found, weights, strict=True)
        }
        self.summary = self._in_words(shares)
        self.details |= {
            "models": list(self._found),
            "blend": dict(zip(self._found, weights, strict=True)),
            "shares": {TITLES[name]: share for name, share in shares.items()},
        }

    def _in_words(self, shares: Mapping[str, float]) -> str:
        """Return shares as "AutoGluon 20% (XT); custom: regression 50%, network 30%"."""
        parts = []
        if TREES in shares:
            models = " + ".join(self._preset.models(len(self._task.classes)))
            parts.append(f"AutoGluon {shares[TREES]:.0%} ({models})")
        custom = [f"{_CUSTOM[name]} {shares[name]:.0%}" for name in _CUSTOM if name in shares]
        if custom:
            parts.append(f"custom: {', '.join(custom)}")
        return "; ".join(parts)

    def _choose_blend(self) -> Sequence[float]:
        import numpy as np

        tables, truth, n_classes = list(self._found.values()), self._truth, len(self._task.classes)

        def macro_f1(decided: NDArray[Any]) -> float:
            return macro_f1_of(truth, decided, n_classes)

        # A metric with equal class weights is best with more decisions for rare classes.
        alike = self._task.kind.metrics[self._task.metric].classes_weigh_alike
        self._blend = blend_models(self._found, truth, macro_f1 if alike else None)
        # The exponents include a temperature; after a prior correction another may be better.
        blended = self._blend(tables)
        self._temperature = choose_temperature(blended, truth)
        self._blended = blended = self._temperature(blended)
        chosen: dict[str, object] = self._temperature.as_details()
        if TREES in self._found:
            chosen["least_probability"] = self._blend.least[0]
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
        return self._blend.exponents

    def _choose_weights(self) -> Sequence[float]:
        """Choose the weight of each model, none below 0, by squared error out of fold."""
        import numpy as np
        from scipy.optimize import nnls

        self._center = float(self._truth.mean())
        columns = np.column_stack(list(self._found.values())) - self._center
        weights, _ = nnls(columns, self._truth - self._center)
        self._model_weights = [round(float(weight), 6) for weight in weights]
        self._blended = self._combined(self._found)
        error = float(np.sqrt(((self._blended - self._truth) ** 2).mean()))
        self.details["out_of_fold_rmse"] = round(error, 6)
        return self._model_weights

    def _combined(self, tables: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the mean of train plus the weighted deviations of the models from it."""
        import numpy as np

        added = np.column_stack(self._in_order(tables)) - self._center
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


def _left_out(frugal: bool) -> list[str]:
    """Return the features that are left out because a package is not installed."""
    networks = (("MiniLM", has_minilm(), MINILM_PACKAGES), ("Lite0", has_lite0(), LITE0_PACKAGES))
    vectors = (("wordllama", has_wordllama(), WORDLLAMA_PACKAGES),)
    instead = {"MiniLM": "; wordllama reads the texts"} if has_wordllama() else {}
    return [
        f"{name} (needs {', '.join(packages)}{instead.get(name, '')})"
        for name, there, packages in (vectors if frugal else networks)
        if not there
    ]
