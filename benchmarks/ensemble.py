"""Whether the entry's own blend earns its place beside AutoGluon's ensemble of the same models.

    python -m benchmarks.ensemble TASK_FOLDER … [--json FILE] [--preset default] [--threads 1]

TASK_FOLDER is a built task (`datasets/icon-tag`) with two classes or more. The regression, the
network and the kernel regression of the entry become custom models of AutoGluon, which bags them
over the published folds beside its own. Naive Bayes and names of classes join them, as in the
entry. Then the blend is chosen without each of its parts, and without each of its models. Every
ensemble is chosen on four folds and applied to the fifth. Train rows only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from autogluon.core.metrics import get_metric
from autogluon.core.models import AbstractModel
from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection
from autogluon.tabular import FeatureMetadata, TabularPredictor
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse

from benchmarks.fits import add_fit_options, difference_text, keep_cell
from challenge.methods.builtin.autogluon import TITLES
from challenge.methods.builtin.autogluon_package import quiet
from challenge.methods.builtin.blend import TREES, blend_models, choose_blend, softmax
from challenge.methods.builtin.calibration import choose_temperature
from challenge.methods.builtin.chosen_regression import (
    BlockWeights,
    ChosenRegression,
    all_classes,
)
from challenge.methods.builtin.class_names import gain_of_names, named_probabilities
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.builtin.inputs import make_inputs
from challenge.methods.builtin.kernel import KernelRegression
from challenge.methods.builtin.linear import logistic_regression
from challenge.methods.builtin.network import network_model
from challenge.methods.builtin.own_model import OwnModel
from challenge.methods.builtin.presets import PRESETS
from challenge.methods.builtin.word_bayes import WordBayes
from challenge.methods.protocol import decisions_frame, probabilities_frame, silent
from challenge.methods.returned import write_table
from challenge.scoring import compare_on_train
from challenge.task import Task, read_task
from challenge.task.frames import read_train

Floats = NDArray[np.float64]
Ensemble = Callable[[Mapping[str, Floats]], Floats]
"""From the tables of the models (rows x classes) to one table."""
Choose = Callable[[Mapping[str, Floats], NDArray[Any]], Ensemble]
"""How an ensemble is chosen from tables of models and the truth."""
BLEND = "the entry's blend"
_PARTS = ("prior correction", "least probability", "exponents", "temperature")
WORDS, NAMES = "naive Bayes", "names of classes"
_LEAST = 1e-6
_SIZE = 100
"""Rounds of AutoGluon's greedy selection, its own default."""


class _OnBlocks(AbstractModel):  # type: ignore[misc]
    """A model of scikit-learn on the blocks of the rows, whose indices are the column `row`."""

    ag_priority = 60
    blocks: ClassVar[Any]

    def _make(self) -> Any:
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, **_: Any) -> None:  # noqa: N803
        self.model = self._make().fit(self.blocks[X["row"].to_numpy()], y.to_numpy())

    def _predict_proba(self, X: Any, **_: Any) -> Any:  # noqa: N803
        rows = self.blocks[X["row"].to_numpy()]
        return self._convert_proba_to_unified_form(all_classes(self.model, rows, self.num_classes))

    def _get_default_auxiliary_params(self) -> dict[str, Any]:
        read = {"get_features_kwargs": {"required_special_types": ["row"]}}
        return {**super()._get_default_auxiliary_params(), **read}


class Regression(_OnBlocks):
    """The regression of the entry; its strength is an option."""

    ag_key, ag_name = "REGRESSION", "Regression"

    def _make(self) -> Any:
        return logistic_regression(self._get_model_params()["strength"])


class Network(_OnBlocks):
    """The network of the entry; the number of train rows is an option."""

    ag_key, ag_name = "NETWORK", "Network"

    def _make(self) -> Any:
        return network_model(256, self._get_model_params()["n_rows"], seed=0)


