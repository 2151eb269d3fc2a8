"""A task as a data scientist uses it: tables, images, checks and scores."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from challenge.api.check_report import CheckReport
from challenge.api.doors import PLACE, require, require_choice
from challenge.api.frame_files import On, as_file
from challenge.api.notebook import cell_html, table_html, text_html, thumbnail_html
from challenge.api.task_places import task_at
from challenge.errors import ChallengeError, Fault, WrongUse, counted
from challenge.task import Task, modality_of
from challenge.task.frames import read_folds, read_test, read_train

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from challenge.scoring import Score

__all__ = ["LoadedTask", "TaskImages", "load_task"]

_SAMPLES = 5


class TaskImages:
    """The images of a task, by the values of its image columns."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def path(self, value: str) -> Path:
        """Return the file that a value of an image column names.

        Raises WrongUse for a missing value, and for one that names no image of the task.
        """
        if not isinstance(value, str):
            raise WrongUse(
                Fault(
                    "the image",
                    repr(value),
                    "a text of an image column, such as 'images/0a1b.png'",
                    "leave out the rows without an image: .dropna()",
                    code="image-value",
                )
            )
        path = self._task.image_path(value)
        if not path.is_file():
            raise WrongUse(
                Fault(
                    "the image",
                    f"{value!r}, which the task does not have",
                    "a value of an image column, such as task.train['image'][0]",
                    "take it from `train` or `test` as it is, with its folder",
                    code="image-value",
                )
            )
        return path

    def open(self, value: str) -> Image.Image:
        """Return the decoded image that a value of an image column names.

        Parameters
        ----------
        value : str
            Such as `task.train["image"][0]`.

        Returns
        -------
        PIL.Image.Image

        Raises
        ------
        WrongUse
            Where the value is missing (NaN) or not a text, or the task has no such image.
        """
        from PIL import Image

        with Image.open(self.path(value)) as image:
            image.load()
        return image


