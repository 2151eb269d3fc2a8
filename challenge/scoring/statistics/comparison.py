"""Two submissions of one task, side by side: whether one is really better, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.kinds import Metric
from challenge.kinds.estimates import MetricEstimate, estimates
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.distributions import binomial_p
from challenge.kinds.statistics.vector import Vector, spread
from challenge.scoring.predictions import Predictions
from challenge.scoring.score import part_of, refuse_strangers, train_part
from challenge.scoring.slices import Slice, SliceKind, read_slices
from challenge.scoring.solution import read_solution
from challenge.scoring.statistics.stored_grouping import read_grouping
from challenge.scoring.statistics.upgrade import Upgrade, upgrade_of
from challenge.task import Subset, Task

__all__ = [
    "Comparison",
    "Difference",
    "PairedOutcomes",
    "compare_on_train",
    "compare_predictions",
    "difference_of",
    "paired_difference",
]

_MOST_SLICES = 10


@dataclass(frozen=True)
class Difference:
    """A metric of both submissions, and a minus b with its paired 95 % interval.

    None where a figure is undefined; `reason` says what is missing. For a loss, less is better.
    """

    a: float | None
    b: float | None
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def as_json(self) -> dict[str, float | str | None]:
        """Return the difference as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class PairedOutcomes:
    """How the decisions of a and b fell on the same rows: `wins` only a has right, `losses` only b.

    `p` is the exact two-sided McNemar test: how often a fair coin would fall as unevenly over the
    rows that only one has right. It treats rows as independent.
    """

    wins: int
    losses: int
    both_right: int
    both_wrong: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.wins + self.losses + self.both_right + self.both_wrong

    @property
    def p(self) -> float:
        """The p-value, 0 to 1."""
        return binomial_p(self.wins, self.losses)

    def as_json(self) -> dict[str, float]:
        """Return counts and p-value as plain values."""
        return {**vars(self), "n": self.n, "p": self.p}


@dataclass(frozen=True)
class Comparison:
    """Submission a against submission b on one subset.

    `slices` are (kind, name, paired outcomes): by true class, missing modality, records seen in
    train, length. `won` is what the better answer to a row is called: `right`, or `nearer` of
    numbers (both: equally near). `upgrade` is what b in place of a changes, None where no answer
    is right.
    """

    task_id: str
    metric: str
    subset: Subset | Literal["train"]
    n: int
    n_clusters: int
    a: str
    b: str
    differences: Mapping[str, Difference]
    outcomes: PairedOutcomes
    slices: tuple[tuple[SliceKind, str, PairedOutcomes], ...]
    won: str = "right"
    upgrade: Upgrade | None = None

    @property
    def primary(self) -> Difference:
        """The difference of the primary metric."""
        return self.differences[self.metric]

    def worst_slices(self) -> list[tuple[str, PairedOutcomes]]:
        """Return the ten slices that lose most rows when b replaces a, those that lose most first.

        A row counts that only a has right, less one that only b has right.
        """
        lost = [(part.wins - part.losses, name, part) for _, name, part in self.slices]
        ranked = sorted(lost, key=lambda one: (-one[0], one[1]))
        return [(name, part) for n, name, part in ranked[:_MOST_SLICES] if n > 0]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "task": self.task_id,
            "metric": self.metric,
            "subset": self.subset,
            "n": self.n,
            "n_clusters": self.n_clusters,
            "a": self.a,
            "b": self.b,
            "differences": {name: d.as_json() for name, d in self.differences.items()},
            "outcomes": self.outcomes.as_json(),
            "slices": [
                {"kind": kind, "name": name, **outcomes.as_json()}
                for kind, name, outcomes in self.slices
            ],
            "upgrade": None if self.upgrade is None else self.upgrade.as_json(),
        }

    def lines(self) -> list[str]:
        """Return the comparison as text, one fact a line."""
        outcomes = self.outcomes
        lines = [_line(name, difference) for name, difference in self.differences.items()]
        lines.append(
            f"of {counted(outcomes.n, 'row')}: a alone {self.won} {outcomes.wins:,}, "
            f"b alone {self.won} {outcomes.losses:,}, "
            f"both {outcomes.both_right:,}, neither {outcomes.both_wrong:,}; "
            f"McNemar p = {outcomes.p:.3g}"
        )
        lines += [
            f"{name}: {counted(part.n, 'row')}, a alone {part.wins:,}, b alone {part.losses:,}, "
            f"both {part.both_right:,}, neither {part.both_wrong:,}"
            for _, name, part in self.slices
        ]
        return lines