class Kernel(_OnBlocks):
    """The kernel regression of the entry."""

    ag_key, ag_name = "KERNEL", "Kernel"

    def _make(self) -> Any:
        return KernelRegression()


_CUSTOM = {
    Regression.ag_name: TITLES["regression"],
    Network.ag_name: TITLES["network"],
    Kernel.ag_name: TITLES["kernel"],
    WORDS: TITLES["words"],
    NAMES: TITLES["names"],
}
"""First words of the names of the custom models, and how they are shown."""


def main() -> int:
    """Fit the models, choose the ensembles; print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", type=Path)
    add_fit_options(parser)
    options = parser.parse_args()
    cells = []
    for folder in options.tasks:
        for cell in _cells(read_task(folder / "public"), options):
            keep_cell(cell, options.json)
            cells.append(cell)
    print(table(cells))
    return 0


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: points in percent, the blend minus each ensemble."""
    rows = [["task", "ensemble", "out of fold", "blend minus it", "log loss", "blend minus it"]]
    rows.append(["---"] * len(rows[0]))
    for cell in cells:
        loss = cell["log_loss"]
        away = "–" if loss["difference"] is None else f"{loss['difference']:+.4f}"
        if loss["low"] is not None and loss["difference"] is not None:
            away += f" ({loss['low']:+.4f} to {loss['high']:+.4f})"
        points = [f"{100 * cell['value']:.1f}", difference_text(cell)]
        rows.append([cell["task"], cell["ensemble"], *points, f"{loss['value']:.4f}", away])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(task: Task, options: argparse.Namespace) -> list[dict[str, Any]]:
    began = time.process_time()
    train = read_train(task)
    truth = label_codes(train, task)
    folds = spread_lone_classes(fold_codes(train, task), truth)
    models = out_of_fold_models(task, options.preset, options.threads)
    choices = choices_of(task)
    ensembles = {name: (models, choose) for name, choose in choices.items()}
    started = out_of_fold_models(task, options.preset, options.threads, searched=False)
    ensembles["the blend without the search of weights"] = ({**models, **started}, choices[BLEND])
    for title in (TITLES[TREES], *_CUSTOM.values()):
        others = {name: rows for name, rows in models.items() if _title(name) != title}
        if len(others) < len(models):
            ensembles[f"the blend without {title}"] = (others, choices[BLEND])
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ensemble-") as scratch:
        best = Path(scratch) / "blend.parquet"
        for name, (tables, choose) in ensembles.items():
            path = best if name == BLEND else Path(scratch) / "other.parquet"
            write_table(crossed(task, tables, truth, folds, choose), task, path)
            paired = compare_on_train(task, best, path)
            figures = {
                metric: {
                    "value": one.b,
                    "difference": None if name == BLEND else one.value,
                    "low": one.low,
                    "high": one.high,
                }
                for metric, one in paired.differences.items()
            }
            found.append(
                {
                    "task": task.id,
                    "ensemble": name,
                    "metric": task.metric,
                    **figures[task.metric],
                    "log_loss": figures["log_loss"],
                    "cpu_s": round(time.process_time() - began, 1),
                }
            )
    return found


