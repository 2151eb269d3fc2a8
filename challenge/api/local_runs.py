"""Methods run here: predictions of the test rows, or of train out of fold with their score."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from challenge.api.doors import PLACE, require, require_choice, require_flag, require_text
from challenge.api.loaded_task import LoadedTask, load_task
from challenge.errors import ChallengeError, Fault, WrongUse
from challenge.methods import Isolation, MethodSource, resolve_method
from challenge.methods.earlier import OUT_OF_FOLD
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.grid import GridCell
from challenge.methods.run.handover import PREDICTIONS
from challenge.methods.run.runner import Options, default_isolation
from challenge.task.files import new_file, output_exists

if TYPE_CHECKING:
    import pandas as pd

    from challenge.scoring import Score
    from challenge.task import Task

__all__ = ["LocalRun", "earlier_folders", "out_of_fold", "run"]


@dataclass(frozen=True, repr=False)
class LocalRun:
    """What a method predicted on this machine.

    Attributes
    ----------
    method : str
        Name of the method.
    task : LoadedTask
        The task.
    file : Path
        The predictions file, checked; without `to` it is removed with this object.
    score : Score or None
        The score of train, out of fold; None where the test rows were predicted.
    """

    method: str
    task: LoadedTask
    file: Path
    score: Score | None = None
    scratch: tempfile.TemporaryDirectory[str] | None = field(default=None, compare=False)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The predictions, a row for each row of `test`, or of `train`."""
        import pandas as pd

        return pd.read_parquet(self.file)

    def __repr__(self) -> str:
        lines = [] if self.score is None else self.score.lines()
        rows = "test" if self.score is None else "train, out of fold"
        return "\n".join([f"{self.method} on {self.task.id}, {rows}: {self.file}", *lines])


_FILES: tuple[tuple[Literal["test", "train"], str, str], ...] = (
    ("test", PREDICTIONS, ""),
    ("train", OUT_OF_FOLD, " --cv"),
)
"""Files of an earlier run: the rows that they predict, the name, and the option that writes it."""


def run(
    method: Any,
    task: LoadedTask | str | Path,
    *,
    cv: bool = False,
    to: str | Path | None = None,
    seed: int = 0,
    threads: int = 2,
    preset: str = "default",
    time_limit: float | None = None,
    isolation: Isolation | None = None,
    earlier: str | Path | None = None,
    progress: Progress = silent,
) -> LocalRun:
    """Run a method on a task, as `challenge run METHOD --task TASK` does.

    Parameters
    ----------
    method : str, estimator, class or object
        A built-in name, an entry point or `file.py:Name`, which run in a process of their own. A
        scikit-learn estimator, or a class or object with `fit(train, task)` and `predict(test)`,
        runs in this process.
    task : LoadedTask, str or Path
        A task, or what `load_task` takes.
    cv : bool
        Predict train out of fold and score it (`--cv`), instead of the test rows.
    to : str or Path, optional
        Keep the file in `to/TASK/`; nothing there is replaced. Default: a temporary folder.
    seed, threads, preset, time_limit, isolation
        As the options of `challenge run`.
    earlier : str or Path, optional
        As `--earlier`: the folder that `to` named in an earlier run, with and without `cv`.
    progress : callable, optional
        Called with a short text at each step, such as `print`.

    Returns
    -------
    LocalRun
        With `file`, `predictions` and, with `cv`, `score`.

    Raises
    ------
    WrongUse
        For an unknown method, or where a file would be replaced.
    MissingRequirement
        When a requirement of the method is not installed.
    ChallengeError
        When it crashed, was stopped at a cap, or its predictions have faults.
    """
    _require_options(cv, to, seed, threads, preset, time_limit, isolation, earlier, progress)
    require(
        task,
        (LoadedTask, *PLACE),
        "the task",
        "a task of load_task, or what load_task takes",
        "such as run('linear', task); for several tasks call it for each",
    )
    loaded = task if isinstance(task, LoadedTask) else load_task(task)
    named = isinstance(method, str)
    source = (resolve_method(method) if named else _own(method)).on(loaded.task)
    scratch = tempfile.TemporaryDirectory(prefix="challenge-run-") if to is None else None
    folder = Path(scratch.name if scratch else str(to)) / loaded.id
    if named and isolation is None:
        isolation = default_isolation(source, loaded.task)
    limit = None if time_limit is None else float(time_limit)
    options = Options(int(seed), int(threads), preset, limit, isolation or "none")
    if earlier is not None:
        folders = earlier_folders(Path(earlier), [loaded.task], in_python=True)
        options = replace(options, earlier=folders[loaded.id])
    cell = GridCell(source, loaded.task, options, folder)
    if (path := folder / (OUT_OF_FOLD if cv else PREDICTIONS)).exists():
        raise output_exists(path)
    score = None
    if cv:
        score = out_of_fold(cell, progress)
    else:
        _predict(cell, progress)
    return LocalRun(source.name, loaded, path, score, scratch)


