"""Regression: the truth of a row is a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from challenge.errors import Fault
from challenge.kinds.base import Kind, Metric, Undefined
from challenge.kinds.forms import Columns, Forms
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.jackknife import vector_of_sums
from challenge.kinds.statistics.vector import Vector, vector_of_rows

__all__ = ["KIND", "NumberOutcome"]

Floats = NDArray[np.float64]
ANY = (-math.inf, math.inf)
UP_TO_1 = (-math.inf, 1.0)
LOSS = (0.0, math.inf)


class NumberOutcome(Outcome):
    """Numbers beside the predicted ones."""

    @staticmethod
    def learn(labels: NDArray[Any], n_classes: int) -> float:
        """Return the trivial answer: the mean of train."""
        del n_classes
        return float(labels.mean())

    @classmethod
    def trivial(cls, rows: ScoredRows) -> Outcome:
        """Return the outcome of answering the mean of train to every row."""
        return cls(rows, Answers(numbers=np.full(rows.n_table, rows.trivial())))

    @cached_property
    def numbers(self) -> Floats:
        """The predicted numbers of the rows that count."""
        assert self.answers.numbers is not None
        numbers: Floats = self.rows.of(self.answers.numbers)
        return numbers

    @cached_property
    def errors(self) -> Floats:
        """How far each prediction is from the truth."""
        errors: Floats = np.abs(self.numbers - self.rows.labels)
        return errors

    def right_against(self, other: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the rows where this answer is no further from the truth, and the other none."""
        assert isinstance(other, NumberOutcome)
        return self.errors <= other.errors, other.errors <= self.errors

    def diagnostics(self) -> dict[str, float | None]:
        """Return the mean error: above 0 where predictions are too high."""
        if self.rows.n == 0:
            return {}
        return {"mean_error": float((self.numbers - self.rows.labels).mean())}