def out_of_fold_models(
    task: Task,
    preset: str,
    threads: int,
    more: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    searched: bool = True,
) -> dict[str, Floats]:
    """Return the out-of-fold probabilities (rows x classes) of each model of the blend.

    `more` are further models of AutoGluon by their keys, with their hyperparameters. Not
    `searched`: only the models that read the weights of the regression, with the first weights.
    """
    train = read_train(task)
    truth = label_codes(train, task)
    folds = spread_lone_classes(fold_codes(train, task), truth)
    chosen, n_classes = PRESETS[preset], len(task.classes)
    inputs = make_inputs(
        task,
        seed=0,
        threads=threads,
        components=64,
        frugal=chosen.frugal,
        without=(),
        context=False,
        progress=silent,
    )
    read = inputs.fit(train)
    if not searched:
        start = 0.3 if task.kind.paired else 1.0
        inputs.regression = ChosenRegression((1.0,), (start,), start=start)
    inputs.regression.search(read.blocks, truth, folds, n_classes, silent)
    inputs.regression.settle(read.blocks, truth)
    blocks = inputs.regression.block_weights(read.blocks)
    _OnBlocks.blocks = csr_matrix(blocks) if issparse(blocks) else blocks
    if task.kind.has_classes:
        Kernel.blocks = BlockWeights({})(read.blocks)
    named = read.trees.set_axis([f"x{n}" for n in range(read.trees.shape[1])], axis=1)
    named = named.reset_index(drop=True).assign(row=np.arange(len(named)))
    types = FeatureMetadata.from_df(named).add_special_types({"row": ["row"]})
    models: dict[Any, Any] = {}
    hidden = {"get_features_kwargs_extra": {"invalid_special_types": ["row"]}}
    trees = chosen.models(n_classes) if searched else {}
    for name, own in trees.items():
        several = own if isinstance(own, list) else [own]
        models[name] = [{**one, "ag_args_fit": hidden} for one in several]
    for name, one in (more or {}).items():
        models[name] = [*models.get(name, []), {**one, "ag_args_fit": hidden}]
    models[Regression] = {"strength": inputs.regression.strength}
    if task.kind.has_classes:
        models[Network] = {"n_rows": len(train)}
        models[Kernel] = {}
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder, quiet():
        predictor = TabularPredictor(
            "label",
            path=folder,
            problem_type=_problem(task),
            eval_metric="log_loss",
            groups="fold",
            verbosity=0,
            learner_kwargs={"label_count_threshold": 1},
        ).fit(
            named.assign(label=truth, fold=folds),
            hyperparameters=models,
            feature_metadata=types,
            num_bag_folds=len(set(folds)),
            num_bag_sets=1,
            num_stack_levels=0,
            dynamic_stacking=False,
            fit_weighted_ensemble=False,
            num_cpus=threads,
            num_gpus=0,
            calibrate=False,
            raise_on_model_failure=True,
        )
        found: dict[str, Floats] = {}
        for name in predictor.model_names():
            table = predictor.predict_proba_oof(name, as_multiclass=True)
            found[name] = np.zeros((len(table), n_classes))
            found[name][:, [int(code) for code in table.columns]] = table.to_numpy()
    if not searched:
        return found
    if read.words is not None and task.kind.has_classes:
        words = OwnModel(WordBayes, lambda read: read.words)
        found[WORDS] = words.fit(read, truth, folds, n_classes)
    if read.names is not None and read.names.any():
        names = named_probabilities(read.names)
        if gain_of_names(found, names, truth, folds).helps:
            found[NAMES] = names
    return found


