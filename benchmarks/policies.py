"""Coverage of the intervals of policies on simulated logs: `python -m benchmarks.policies`.

Contexts of three numbers, five arms, rewards 0 and 1 that depend on both; a uniform log, and one
that shows good arms more often. The true value of a policy is that of 200,000 contexts.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.estimates import estimates
from challenge.kinds.metrics.policy_values import METRICS, PolicyOutcome
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows

__all__ = ["covered", "log_of", "outcome_of", "policies_of"]

Floats = NDArray[np.float64]

ARMS = 5
_TASTES = np.random.default_rng(11).normal(0.0, 1.0, (3, ARMS))


def outcome_of(
    arms: NDArray[np.integer], log: Floats, policy: Floats, expected: Floats
) -> PolicyOutcome:
    """Return a log of independent rows (n,), (n, 2) and a policy (n, k) judged by it."""
    n, k = policy.shape
    clusters = np.arange(n, dtype=np.int32)
    rows = ScoredRows(
        np.arange(n),
        n,
        arms.astype(np.int32),
        tuple(f"arm {arm}" for arm in range(k)),
        group_rows(clusters, clusters, b"key"),
        log=log,
        expected=lambda: expected,
    )
    codes = policy.argmax(axis=1).astype(np.int32)
    if ((policy == 0.0) | (policy == 1.0)).all():
        return PolicyOutcome(rows, Answers(codes))
    return PolicyOutcome(rows, Answers(codes, lambda: iter([(slice(0, n), policy)])))


def _chances(contexts: Floats) -> Floats:
    chances: Floats = 1.0 / (1.0 + np.exp(2.5 - contexts @ _TASTES))
    return chances


def log_of(
    n: int, *, uniform: bool, random: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return arms (n,), propensities and rewards (n, 2), and contexts (n, 3) of a log."""
    contexts = random.normal(0.0, 1.0, (n, 3))
    chances = _chances(contexts)
    shown = np.full((n, ARMS), 1.0 / ARMS)
    if not uniform:
        shown = 0.5 / ARMS + 0.5 * chances / chances.sum(axis=1, keepdims=True)
    arms = (random.random((n, 1)) > shown.cumsum(axis=1)[:, :-1]).sum(axis=1)
    each = np.arange(n)
    rewards = (random.random(n) < chances[each, arms]).astype(np.float64)
    return arms, np.column_stack([shown[each, arms], rewards]), contexts


def policies_of(contexts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return three policies (n, k): the best arm, its neighbour, and one that draws."""
    chances = _chances(contexts)
    best = chances.argmax(axis=1)
    drawn = chances**2 / (chances**2).sum(axis=1, keepdims=True)
    return np.eye(ARMS)[best], np.eye(ARMS)[(best + 1) % ARMS], drawn


def covered(
    uniform: bool, deterministic: bool, *, n: int, times: int, seed: int
) -> dict[str, float]:
    """Return the share of intervals that hold the true value of a policy, by metric."""
    random = np.random.default_rng(seed)
    which = 0 if deterministic else 2
    many = random.normal(0.0, 1.0, (200_000, 3))
    true = float((policies_of(many)[which] * _chances(many)).sum(axis=1).mean())
    inside = dict.fromkeys((metric.name for metric in METRICS), 0)
    for _ in range(times):
        arms, log, contexts = log_of(n, uniform=uniform, random=random)
        # A reward model that knows the order of the arms, and not how much they earn.
        outcome = outcome_of(arms, log, policies_of(contexts)[which], 0.5 * _chances(contexts))
        for name, found in estimates(METRICS, outcome).items():
            if found.value is not None and not isinstance(found.interval, str):
                inside[name] += found.interval[0] <= true <= found.interval[1]
    return {name: count / times for name, count in inside.items()}


def main() -> None:
    """Print a table: logs and policies down, estimates across, per cent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2_000, help="logs of each case")
    parser.add_argument("--rows", type=int, default=1_500, help="rows of a log")
    given = parser.parse_args()
    print("log      policy         " + "".join(f"{metric.name:>8}" for metric in METRICS))
    for uniform in (True, False):
        for deterministic in (True, False):
            shares = covered(uniform, deterministic, n=given.rows, times=given.times, seed=1)
            head = f"{'uniform' if uniform else 'skewed':9}"
            head += f"{'one arm a row' if deterministic else 'probabilities':15}"
            print(head + "".join(f"{100 * share:8.1f}" for share in shares.values()))


if __name__ == "__main__":
    main()