def _sums(
    name: str,
    title: str,
    columns: Callable[[NumberOutcome], tuple[Floats, ...]],
    value: Callable[[Floats], Floats],
    undefined: str = "",
    **options: Any,
) -> Metric:
    """Return a metric of sums over the rows.

    `columns` returns what each row adds, `value` maps the sums (..., m) to the figure. The metric
    is undefined where that is not finite.
    """

    def of(outcome: NumberOutcome) -> Floats:
        return np.stack(columns(outcome), axis=1)

    def found(outcome: NumberOutcome) -> float | Undefined:
        figure = float(value(of(outcome).sum(axis=0)))
        return figure if math.isfinite(figure) else Undefined(undefined)

    def vector(outcome: NumberOutcome) -> Vector:
        summed = of(outcome)
        parts = (outcome.rows.grouping.touched(column) for column in summed.T)
        clusters, couples = (np.stack(sums, axis=1) for sums in zip(*parts, strict=True))
        return vector_of_sums(summed.sum(axis=0), clusters, couples, value)

    def resolution(rows: ScoredRows) -> float:
        """Return what the mean of train gains, on average over the rows, if one row turns exact."""
        mean = NumberOutcome.trivial(rows)
        exact = NumberOutcome(rows.whole(), Answers(numbers=rows.labels))
        whole = of(mean)  # type: ignore[arg-type]
        total = whole.sum(axis=0)
        with np.errstate(invalid="ignore"):
            gained = np.abs(value(total - whole + of(exact)) - value(total))
        return float(gained.mean())

    return Metric(
        name,
        title,
        found,
        primary=True,
        vector=vector,
        resolution=resolution,
        **options,
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.divide(above, below)
    return result


def _squares(outcome: NumberOutcome) -> tuple[Floats, ...]:
    from_mean = outcome.rows.labels - outcome.rows.labels.mean()
    return np.ones(len(from_mean)), outcome.errors**2, from_mean, from_mean**2


def _squares_from_train(outcome: NumberOutcome) -> tuple[Floats, ...]:
    return outcome.errors**2, (outcome.rows.labels - outcome.rows.trivial()) ** 2


def _rmse(sums: Floats) -> Floats:
    """Return the root of the mean squared error, 0 or more.

    Ties: none. One row: its error. Empty input: undefined.
    """
    return np.sqrt(np.maximum(_ratio(sums[..., 1], sums[..., 0]), 0.0))


def _r2(sums: Floats) -> Floats:
    """Return the share of the variance of the truth that is explained, at most 1.

    Definition: 1 - squared errors over squared distances from the mean of the scored rows.
    Constant truth: 0/0 (undefined; scikit-learn says 0 or 1). Empty input: undefined.
    """
    n, squares, first, second = np.moveaxis(sums, -1, 0)
    around = second - _ratio(first**2, n)
    return 1.0 - _ratio(squares, np.where(around > 1e-12 * second, around, 0.0))


def _skill(sums: Floats) -> Floats:
    """Return 1 - rmse over the rmse of always answering the mean of train, at most 1.

    0: no better than that mean; below 0: worse. All rows equal to the mean of train: undefined.
    """
    return 1.0 - np.sqrt(np.maximum(_ratio(sums[..., 0], sums[..., 1]), 0.0))


def _median_error(outcome: NumberOutcome) -> float:
    """Return the median of the absolute errors, 0 or more; even numbers of rows: the midpoint."""
    return float(np.median(outcome.errors))


def _median_vector(outcome: NumberOutcome) -> Vector:
    """Return the influence on a median: the share of rows below over the density there.

    The density is that of the errors between two order statistics, 0.98 √n positions to either side
    (Woodruff 1952). Leaving out rows one by one has no consistent variance for a median.
    """
    errors, n = outcome.errors, outcome.rows.n
    ordered, median = np.sort(errors), np.median(errors)
    reach = max(1, round(0.98 * math.sqrt(n)))
    first, last = max((n - 1) // 2 - reach, 0), min(n // 2 + reach, n - 1)
    width = (ordered[last] - ordered[first]) * n / (last - first) if last > first else 0.0
    rows = 0.5 * np.sign(errors - median) * width / n
    return vector_of_rows(outcome.rows.grouping, rows - rows.mean())


def _mid_ranks(values: Floats) -> Floats:
    """Return the share of rows below each one, equal rows counting half."""
    _, code, sizes = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(sizes) - sizes
    shares: Floats = (below + 0.5 * sizes)[code] / len(values)
    return shares


def _mean_above(values: Floats, weights: Floats) -> Floats:
    """Return, for each row, the sum of the weights of the rows above it, of equal ones half."""
    _, code = np.unique(values, return_inverse=True)
    of_step = np.bincount(code, weights=weights)
    above = of_step[::-1].cumsum()[::-1] - 0.5 * of_step
    means: Floats = above[code] / len(values)
    return means


def _spearman(outcome: NumberOutcome) -> float | Undefined:
    """Return the correlation of the ranks of truth and predictions, -1 to 1.

    Ties: mean ranks. Constant truth or predictions: undefined. Empty input: undefined.
    """
    truth, predicted = (
        _mid_ranks(values) - 0.5 for values in (outcome.rows.labels, outcome.numbers)
    )
    squares = float(truth @ truth), float(predicted @ predicted)
    if min(squares) == 0.0:
        side = "truth" if squares[0] == 0.0 else "predictions"
        return Undefined(f"all ranks of the {side} are equal: 0/0")
    found = float(truth @ predicted) / math.sqrt(squares[0] * squares[1])
    return max(-1.0, min(found, 1.0))


def _spearman_vector(outcome: NumberOutcome) -> Vector:
    """Return the first-order influence: of a row itself, and of it on the ranks of others."""
    sides = outcome.rows.labels, outcome.numbers
    x, y = (_mid_ranks(values) - 0.5 for values in sides)

    def moved(a: Floats, b: Floats, of_a: Floats, of_b: Floats) -> tuple[float, Floats]:
        mean = float((a * b).mean())
        return mean, a * b + _mean_above(of_a, b) + _mean_above(of_b, a) - 3.0 * mean

    common, of_common = moved(x, y, *sides)
    of_truth, by_truth = moved(x, x, sides[0], sides[0])
    of_predicted, by_predicted = moved(y, y, sides[1], sides[1])
    root = math.sqrt(of_truth * of_predicted)
    spread = by_truth / of_truth + by_predicted / of_predicted
    rows = (of_common / root - 0.5 * common / root * spread) / outcome.rows.n
    return vector_of_rows(outcome.rows.grouping, rows - rows.mean())


METRICS = (
    _sums(
        "skill",
        "skill",
        _squares_from_train,
        _skill,
        "every row here is the mean of train: 0/0",
        bounds=UP_TO_1,
        baseline=0.0,
        meaning=(
            "1 − RMSE ÷ RMSE of always answering the mean of train: 1 is perfect, 0 is no better "
            "than that mean."
        ),
    ),
    _sums(
        "rmse",
        "RMSE",
        _squares,
        _rmse,
        bounds=LOSS,
        higher_is_better=False,
        meaning="Root of the mean squared error, in units of the label: 0 is perfect.",
    ),
    _sums(
        "mae",
        "MAE",
        lambda outcome: (np.ones(len(outcome.errors)), outcome.errors),
        lambda sums: _ratio(sums[..., 1], sums[..., 0]),
        bounds=LOSS,
        higher_is_better=False,
        meaning="Mean absolute error, in units of the label: 0 is perfect.",
    ),
    Metric(
        "median_absolute_error",
        "median absolute error",
        _median_error,
        bounds=LOSS,
        higher_is_better=False,
        primary=True,
        vector=_median_vector,
        meaning=(
            "The absolute error that half of the rows do not exceed, in units of the label: 0 is "
            "perfect."
        ),
    ),
    _sums(
        "r2",
        "R²",
        _squares,
        _r2,
        "the truth is constant: 0/0",
        bounds=UP_TO_1,
        task_only=True,
        meaning=(
            "1 − squared errors ÷ squared deviations of the rows from their own mean: 1 is "
            "perfect, 0 is that mean."
        ),
    ),
    Metric(
        "spearman",
        "Spearman's correlation",
        _spearman,
        bounds=(-1.0, 1.0),
        primary=True,
        task_only=True,
        vector=_spearman_vector,
        baseline=0.0,
        meaning=(
            "Correlation of the ranks of predicted and true numbers: 1 is the same order, 0 is "
            "chance."
        ),
    ),
)
"""All metrics of regression, in the order in which they are shown."""


@dataclass(frozen=True)
class NumberForms(Forms):
    """A number per row in `label`."""

    label_type: Literal["string", "int8", "double"] = "double"
    number_columns: str = "column label"
    number_range: tuple[float, float] = ANY

    @property
    def expected(self) -> str:
        """The columns of a submission in one line."""
        return "id and label (a number)"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a column may have."""
        return ("id", "label")

    def meant(self, names: Collection[str]) -> set[str]:
        """Return the names that a file with these columns seems to use."""
        del names
        return set(self.names)

    def columns(self, names: Collection[str], meant: Collection[str]) -> Columns:
        """Return which columns count."""
        del meant
        return Columns("numbers", numbers=("label",)) if "label" in names else Columns(None)

    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""
        del names
        return "write the predicted number in a column `label`, and remove these columns"

    def missing(
        self, names: Collection[str], meant: Collection[str], where: str
    ) -> Iterator[Fault]:
        """Yield a fault for needed columns that are not there."""
        del meant
        if "label" not in names:
            yield Fault(
                where,
                "no column `label`",
                self.expected,
                "add `label` with the predicted number",
                code="column-missing",
            )

    def number_fix(self, code: str) -> str:
        """Return what to do about a faulty number, by the code of its fault."""
        if code == "number-empty":
            return "predict every row; the mean of train is a prediction, too"
        if code in ("number-nan", "number-infinite", "number-overflow"):
            return "find out why the model returned it; write a finite number"
        return super().number_fix(code)


KIND = Kind(
    name="regression",
    title="regression",
    row="record",
    label="number",
    default_metric="skill",
    load_metrics=lambda: METRICS,
    load_outcome=lambda: NumberOutcome,
    forms=NumberForms,
    won="nearer",
    diagnostic_titles={"mean_error": "mean error"},
)
