"""Two submissions, or two runs on the same train rows, side by side."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.api.challenge_board import Board
from challenge.api.doors import require
from challenge.api.frame_files import as_file
from challenge.api.loaded_task import LoadedTask
from challenge.api.local_runs import LocalRun
from challenge.api.notebook import text_html
from challenge.errors import Fault, WrongUse

if TYPE_CHECKING:
    import pandas as pd

    from challenge.ledger.submissions.compare import ReleasedDifference
    from challenge.scoring import Comparison

__all__ = ["Compared", "compare"]


class Compared:
    """The paired difference of a and b.

    Attributes
    ----------
    result : Comparison or ReleasedDifference
        The figures; while a contest runs, of released submissions only and rounded.
    titles : tuple of str
        What a and b are.
    verdict : str
        In one sentence, whether one of the two is better.
    """

    def __init__(
        self, result: Comparison | ReleasedDifference, titles: tuple[str, str], verdict: str
    ) -> None:
        self.result = result
        self.titles = titles
        self.verdict = verdict

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each metric: `a`, `b`, `value` (a minus b), `low` and `high` (95 %)."""
        import pandas as pd

        found = self.result.as_json()
        rows: Any = found.get("differences") or {
            found["metric"]: {name: found[name] for name in ("a", "b", "value", "low", "high")}
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def __repr__(self) -> str:
        sides = [f"{name}: {title}" for name, title in zip("ab", self.titles, strict=True)]
        return "\n".join([*sides, *self.result.lines(), self.verdict])

    def _repr_html_(self) -> str:
        return text_html(repr(self))


def compare(
    a: Any, b: Any, *, task: LoadedTask | None = None, board: Board | str | Path = "."
) -> Compared:
    """Compare two submissions of one task, or two predictions of train out of fold.

    Parameters
    ----------
    a, b : int, LocalRun or predictions
        Ids of two submissions; or two runs with `cv=True`; or out-of-fold predictions as
        `LoadedTask.score` takes them.
    task : LoadedTask, optional
        Needed where neither is a run.
    board : Board, str or Path
        Where the submissions are; default: the challenge around the working directory.

    Returns
    -------
    Compared
        With the paired 95 % intervals, and a verdict.

    Raises
    ------
    WrongUse
        For unknown ids, two different tasks, a run without `cv`, or where no task is named.
    SubmissionError
        For hidden scores, or with every fault of predictions.
    """
    from challenge.ledger.submissions.compare import compare as compare_submissions
    from challenge.ledger.submissions.compare import compared, verdict

    if isinstance(a, Integral) and isinstance(b, Integral):
        ledger = (board if isinstance(board, Board) else Board(board)).ledger()
        # Ids of a frame are integers of numpy.
        ids = int(a), int(b)
        found = compare_submissions(ledger, *ids)
        kind, (first, second) = compared(ledger, *ids)
        titles = first.title, second.title
        return Compared(found, titles, verdict(found, kind.metric(found.metric), *titles))
    if task is not None:
        require(task, (LoadedTask,), "task", "a task of load_task", "task=load_task('icon-tag')")
    if faults := [
        Fault(
            name,
            f"the run of {side.method}, which predicted the test rows",
            "predictions of train out of fold: test rows are compared by ids of submissions",
            "run both with cv=True",
            code="run-of-test",
        )
        for name, side in (("a", a), ("b", b))
        if isinstance(side, LocalRun) and side.score is None
    ]:
        raise WrongUse(faults)
    from challenge.scoring import compare_on_train

    tasks = [side.task for side in (a, b) if isinstance(side, LocalRun)]
    tasks += [task] if task is not None else []
    if not tasks or len({one.task.data_digest for one in tasks}) != 1:
        raise WrongUse(
            Fault(
                "a and b",
                "no task" if not tasks else "two tasks",
                "two predictions of one task",
                "name the task with `task=`, or compare runs on the same one",
                code="two-tasks",
            )
        )
    on = tasks[0].task
    files = [side.file if isinstance(side, LocalRun) else side for side in (a, b)]
    one, two = (
        side.method if isinstance(side, LocalRun) else f"{name}, as given"
        for name, side in (("a", a), ("b", b))
    )
    with as_file(files[0], on, "folds") as a_file, as_file(files[1], on, "folds") as b_file:
        of_train = compare_on_train(on, a_file, b_file)
    return Compared(of_train, (one, two), verdict(of_train, on.kind.metric(on.metric), one, two))