class LoadedTask:
    """A task: its public tables as pandas frames, read when first used.

    Text and image columns hold strings, numeric columns float64 (or int64), categorical columns
    are Categorical, points in time are datetime64[us, UTC]. No attribute has a label of a test row.

    Attributes
    ----------
    task : challenge.task.Task
        The underlying task: folders, columns, digests. Methods get it as the second argument of
        `fit`.
    images : TaskImages
        `images.open(value)` decodes the image that a value names.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.images = TaskImages(task)

    @property
    def id(self) -> str:
        """Id of the task."""
        return self.task.id

    @property
    def title(self) -> str:
        """One line about the task."""
        return self.task.title

    @property
    def kind(self) -> str:
        """What is predicted, such as `classification`."""
        return self.task.kind.name

    @property
    def metric(self) -> str:
        """Name of the primary metric."""
        return self.task.metric

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, sorted by code point; empty where a number is predicted."""
        return self.task.classes

    @cached_property
    def train(self) -> pd.DataFrame:
        """The labelled rows: `id`, features, `label`."""
        return read_train(self.task)

    @cached_property
    def test(self) -> pd.DataFrame:
        """The rows to predict: `id`, features."""
        return read_test(self.task)

    @cached_property
    def folds(self) -> pd.DataFrame:
        """`id` and `fold` (0 to 4) of the labelled rows, in their order."""
        return read_folds(self.task)

    @property
    def columns(self) -> pd.DataFrame:
        """A row for each feature: `column`, `modality`, `description`."""
        import pandas as pd

        rows = [(one.name, one.modality, one.description) for one in self.task.columns]
        return pd.DataFrame(rows, columns=["column", "modality", "description"])

    def check(self, predictions: Any, on: On | Literal["train"] = "test") -> CheckReport:
        """Report every fault of predictions, as `challenge check` does.

        Parameters
        ----------
        predictions : path, frame, dict, series, list or array
            A CSV or Parquet file; a frame of pandas, polars or pyarrow with `id` and `label`, or
            `id` and a column for each class; or a value for each row of `test`, in its order.
        on : {"test", "folds", "train"}
            Whether the rows are those of `test`, or those of `train`, predicted out of fold
            (`folds` and `train` are the same).

        Returns
        -------
        CheckReport
            True where there is no fault; its faults are objects, `to_frame()` is their table.

        Raises
        ------
        WrongUse
            For another `on`.
        """
        from challenge.scoring import read_predictions

        require_choice(on, ("test", "folds", "train"), "on")
        n = self.task.n_test if on == "test" else self.task.n_train
        try:
            rows: Literal["test", "train"] = "test" if on == "test" else "train"
            with as_file(predictions, self.task, "test" if on == "test" else "folds") as path:
                read = read_predictions(self.task, path, rows=rows)
        except ChallengeError as error:
            return CheckReport(self.id, n, "", error.faults)
        return CheckReport(self.id, n, read.form, notes=read.notes)

    def score(self, predictions: Any, on: str = "folds") -> Score:
        """Score out-of-fold predictions of `train`, as `challenge score --on train` does.

        Public data alone is used: every row of `train` is predicted by a model that did not see
        its fold.

        Parameters
        ----------
        predictions : path, frame, dict, series, list or array
            As for `check`, a row for each row of `train`.
        on : {"folds", "train"}
            Two names of the same rows. Test rows are scored by `Board.submit`.

        Returns
        -------
        challenge.scoring.Score
            `primary` and `metrics` have `value`, `low` and `high` (95 %); `to_frame()` is a table.

        Raises
        ------
        SubmissionError
            With every fault of the predictions.
        WrongUse
            For another `on`.
        """
        from challenge.scoring import require_train, score_on_train

        require_train(on, "on", "test rows are scored by Board.submit")
        with as_file(predictions, self.task, "folds") as path:
            return score_on_train(self.task, path)

    def __repr__(self) -> str:
        columns = (f"{one.name} ({one.modality})" for one in self.task.columns)
        return "\n".join([*self._lines(), f"columns: {', '.join(columns)}"])

    def _lines(self) -> list[str]:
        task = self.task
        classes = f", {counted(len(task.classes), 'class')}" if task.classes else ""
        return [
            f"{task.id}: {task.title}",
            f"{task.kind.name}{classes}; metric {task.metric}",
            f"train {counted(task.n_train, 'row')}, test {counted(task.n_test, 'row')}",
        ]

    def _repr_html_(self) -> str:
        columns = [
            [cell_html(one.name), cell_html(one.modality), cell_html(one.description)]
            for one in self.task.columns
        ]
        head = self.train.head(_SAMPLES)
        images = {one.name for one in self.task.columns if modality_of(one.modality).is_image}
        rows = [
            [self._cell(value, image=name in images) for name, value in row.items()]
            for row in head.to_dict("records")
        ]
        return (
            text_html("\n".join(self._lines()))
            + table_html(["column", "modality", "description"], columns)
            + table_html([str(name) for name in head.columns], rows)
        )

    def _cell(self, value: object, *, image: bool) -> str:
        if image and isinstance(value, str):
            return thumbnail_html(self.task.image_path(value))
        return cell_html(value)


def load_task(name: str | Path, start: str | Path | None = None) -> LoadedTask:
    """Load a task.

    Parameters
    ----------
    name : str or Path
        An id in the challenge around `start`; a task's folder, or its `public/`; a zip of
        `challenge export`; or `https://server/tasks/ID`, with the token of `challenge login` or
        CHALLENGE_TOKEN.
    start : str or Path, optional
        Where the search for a challenge directory begins; default: the working directory.

    Returns
    -------
    LoadedTask
        What is unpacked or downloaded is kept in CHALLENGE_CACHE, by default `~/.cache/challenge`.

    Raises
    ------
    WrongUse
        When there is no such task.
    TaskError
        When it is not built.
    MissingRequirement
        When a server does not answer, or there is no token for it.
    """
    require(
        name,
        PLACE,
        "the task",
        "an id, a folder, a zip or an address, as a text or a path",
        "such as load_task('icon-tag'); for several tasks call it for each",
    )
    if start is not None:
        require(start, PLACE, "start", "a folder, as a text or a path", "name a folder")
    return LoadedTask(task_at(name, Path(start) if start is not None else Path.cwd()))
