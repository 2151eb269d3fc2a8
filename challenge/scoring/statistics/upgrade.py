"""What changes for users when one submission replaces another: rows that were right and now fail.

A model with a better score may fail where the earlier one was right. Flips count these rows; their
rates have intervals from clusters, as every score has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.kinds.base import Metric, Undefined
from challenge.kinds.estimates import SAME, estimate
from challenge.kinds.scored_rows import Answers, Outcome, ScoredRows
from challenge.kinds.statistics.jackknife import vector_of_sums
from challenge.kinds.statistics.vector import (
    Ratios,
    Vector,
    interval,
    ratio_of_rows,
    rest_of,
    spreads,
    too_few_clusters,
)

__all__ = ["RATES", "Rate", "Upgrade", "negative_flip_rates", "relative_nfr", "upgrade_of"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Flips(Outcome):
    """Which rows the old and the new submission have right."""

    old: Bools
    new: Bools


@dataclass(frozen=True)
class Rate:
    """A rate of the upgrade with its 95 % interval; `reason` says what is missing."""

    name: str
    title: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def line(self) -> str:
        """Return the rate as text."""
        if self.value is None:
            return f"{self.title}: undefined ({self.reason})"
        known = f"{self.title}: {self.value:.4f}"
        if self.low is None or self.high is None:
            return f"{known} ({self.reason})"
        return f"{known} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class Upgrade:
    """Submission a replaced by submission b: rows that only a, and that only b has right."""

    n_negative: int
    n_positive: int
    rates: tuple[Rate, ...]

    def lines(self) -> list[str]:
        """Return the upgrade from a to b as text, one fact a line."""
        return [
            f"{counted(self.n_negative, 'negative flip')} (a right, b wrong) and "
            f"{counted(self.n_positive, 'positive flip')} when b replaces a",
            *(rate.line() for rate in self.rates),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return counts and rates as plain values."""
        rates = {
            one.name: {k: v for k, v in vars(one).items() if k != "name"} for one in self.rates
        }
        return {"negative": self.n_negative, "positive": self.n_positive, "rates": rates}


def upgrade_of(rows: ScoredRows, old: Bools, new: Bools) -> Upgrade:
    """Return what replacing a submission changes; `old`, `new` (n,) mark the rows each has right.

    Rows without an answer that is right or wrong, as numbers, have no flips: do not ask.
    """
    outcome = _Flips(rows, Answers(), old, new)
    return Upgrade(
        int((old & ~new).sum()),
        int((new & ~old).sum()),
        tuple(_rate(metric, outcome) for metric in RATES),
    )


def negative_flip_rates(rows: ScoredRows, flips: Bools) -> list[Rate]:
    """Return the first of the rates for several pairs; `flips` (p, n) marks the rows each loses.

    The same as one by one, at a fifth of the time: a site has it for each of its submissions.
    """
    metric, grouping = RATES[0], rows.grouping
    if too_few_clusters(grouping) or len(grouping.crossing):
        return [_rate(metric, _Flips(rows, Answers(), one, ~one)) for one in flips]
    pair, row = np.nonzero(flips)
    cells = pair * grouping.n_groups + grouping.group[row]
    above = np.bincount(cells, minlength=len(flips) * grouping.n_groups)
    below = grouping.every[0]
    shares = np.count_nonzero(flips, axis=1) / rows.n
    moved = above.reshape(len(flips), -1) - shares[:, None] * below
    moved /= rest_of(float(rows.n), below)
    rates = []
    found = spreads(Vector(moved, np.zeros((len(flips), 0))))
    for own, share, one in zip(flips, shares.tolist(), found, strict=True):
        # Without flips, or with as many in each cluster, the interval is another one.
        if share in metric.bounds or one.error <= SAME * share:
            rates.append(_rate(metric, _Flips(rows, Answers(), own, ~own)))
            continue
        ends = interval(share, one, metric.interval_scale, metric.bounds)
        assert ends is not None
        rates.append(Rate(metric.name, metric.title, share, *ends))
    return rates


def relative_nfr(n: int, n_old_right: int, n_new_wrong: int, n_negative: int) -> float | None:
    """Return the relative negative flip rate from counts of rows, None where it is undefined."""
    independent = n_old_right * n_new_wrong
    return n_negative * n / independent if independent else None


def _rate(metric: Metric, outcome: _Flips) -> Rate:
    found = estimate(metric, outcome)
    if found.value is None:
        return Rate(metric.name, metric.title, None, reason=found.reason)
    ends = found.interval
    if isinstance(ends, str):
        return Rate(metric.name, metric.title, found.value, reason=ends)
    return Rate(metric.name, metric.title, found.value, *ends)


def _share(
    name: str,
    title: str,
    above: Callable[[_Flips], Bools],
    below: Callable[[_Flips], Bools] | None = None,
    empty: str = "",
) -> Metric:
    """Return a metric that is the number of some rows over that of others, or of all."""

    def value(outcome: _Flips) -> float | Undefined:
        n = int(below(outcome).sum()) if below else outcome.rows.n
        return int(np.count_nonzero(above(outcome))) / n if n else Undefined(empty)

    def ratios(outcome: _Flips) -> Ratios:
        all_of = below(outcome).astype(np.float64) if below else None
        return ratio_of_rows(outcome.rows.grouping, above(outcome), all_of)

    return Metric(name, title, value, ratios=ratios)


def _counts(outcome: _Flips) -> tuple[Bools, ...]:
    """Return the rows of four sums: all, old right, new wrong, old right and new wrong."""
    return np.ones_like(outcome.old), outcome.old, ~outcome.new, outcome.old & ~outcome.new


def _relative(sums: Floats) -> Floats:
    n, old_right, new_wrong, flipped = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.divide(flipped * n, old_right * new_wrong)
    return found


def _relative_value(outcome: _Flips) -> float | Undefined:
    found = relative_nfr(*(int(one.sum()) for one in _counts(outcome)))
    return Undefined("no row was right before, or none is wrong") if found is None else found


def _relative_vector(outcome: _Flips) -> Vector:
    counts = [one.astype(np.float64) for one in _counts(outcome)]
    touched = [outcome.rows.grouping.touched(one) for one in counts]
    clusters, couples = (np.stack(side, axis=1) for side in zip(*touched, strict=True))
    return vector_of_sums(np.array([one.sum() for one in counts]), clusters, couples, _relative)


RATES: Sequence[Metric] = (
    _share(
        "negative_flip_rate",
        "negative flip rate",
        lambda found: found.old & ~found.new,
    ),
    _share(
        "positive_flip_rate",
        "positive flip rate",
        lambda found: found.new & ~found.old,
    ),
    Metric(
        "relative_nfr",
        "relative negative flip rate",
        _relative_value,
        higher_is_better=False,
        bounds=(0.0, float("inf")),
        vector=_relative_vector,
    ),
    _share(
        "backward_trust",
        "backward trust (right before, right now)",
        lambda found: found.old & found.new,
        lambda found: found.old,
        "no row was right before",
    ),
    _share(
        "error_compatibility",
        "error compatibility (wrong now, wrong before)",
        lambda found: ~found.old & ~found.new,
        lambda found: ~found.new,
        "no row is wrong now",
    ),
)
"""Negative flip rate: rows that only the old one has right, over all rows; relative to what
independent errors would give, NFR / ((1 - error of the old) (error of the new)) (Yan et al.,
"Positive-Congruent Training", CVPR 2021). Backward trust and error compatibility: Srivastava et
al., "An Empirical Analysis of Backward Compatibility in Machine Learning Systems", KDD 2020."""