def choices_of(task: Task) -> dict[str, Choose]:
    """Return how each ensemble is chosen, by its name; the entry's blend comes first.

    The ensembles of AutoGluon have a temperature too, as with its `calibrate=True`.
    """
    alike = task.kind.metrics[task.metric].classes_weigh_alike
    by_metric = "f1_macro" if alike else "f1" if task.kind.paired else "accuracy"
    problem, n_classes = _problem(task), len(task.classes)

    def measure(truth: NDArray[Any]) -> Callable[[NDArray[Any]], float] | None:
        return partial(macro_f1_of, truth, n_classes=n_classes) if alike else None

    def greedy(metric: str, models: Mapping[str, Floats], truth: NDArray[Any]) -> Ensemble:
        tables = [_as_autogluon(rows, problem) for rows in models.values()]
        found = EnsembleSelection(_SIZE, problem, get_metric(metric, problem)).fit(tables, truth)
        weights = dict(zip(models, found.weights_, strict=True))
        return lambda tables: np.asarray(
            sum(weights[name] * tables[name] for name in models), np.float64
        )

    def calibrated(metric: str, models: Mapping[str, Floats], truth: NDArray[Any]) -> Ensemble:
        ensemble = greedy(metric, models, truth)
        temperature = choose_temperature(ensemble(models), truth)
        return lambda tables: temperature(ensemble(tables))

    def corrected(models: Mapping[str, Floats], truth: NDArray[Any]) -> Ensemble:
        ensemble = greedy("log_loss", models, truth)
        blend = choose_blend([ensemble(models)], truth, (_LEAST,), measure(truth))
        return lambda tables: blend([ensemble(tables)])

    def own(without: str, models: Mapping[str, Floats], truth: NDArray[Any]) -> Ensemble:
        custom = [name for name in models if name.startswith(tuple(_CUSTOM))]
        trees = {name: rows for name, rows in models.items() if name not in custom}
        ensemble = greedy("log_loss", trees, truth) if trees else None
        # Only the models of this name have a least probability of their own.
        together = "trees" if without == "least probability" else TREES

        def parts(tables: Mapping[str, Floats]) -> dict[str, Floats]:
            every = {name: tables[name] for name in custom}
            if ensemble:
                every = {together: ensemble(tables), **every}
            return {"mean": _geometric_mean(every)} if without == "exponents" else every

        to_measure = None if without == "prior correction" else measure(truth)
        blend = blend_models(parts(models), truth, to_measure)
        blended = blend(list(parts(models).values()))
        temperature = choose_temperature(
            blended if without != "temperature" else blended[:0], truth
        )
        return lambda tables: temperature(blend(list(parts(tables).values())))

    choices: dict[str, Choose] = {
        BLEND: partial(own, ""),
        "AutoGluon's ensemble, by log_loss": partial(calibrated, "log_loss"),
        f"AutoGluon's ensemble, by {by_metric}": partial(calibrated, by_metric),
    }
    if alike:
        choices["AutoGluon's ensemble, by log_loss, with prior correction"] = corrected
    for part in _PARTS if alike else _PARTS[1:]:
        choices[f"the blend without {part}"] = partial(own, part)
    return choices


def _geometric_mean(tables: Mapping[str, Floats]) -> Floats:
    logs = [np.log(np.maximum(rows, _LEAST)) for rows in tables.values()]
    return softmax(np.mean(logs, axis=0))


def crossed(
    task: Task,
    models: Mapping[str, Floats],
    truth: NDArray[Any],
    folds: NDArray[Any],
    choose: Choose,
) -> pd.DataFrame:
    """Return predictions of train; each fold by what was chosen on the other folds."""
    train = read_train(task)[["id"]]
    together = np.zeros((len(truth), len(task.classes)))
    decided = np.zeros(len(truth), np.int8)
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        seen = {name: rows[inside] for name, rows in models.items()}
        ensemble = choose(seen, truth[inside])
        together[outside] = ensemble({name: rows[outside] for name, rows in models.items()})
        if task.kind.paired:
            threshold, _ = best_f1_threshold(truth[inside], ensemble(seen)[:, 1])
            decided[outside] = together[outside, 1] >= threshold
    if task.kind.paired:
        return decisions_frame(train, together[:, 1], 0.5).assign(label=decided)
    return probabilities_frame(train, task, together)


def _title(name: str) -> str:
    """Return how a model is shown by the name that AutoGluon gives it."""
    titles = [title for start, title in _CUSTOM.items() if name.startswith(start)]
    return titles[0] if titles else TITLES[TREES]


def _problem(task: Task) -> str:
    return "binary" if len(task.classes) == 2 else "multiclass"


def _as_autogluon(rows: Floats, problem: str) -> Floats:
    """Return the probabilities as AutoGluon's metrics take them: of two classes the second."""
    return np.asarray(rows[:, 1] if problem == "binary" else rows)


if __name__ == "__main__":
    sys.exit(main())