def compare_predictions(task: Task, a: Predictions, b: Predictions, subset: Subset) -> Comparison:
    """Compare two submissions on the same rows of the hidden truth; organisers only.

    Each difference has the interval of the difference of both vectors.
    Raises ValueError when either is of another table, TaskError when the solution is damaged.
    """
    for predictions in (a, b):
        refuse_strangers(task, predictions, "test")
    solution = read_solution(task)
    part = part_of(task, solution, subset, read_grouping(task, solution, subset))
    return _compared(task, part, a, b, subset, read_slices(task, solution))


def compare_on_train(task: Task, a: Path, b: Path) -> Comparison:
    """Compare two files of out-of-fold predictions of the train rows, on public data alone.

    Without slices; intervals as those of `score_on_train`. Raises SubmissionError with every fault
    of the first file that has some.
    """
    from challenge.scoring.reading.check import read_predictions

    of_a, of_b = (read_predictions(task, path, rows="train") for path in (a, b))
    return _compared(task, train_part(task), of_a, of_b, "train", ())


def _compared(
    task: Task,
    part: ScoredRows,
    a: Predictions,
    b: Predictions,
    subset: Subset | Literal["train"],
    pieces: Iterable[Slice],
) -> Comparison:
    metrics = task.kind.metrics
    outcome_a, outcome_b = (task.kind.outcome(part, one.answers) for one in (a, b))
    of_a, of_b = (estimates(metrics.values(), one) for one in (outcome_a, outcome_b))
    right_a, right_b = outcome_a.right_against(outcome_b)
    same = _say_the_same(part, a, b)
    slices = ((piece.kind, piece.name, part.of(piece.rows)) for piece in pieces)
    return Comparison(
        task_id=task.id,
        metric=task.metric,
        subset=subset,
        n=part.n,
        n_clusters=part.grouping.n_clusters,
        a=a.sha256,
        b=b.sha256,
        differences={name: paired_difference(of_a[name], of_b[name], same) for name in metrics},
        outcomes=_outcomes(right_a, right_b),
        slices=tuple(
            (kind, name, _outcomes(right_a[rows], right_b[rows]))
            for kind, name, rows in slices
            if rows.any()
        ),
        won=task.kind.won,
        upgrade=upgrade_of(part, right_a, right_b) if task.kind.has_right_answers else None,
    )


def _say_the_same(part: ScoredRows, a: Predictions, b: Predictions) -> bool:
    if a.sha256 == b.sha256:
        return True
    if a.numbers is not None and b.numbers is not None:
        return bool((part.of(a.numbers) == part.of(b.numbers)).all())
    if a.vectors is not None and b.vectors is not None:
        return np.array_equal(a.vectors, b.vectors, equal_nan=True)
    plain = (a.probabilities, b.probabilities, a.scores, b.scores)
    return all(p is None for p in plain) and bool((part.of(a.codes) == part.of(b.codes)).all())


def paired_difference(a: MetricEstimate, b: MetricEstimate, same: bool = False) -> Difference:
    """Return a minus b of one metric with its paired interval; `same` when both say the same.

    The interval stays within what two values within the metric's bounds can differ by.
    """
    if a.value is None or b.value is None:
        return Difference(a.value, b.value, None, reason=a.reason or b.reason)
    value = a.value - b.value
    vectors = a.compared, b.compared
    if vectors[0] is None or vectors[1] is None:
        reason = next(str(one.interval) for one in (a, b) if one.compared is None)
        return Difference(a.value, b.value, value, reason=reason)
    if same:
        return Difference(a.value, b.value, value, reason="no interval: both predict the same here")
    return difference_of(a.value, b.value, vectors[0] - vectors[1], a.metric)


def difference_of(a: float, b: float, vector: Vector, metric: Metric) -> Difference:
    """Return a minus b with the interval that the vector of this difference shows."""
    value, paired = a - b, spread(vector)
    if paired.error == 0.0 and value == 0.0:
        return Difference(a, b, value, reason="no interval: no row changes this difference")
    least, largest = metric.bounds
    most = largest - least
    low, high = max(value - paired.reach, -most), min(value + paired.reach, most)
    return Difference(a, b, value, low, high)


def _outcomes(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> PairedOutcomes:
    both, either = int((a & b).sum()), int((a | b).sum())
    return PairedOutcomes(int(a.sum()) - both, int(b.sum()) - both, both, len(a) - either)


def _line(name: str, difference: Difference) -> str:
    if difference.value is None:
        return f"{name}: undefined ({difference.reason})"
    known = f"{name}: {difference.a:.4f} - {difference.b:.4f} = {difference.value:+.4f}"
    if difference.low is None or difference.high is None:
        return f"{known} ({difference.reason})"
    return f"{known} ({difference.low:+.4f} to {difference.high:+.4f})"
