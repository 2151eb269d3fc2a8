"""What a policy would have earned, estimated from the log of another one.

Row i of the log: context x, the arm a that was shown, its propensity p(a|x), the reward r in
[0, 1]. A policy shows arm a with probability π(a|x). The weight of a row is w = π(a|x) / p(a|x).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.metrics.probabilities import mean_of_rows
from challenge.kinds.scored_rows import Outcome, ScoredRows
from challenge.kinds.statistics.vector import (
    Ratios,
    edge_interval,
    interval,
    ratio_of_rows,
    spread,
)

__all__ = ["LARGEST_WEIGHT", "METRICS", "SMALLEST_SAMPLE", "PolicyOutcome"]

SMALLEST_SAMPLE = 200
"""Below this effective sample size an estimate is unreliable, and holds no rank."""

LARGEST_WEIGHT = 50
"""Above this weight of one row an estimate is unreliable, and holds no rank."""

Floats = NDArray[np.float64]


class PolicyOutcome(Outcome):
    """A log beside the policy that is judged by it."""

    @cached_property
    def propensities(self) -> Floats:
        """The probability with which the arm of each row was shown, in (0, 1]."""
        assert self.rows.log is not None
        return self.rows.log[:, 0]

    @cached_property
    def rewards(self) -> Floats:
        """The reward of each row, in [0, 1]."""
        assert self.rows.log is not None
        return self.rows.log[:, 1]

    @cached_property
    def chosen(self) -> Floats:
        """The probability of the policy for the arm that was shown, π(a|x)."""
        rows, answers = self.rows, self.answers
        if answers.probabilities is None:
            same: Floats = (self.codes == rows.labels).astype(np.float64)
            return same
        shown = np.zeros(rows.n_table, np.int64)
        shown[rows.rows] = rows.labels
        found = np.empty(rows.n_table)
        for part, block in answers.probabilities():
            found[part] = block[np.arange(len(block)), shown[part]]
        return rows.of(found)

    @cached_property
    def weights(self) -> Floats:
        """The weight of each row, 0 or more."""
        weights: Floats = self.chosen / self.propensities
        return weights

    @cached_property
    def relative_weights(self) -> Floats:
        """The weights as shares of the largest one: 0 and 1 for one arm a row on a uniform log."""
        largest = float(self.weights.max(initial=0.0))
        return self.weights / largest if largest else self.weights

    @cached_property
    def direct(self) -> Floats:
        """What the reward model expects of the policy in each row."""
        expected, answers = self.rows.expected(), self.answers
        if answers.probabilities is None:
            return self.rows.of(expected)[np.arange(self.rows.n), self.codes]
        found = np.empty(self.rows.n_table)
        for part, block in answers.probabilities():
            found[part] = np.einsum("ij,ij->i", block, expected[part])
        return self.rows.of(found)

    @cached_property
    def corrected(self) -> Floats:
        """`direct`, and the weighted error of the reward model at the arm that was shown."""
        expected = self.rows.of(self.rows.expected())[np.arange(self.rows.n), self.rows.labels]
        corrected: Floats = self.direct + self.weights * (self.rewards - expected)
        return corrected

    @cached_property
    def effective_sample_size(self) -> float:
        """Kish's (sum of weights)² / sum of squared weights, 0 to n; 0 without a match."""
        squares = math.fsum(self.relative_weights**2)
        return math.fsum(self.relative_weights) ** 2 / squares if squares else 0.0

    def diagnostics(self) -> dict[str, float | None]:
        """Return how much of the log speaks for the policy."""
        if self.rows.n == 0:
            return {}
        return {
            "n_effective_sample_size": self.effective_sample_size,
            "matched_share": float(self.chosen.mean()),
            "largest_weight": float(self.weights.max()),
            "n_independent_matches": self.rows.grouping.n_clusters
            / float((1.0 / self.propensities).mean()),
        }

    def right_against(self, other: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the rows in which the most probable arm of each policy was shown and rewarded.

        In a uniform log with rewards 0 and 1, rows that reward one of two equally good policies
        alone fall like a fair coin.
        """
        paid, shown = self.rewards > 0.0, self.rows.labels
        return paid & (self.codes == shown), paid & (other.codes == shown)


def _snips(outcome: PolicyOutcome) -> float | Undefined:
    """Return sum of w r / sum of w, 0 to 1: Swaminathan and Joachims 2015 (NIPS), equation 8.

    For a policy of one arm a row on a uniform log this is the mean reward of the rows in which
    both show the same arm: the replay estimator of Li et al. 2011 (WSDM).
    Undefined with fewer than 200 effective rows, or with a weight above 50. Empty: undefined.
    """
    total = math.fsum(outcome.relative_weights)
    value = math.fsum(outcome.relative_weights * outcome.rewards) / total if total else 0.0
    size, largest = outcome.effective_sample_size, float(outcome.weights.max())
    problems = []
    if size < SMALLEST_SAMPLE:
        problems.append(f"effective sample size {size:.0f}, at least {SMALLEST_SAMPLE} needed")
    if largest > LARGEST_WEIGHT:
        problems.append(f"largest weight {largest:.0f}, at most {LARGEST_WEIGHT} allowed")
    if not problems:
        return value
    return Undefined(f"unreliable: {' and '.join(problems)}; {_estimate(outcome, value, total)}")


def _estimate(outcome: PolicyOutcome, value: float, total: float) -> str:
    """Return an unreliable estimate with its interval as text."""
    if not total:
        return "no row of the log has an arm of the policy"
    ratios = _snips_ratios(outcome)
    if value in (0.0, 1.0):
        ends = edge_interval(value, ratios.shares(), (0.0, 1.0))
    else:
        found = interval(value, spread(ratios.vector()), "share", (0.0, 1.0))
        assert found is not None
        ends = found
    return f"SNIPS {value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"


def _snips_ratios(outcome: PolicyOutcome) -> Ratios:
    weights = outcome.relative_weights
    return ratio_of_rows(outcome.rows.grouping, weights * outcome.rewards, weights)


def _mean_reward(rows: ScoredRows) -> float:
    """Return what the log itself earned a row: the value of the logging policy."""
    assert rows.log is not None
    return float(rows.log[:, 1].mean())


def _one_match(rows: ScoredRows) -> float:
    """Return the share of one row among those that a policy of one arm a row matches."""
    assert rows.log is not None
    return float((1.0 / rows.log[:, 0]).mean()) / rows.n


def _mean(rows: Callable[[PolicyOutcome], Floats], **options: Any) -> dict[str, Any]:
    return {**mean_of_rows(rows), **options}


METRICS = (
    Metric(
        "snips",
        "SNIPS",
        _snips,
        primary=True,
        units="n_independent_matches",
        ratios=_snips_ratios,
        baseline=_mean_reward,
        resolution=_one_match,
        meaning=(
            "Estimated mean reward of the policy: logged rewards, weighted by policy ÷ "
            "propensity; the weights are scaled to a mean of 1."
        ),
    ),
    # Horvitz and Thompson 1952: mean of w r, without bias, 0 to 1 / the least propensity.
    Metric(
        "ips",
        "IPS",
        **_mean(
            lambda outcome: outcome.weights * outcome.rewards,
            bounds=(0.0, math.inf),
            scale="identity",
        ),
        meaning="As SNIPS, without the scaling: no bias, but a wider interval.",
    ),
    # Dudík, Langford and Li 2011 (ICML): mean of Σ π q + w (r - q) with the reward model q.
    Metric(
        "dr",
        "DR",
        **_mean(lambda outcome: outcome.corrected, bounds=(-math.inf, math.inf)),
        meaning="Estimated mean reward by a model of the rewards, corrected by the logged rewards.",
    ),
    # The direct method of the same paper: mean of Σ π q. Its interval knows no error of the model.
    Metric(
        "dm",
        "DM",
        **_mean(lambda outcome: outcome.direct),
        meaning="Estimated mean reward by a model of the rewards alone.",
    ),
)
"""All metrics of policies, in the order in which they are shown."""
