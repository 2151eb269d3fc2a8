"""A method for machines with a GPU or a model hub: AutoGluon's MultiModalPredictor.

One network is fine-tuned on all columns at once: a transformer reads the texts, a vision network
the images, a small transformer numbers and categories, and a fusion layer joins them. In
matching, both records of a pair are columns of one row, and categories are read as texts. So the
text transformer reads the two records together and can compare them.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import counted
from challenge.features.moments import moment_seconds
from challenge.features.text import number_values, text_values
from challenge.methods.builtin.folds import (
    best_f1_threshold,
    fold_codes,
    label_codes,
    label_numbers,
    macro_f1_of,
    spread_lone_classes,
)
from challenge.methods.protocol import (
    Progress,
    chosen_preset,
    decisions_frame,
    numbers_frame,
    probabilities_frame,
    silent,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from challenge.task import Task

__all__ = ["Multimodal", "import_torchvision"]

CHECKPOINTS = Path(__file__).resolve().parent
"""Where the folders `text` and `image` may be; without one, AutoGluon asks a model hub."""
_PRESETS = {
    "fast": ("medium_quality", 8),
    "default": ("high_quality", 20),
    "best": ("best_quality", 20),
}
"""Our preset: AutoGluon's preset, which sets checkpoint, rate and batch; and most epochs."""
_STEPS = 10
"""Fewest steps per epoch: with AutoGluon's 128 rows a step, a small table would get one."""
_TYPES = {
    "text": "text",
    "numeric": "numerical",
    "datetime": "numerical",
    "categorical": "categorical",
    "image": "image_path",
}
_NETWORKS = {"text": "hf_text", "image": "timm_image"}
"""AutoGluon's name for the network of each modality that has a checkpoint."""
_KEPT: list[Any] = []
"""References that keep the definitions of operators alive."""
_LEAST = 1e-9
"""Probability of a class that train does not have."""


