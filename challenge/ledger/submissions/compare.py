"""Two submissions of one task, compared as far as the rules allow.

In a benchmark and after the close, rows are compared. While a contest runs, both submissions must
be released and every figure is rounded to the step: counts of rows would reveal labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from challenge.errors import Fault, SubmissionError, WrongUse
from challenge.kinds import Kind, Metric, kind_of
from challenge.kinds.statistics.vector import spread
from challenge.ledger.ledger import Ledger
from challenge.ledger.store.snapshot import Snapshot
from challenge.ledger.store.snapshot_queries import read_snapshot
from challenge.ledger.submissions.ladder import outward, round_to_step

if TYPE_CHECKING:
    from challenge.scoring import Comparison
    from challenge.scoring.statistics.comparison import Difference

__all__ = [
    "ComparedSubmission",
    "ReleasedDifference",
    "compare",
    "compared",
    "shown_difference",
    "verdict",
]


@dataclass(frozen=True)
class ComparedSubmission:
    """One of two submissions that are compared: its id, its team's name and its method."""

    id: int
    team: str
    method: str

    @property
    def title(self) -> str:
        """Return the names by which readers know it."""
        return f"submission {self.id} ({self.team}, {self.method})"


@dataclass(frozen=True)
class ReleasedDifference:
    """The primary metric of two released submissions, rounded to the Ladder's step.

    `low` and `high` are the ends of the paired 95 % interval of a minus b, None without one.
    """

    task_id: str
    metric: str
    step: float
    a: float
    b: float
    value: float
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, object]:
        """Return the difference as plain values."""
        return dict(vars(self))

    def lines(self) -> list[str]:
        """Return the difference as text, one fact per line."""
        from challenge.scoring.figures import figure, number

        return [
            f"{self.metric}: a {number(self.a)}, b {number(self.b)}, "
            f"a minus b {figure(self.value, self.low, self.high)}",
            f"rounded to {self.step:g}; rows are compared after the close",
        ]


def compare(ledger: Ledger, a: int, b: int) -> Comparison | ReleasedDifference:
    """Compare submission a with submission b.

    Raises WrongUse for an unknown id or two different tasks, SubmissionError when the score of one
    of them is hidden.
    """
    snapshot = read_snapshot(ledger)
    first, second = snapshot.submission(a), snapshot.submission(b)
    if first.task != second.task:
        raise WrongUse(
            Fault(
                f"submissions {a} and {b}",
                f"tasks {first.task} and {second.task}",
                "two submissions of one task",
                f"see `challenge submissions --task {first.task}`",
                code="two-tasks",
            )
        )
    if snapshot.subset == "public":
        return _released(snapshot, first.task, a, b)
    if snapshot.subset == "private":
        for submission in (first, second):
            if submission.id not in snapshot.finals.get((submission.team, submission.task), ()):
                raise _hidden(
                    submission.id, "not a final", "a final: only those have a private score"
                )
    from challenge.scoring import compare_predictions, read_predictions

    task = ledger.challenge.task(first.task)
    files = [ledger.files.open_path(submission.sha256) for submission in (first, second)]
    return compare_predictions(
        task, read_predictions(task, files[0]), read_predictions(task, files[1]), snapshot.subset
    )


def shown_difference(snapshot: Snapshot, a: int, b: int) -> Difference | ReleasedDifference:
    """Return the primary metric of two submissions of a board, a minus b, as `compare` has it.

    It needs no file: the interval is that of their stored vectors. Raises SubmissionError when
    the score of one of them is hidden.
    """
    from challenge.scoring.statistics.comparison import Difference, difference_of

    task = snapshot.submission(a).task
    if snapshot.subset == "public":
        return _released(snapshot, task, a, b)
    values: list[float] = []
    for key in (a, b):
        score = snapshot.score(key)
        if score is None or score.value is None:
            raise _hidden(key, "no score", "a submission that is on the board")
        if score.low is None:
            values.clear()
            break
        values.append(score.value)
    vectors = snapshot.vectors([a, b])
    if not values or vectors[0] is None or vectors[1] is None:
        of_a, of_b = (score.value if (score := snapshot.score(key)) else None for key in (a, b))
        value = None if of_a is None or of_b is None else of_a - of_b
        return Difference(of_a, of_b, value, reason="no interval: too few independent rows")
    metric = snapshot.cards[task].metric
    return difference_of(values[0], values[1], vectors[0] - vectors[1], metric)


def compared(ledger: Ledger, *ids: int) -> tuple[Kind, list[ComparedSubmission]]:
    """Return the kind of the task, and the names of the submissions; WrongUse for unknown ids."""
    snapshot = read_snapshot(ledger)
    found = [snapshot.submission(one) for one in ids]
    kind = kind_of(str(snapshot.cards[found[0].task].task["kind"]))
    return kind, [
        ComparedSubmission(one.id, snapshot.teams[one.team].name, one.method) for one in found
    ]


def verdict(
    result: Comparison | ReleasedDifference,
    metric: Metric,
    a: str,
    b: str,
) -> str:
    """Return in one sentence whether one of the two, named by their titles, is better."""
    primary = result if isinstance(result, ReleasedDifference) else result.primary
    if primary.low is None or primary.high is None or primary.value is None:
        return "No verdict: the difference has no interval."
    if primary.low <= 0 <= primary.high:
        return (
            "These rows cannot distinguish the two: the interval of the difference in "
            f"{metric.title} contains 0."
        )
    better = a if (primary.value > 0) is metric.higher_is_better else b
    return (
        f"Significantly better is {better}: the 95 % interval of the difference in "
        f"{metric.title} does not contain 0."
    )


def _released(snapshot: Snapshot, task_id: str, a: int, b: int) -> ReleasedDifference:
    scores = [snapshot.score(key) for key in (a, b)]
    values: list[float] = []
    for key, score in zip((a, b), scores, strict=True):
        if score is None or score.value is None:
            raise _hidden(key, "not released", "a submission that improved the public score")
        values.append(score.value)
    step = snapshot.steps[task_id]
    value = values[0] - values[1]
    low = high = None
    of_a, of_b = snapshot.vectors([a, b])
    if of_a is not None and of_b is not None:
        reach = spread(of_a - of_b).reach
        low, high = outward(value - reach, value + reach, step)
    metric = next(score.metric for score in scores if score is not None)
    return ReleasedDifference(
        task_id, metric, step, values[0], values[1], round_to_step(value, step), low, high
    )


def _hidden(submission_id: int, found: str, expected: str) -> SubmissionError:
    return SubmissionError(
        Fault(
            f"submission {submission_id}",
            found,
            expected,
            "compare submissions that `challenge submissions` shows with a score",
            code="not-released",
        )
    )