def _require_options(
    cv: object,
    to: object,
    seed: object,
    threads: object,
    preset: object,
    time_limit: object,
    isolation: object,
    earlier: object,
    progress: object,
) -> None:
    """Raise WrongUse for an option of another type: Python would take some of them for others."""
    require_flag(cv, "cv", "the folds are those of the task, see task.folds")
    for where, place in (("to", to), ("earlier", earlier)):
        if place is not None:
            require(place, PLACE, where, "a folder, as a text or a path", f"{where}='runs'")
    require(seed, (Integral,), "seed", "a whole number", "seed=0")
    require(threads, (Integral,), "threads", "a whole number from 1 on", "threads=2")
    require_text(preset, "preset", "the name of a preset, such as 'fast'")
    if time_limit is not None:
        require(time_limit, (Real,), "time_limit", "seconds, or None", "time_limit=600")
    if isolation is not None:
        require_choice(isolation, get_args(Isolation), "isolation")
    if not callable(progress):
        expected, fix = "a function that takes a text", "progress=print"
        raise WrongUse(Fault("progress", repr(progress), expected, fix, code="wrong-argument"))


def earlier_folders(
    runs: Path, tasks: Sequence[Task], *, in_python: bool = False
) -> dict[str, Path]:
    """Return the folder of each task among earlier runs, by the task's id; their files are checked.

    Fixes are commands, or with `in_python` calls. Raises WrongUse with the faults of all files.
    """
    from challenge.scoring import read_predictions

    found = {task.id: (runs / task.id).resolve() for task in tasks}
    faults: list[Fault] = []
    for task in tasks:
        for rows, name, option in _FILES:
            file = found[task.id] / name
            if not file.is_file():
                faults.append(
                    Fault(
                        f"earlier={str(runs)!r}" if in_python else f"--earlier {runs}",
                        f"no file {file}",
                        "predictions of test, and of train out of fold, by an earlier run",
                        f"run(METHOD, {task.id!r}, to={str(runs)!r}, cv={rows == 'train'})"
                        if in_python
                        else f"challenge run METHOD --task {task.id} --to {runs}{option}",
                        code="no-earlier",
                    )
                )
                continue
            try:
                read_predictions(task, file, rows=rows)
            except ChallengeError as error:
                faults += error.faults
    if faults:
        raise WrongUse(faults)
    return found


def out_of_fold(cell: GridCell, progress: Progress = silent) -> Score:
    """Run a cell out of fold, keep the file in its folder, and score it on train.

    A file with faults is not kept. Raises ChallengeError when the method failed or the file has
    faults, WrongUse where a file would be replaced.
    """
    from challenge.methods.search import run_trial
    from challenge.scoring import score_on_train

    if isinstance(cell.source, _OwnMethod):
        predictions = _predict_here(
            cell.source, cell.task, cell.options.for_method(), progress, cv=True
        )
    else:
        chosen: dict[str, str | float] = {"preset": cell.options.preset}
        if cell.options.time_limit is not None:
            chosen["time_limit"] = cell.options.time_limit
        if cell.options.earlier is not None:
            chosen["earlier"] = str(cell.options.earlier)
        predictions = run_trial(
            cell.source,
            cell.task,
            chosen,
            seed=cell.options.seed,
            threads=cell.options.threads,
            isolation=cell.options.isolation,
            caps=cell.caps,
            progress=progress,
        )
    path = _keep(cell.folder / OUT_OF_FOLD, predictions)
    try:
        return score_on_train(cell.task, path)
    except ChallengeError:
        path.unlink()
        raise


def _predict(cell: GridCell, progress: Progress) -> None:
    """Predict the test rows, and keep the file in the cell's folder if it has no fault."""
    from challenge.methods.run.runner import run_method
    from challenge.scoring import read_predictions

    path = cell.folder / PREDICTIONS
    if isinstance(cell.source, _OwnMethod):
        _keep(
            path,
            _predict_here(cell.source, cell.task, cell.options.for_method(), progress, cv=False),
        )
    else:
        options = cell.options
        run_method(
            cell.source.spec,
            cell.task,
            cell.folder,
            seed=options.seed,
            threads=options.threads,
            preset=options.preset,
            time_limit=options.time_limit,
            isolation=options.isolation,
            earlier=options.earlier,
            progress=progress,
        )
    try:
        read_predictions(cell.task, path)
    except ChallengeError:
        path.unlink()
        raise


def _keep(path: Path, predictions: bytes) -> Path:
    with new_file(path) as file:
        file.write(predictions)
    return path


@dataclass(frozen=True)
class _OwnMethod(MethodSource):
    """A method that is an object of this process; each fit gets a copy of it."""

    given: Any = None

    def declared(self) -> Any:
        return self.given if isinstance(self.given, type) else copy.deepcopy(self.given)


def _own(given: Any) -> _OwnMethod:
    name = getattr(given, "__name__", type(given).__name__)
    return _OwnMethod(name, name, name, "", builtin=False, given=given)


def _predict_here(
    source: MethodSource, task: Task, options: Mapping[str, Any], progress: Progress, *, cv: bool
) -> bytes:
    """Return the predictions file of a method of this process, as Parquet."""
    import io

    import pyarrow.parquet as pq

    from challenge.methods.returned import arrow_table, as_table
    from challenge.methods.run.cell import predict_out_of_fold
    from challenge.task.frames import read_test, read_train

    where = f"method {source.name}, what `predict` returned"
    if cv:
        found = predict_out_of_fold(source, task, options, progress)
    else:
        method = source.make(**options, progress=progress)
        method.fit(read_train(task), task)
        test = read_test(task)
        found = as_table(method.predict(test), test, task, where)
    target = io.BytesIO()
    pq.write_table(arrow_table(found, task, where), target)
    return target.getvalue()