class Multimodal:
    """MultiModalPredictor on the columns as they are."""

    def __init__(
        self,
        *,
        seed: int = 0,
        threads: int = 2,
        time_limit: float | None = None,
        preset: str = "default",
        progress: Progress = silent,
    ) -> None:
        chosen = chosen_preset(preset, _PRESETS)
        self._seed, self._threads, self._time_limit = seed, threads, time_limit
        (self._preset, self._n_epochs), self._progress = chosen, progress
        self.details: dict[str, object] = {}
        self.summary = ""

    def fit(self, train: pd.DataFrame, task: Task) -> None:
        """Fine-tune on four of the published folds; the fifth stops the training."""
        self._task = task
        self._folder = tempfile.TemporaryDirectory(prefix="challenge-multimodal-")
        with _quiet():
            import_torchvision()
            import torch
            from transformers.utils.logging import disable_progress_bar

            disable_progress_bar()
            torch.set_num_threads(self._threads)
            n_gpus = min(1, torch.cuda.device_count())
            device = torch.cuda.get_device_name(0) if n_gpus else "cpu"
            self.details["device"] = device
            folds = fold_codes(train, task)
            self._is_number = task.kind.label == "number"
            if self._is_number:
                truth, held = label_numbers(train), folds == folds.min()
            else:
                truth = label_codes(train, task)
                held = _held_out(spread_lone_classes(folds, truth), truth)
            table = self._table(train).assign(label=truth)
            n_rows = int((~held).sum())
            settings = self._settings(n_rows, n_gpus)
            self._progress(f"fine-tuning {self.summary} on {counted(n_rows, 'row')}, {device}")
            self._fit(table[~held], table[held], settings)
            found = self._predictions(table[held])
        if self._is_number:
            error = float(((found - truth[held]) ** 2).mean() ** 0.5)
            self.details |= {"held_out_rows": len(found), "held_out_rmse": round(error, 6)}
        else:
            self._choose(found, truth[held])

    def predict(self, test: pd.DataFrame) -> pd.DataFrame:
        """Return probabilities of the classes, scores of matches and decisions, or numbers."""
        with _quiet():
            found = self._predictions(self._table(test))
        if self._is_number:
            return numbers_frame(test, found)
        if self._task.kind.paired:
            return decisions_frame(test, found[:, 1], self._threshold)
        return probabilities_frame(test, self._task, found)

    def _settings(self, n_rows: int, n_gpus: int) -> dict[str, object]:
        """Choose the networks by the modalities of the task."""
        settings: dict[str, object] = {
            "env.num_gpus": n_gpus,
            "env.batch_size": max(8, min(128, n_rows // _STEPS)),
            "optim.max_epochs": self._n_epochs,
            # AutoGluon's own minimum of 100 rows leaves a small table without categories.
            "data.categorical.minimum_cat_count": 2,
            "data.categorical.maximum_num_cat": 100,
        }
        if not n_gpus:
            settings |= {"env.num_workers": 0, "env.num_workers_inference": 0}
        modalities = self._modalities()
        as_features = {"numeric", "datetime", "categorical"} & set(modalities)
        models = ["ft_transformer"] if as_features else []
        for modality, model in _NETWORKS.items():
            if modality not in modalities:
                continue
            models.append(model)
            folder = CHECKPOINTS / modality
            if folder.is_dir():
                if modality == "image":
                    folder = _without_classifier(folder, Path(self._folder.name) / "image")
                settings[f"model.{model}.checkpoint_name"] = str(folder)
        if "text" in modalities:
            # Random changes of words make two records differ, and need a download.
            settings["model.hf_text.text_trivial_aug_maxscale"] = 0.0
        settings["model.names"] = [*models, "fusion_mlp"]
        self.summary = " + ".join(models)
        self.details["models"] = models
        return settings

    def _table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns as AutoGluon reads them, named by their index.

        It joins texts in the order of the names, so this keeps the sides of a pair together.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for column, name, modality in zip(
            self._task.columns, self._names(), self._modalities(), strict=True
        ):
            if modality == "numeric":
                columns[name] = number_values(frame[column.name])
                continue
            if modality == "datetime":
                columns[name] = moment_seconds(frame[column.name])
                continue
            values = text_values(frame[column.name])
            if modality == "categorical":
                columns[name] = pd.Categorical([value or None for value in values])
            elif modality == "image":
                columns[name] = [value and str(self._task.image_path(value)) for value in values]
            else:
                columns[name] = values
        return pd.DataFrame(columns)

    def _modalities(self) -> list[str]:
        """Return the modality by which each column is read."""
        compared = self._task.kind.paired and bool(self._task.columns_of("text"))
        return [
            "text" if compared and column.modality == "categorical" else column.modality
            for column in self._task.columns
        ]

    def _names(self) -> list[str]:
        return [f"x{index:04}" for index in range(len(self._task.columns))]

    def _fit(self, train: pd.DataFrame, held: pd.DataFrame, settings: dict[str, object]) -> None:
        from autogluon.multimodal import MultiModalPredictor

        problem, measure = "multiclass", "log_loss"
        if self._is_number:
            problem, measure = "regression", "rmse"
        elif train["label"].nunique() == 2:
            problem = "binary"
        if self._task.kind.paired:
            # The decisions follow from the scores, so their order counts.
            measure = "average_precision"
        types = [_TYPES[modality] for modality in self._modalities()]
        self._predictor = MultiModalPredictor(
            "label",
            path=str(Path(self._folder.name) / "model"),
            problem_type=problem,
            eval_metric=measure,
            verbosity=0,
            enable_progress_bar=False,
        ).fit(
            train,
            presets=self._preset,
            tuning_data=held,
            time_limit=None if self._time_limit is None else max(1, int(self._time_limit)),
            hyperparameters=settings,
            column_types=dict(zip(self._names(), types, strict=True)),
            seed=self._seed,
        )

    def _predictions(self, table: pd.DataFrame) -> NDArray[Any]:
        """Return class probabilities of the rows (n, classes), or numbers (n)."""
        import numpy as np

        features = table.drop(columns="label", errors="ignore")
        if self._is_number:
            numbers = self._predictor.predict(features, as_pandas=False)
            return np.asarray(numbers, np.float64).reshape(len(table))
        found = self._predictor.predict_proba(features, as_pandas=False)
        rows = np.full((len(table), len(self._task.classes)), _LEAST)
        rows[:, np.asarray(self._predictor.class_labels, np.int64)] += found
        return np.asarray(rows)

    def _choose(self, found: NDArray[Any], truth: NDArray[Any]) -> None:
        import numpy as np

        chosen: dict[str, object] = {"held_out_rows": len(truth)}
        if self._task.kind.paired:
            self._threshold, f1 = best_f1_threshold(truth, found[:, 1])
            chosen |= {"threshold": round(self._threshold, 6), "held_out_f1": round(f1, 6)}
        else:
            decided = found.argmax(axis=1)
            f1 = macro_f1_of(truth, decided, len(self._task.classes))
            chosen |= {
                "held_out_macro_f1": round(f1, 6),
                "held_out_accuracy": round(float(np.mean(decided == truth)), 6),
            }
        self.details |= chosen


def _held_out(folds: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Mark the rows of one fold; a class that has no other rows stays in train."""
    import numpy as np

    held = folds == folds.min()
    return np.asarray(held & np.isin(truth, truth[~held]))


def _without_classifier(folder: Path, target: Path) -> Path:
    """Write the vision network again, as AutoGluon reads it: no classifier, one torch file."""
    import timm
    import torch

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")][0]
    network = timm.create_model(
        config["architecture"],
        pretrained=True,
        pretrained_cfg={**config["pretrained_cfg"], "file": str(weights)},
        num_classes=0,
    )
    target.mkdir()
    torch.save(network.state_dict(), target / "pytorch_model.bin")
    config |= {"num_features": network.num_features, "num_classes": 0}
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return target


def import_torchvision() -> None:
    """Import torchvision, even when its compiled part was built for another torch.

    The import looks up operators on boxes in that part; they are never called here.
    """
    try:
        import torchvision
    except RuntimeError:
        import torch

        library = torch.library.Library("torchvision", "DEF")
        _KEPT.append(library)
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the messages of the libraries below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
