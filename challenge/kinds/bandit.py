"""Policies judged offline: the truth of a row is what one arm earned in a log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from challenge.kinds.base import Kind, Metric
from challenge.kinds.classification import ClassForms

__all__ = ["KIND"]


def _metrics() -> tuple[Metric, ...]:
    from challenge.kinds.metrics import policy_values

    return policy_values.METRICS


def _outcome() -> Any:
    from challenge.kinds.metrics.policy_values import PolicyOutcome

    return PolicyOutcome


@dataclass(frozen=True)
class ArmForms(ClassForms):
    """An arm per row in `label`, or one column of probabilities per arm."""

    number_columns: str = "arm columns"
    noun: str = "arm"

    def other_kind_fix(self, names: Collection[str]) -> str:
        """Return what to do about columns that belong to another form or kind."""
        if "score" in names:
            return "`score` is for matching; write `label`, or one probability per arm"
        return "submit either `label` or the arm columns; the arm columns are a policy that draws"


KIND = Kind(
    name="bandit",
    title="policies judged offline",
    row="log entry",
    label="class",
    default_metric="snips",
    load_metrics=_metrics,
    first_method="greedy",
    load_outcome=_outcome,
    forms=ArmForms,
    class_noun=ArmForms.noun,
    won="rewarded",
    log_columns=("propensity", "reward"),
    diagnostic_titles={
        "effective_sample_size": "effective sample size",
        "matched_share": "share of matched rows",
        "largest_weight": "largest weight",
        "independent_matches": "rows that one arm a row matches",
    },
)
