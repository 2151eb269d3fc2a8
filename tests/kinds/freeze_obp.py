"""Writes `frozen_obp.json`: what `obp` estimates on four small logs.

Run in an environment of its own, `pip install obp==0.4.1`, as
`python tests/kinds/freeze_obp.py > tests/kinds/frozen_obp.json`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

ROWS, ARMS = 30, 4


def log(uniform: bool, deterministic: bool, seed: int) -> dict[str, Any]:
    """Return the log of one policy and another policy to judge."""
    random = np.random.default_rng(seed)
    shown = random.dirichlet(np.ones(ARMS), ROWS) * 0.8 + 0.05
    if uniform:
        shown = np.full((ROWS, ARMS), 1.0 / ARMS)
    arms = np.array([random.choice(ARMS, p=row) for row in shown])
    policy = random.dirichlet(np.ones(ARMS), ROWS)
    if deterministic:
        policy = np.eye(ARMS)[policy.argmax(axis=1)]
    return {
        "arms": arms,
        "propensities": shown[np.arange(ROWS), arms],
        "rewards": random.random(ROWS).round(3),
        "policy": policy,
        "expected": random.random((ROWS, ARMS)).round(3),
    }


def estimates(case: dict[str, Any], replay: bool) -> dict[str, float]:
    """Return the estimates of `obp`."""
    from obp.ope import estimators as obp

    rewards, arms = case["rewards"], case["arms"]
    given = {
        "reward": rewards,
        "action": arms,
        "pscore": case["propensities"],
        "action_dist": case["policy"][:, :, None],
        "estimated_rewards_by_reg_model": case["expected"][:, :, None],
        "position": np.zeros(ROWS, int),
    }
    found = {
        "snips": obp.SelfNormalizedInverseProbabilityWeighting(),
        "ips": obp.InverseProbabilityWeighting(),
        "dr": obp.DoublyRobust(),
        "dm": obp.DirectMethod(),
        **({"replay": obp.ReplayMethod()} if replay else {}),
    }
    return {name: float(one.estimate_policy_value(**given)) for name, one in found.items()}


def main() -> None:
    """Print all cases."""
    cases = {}
    for number, (uniform, deterministic) in enumerate(
        [(True, True), (True, False), (False, True), (False, False)]
    ):
        case = log(uniform, deterministic, 40 + number)
        figures = estimates(case, uniform and deterministic)
        name = f"{'uniform' if uniform else 'skewed'} {'arm' if deterministic else 'probabilities'}"
        cases[name] = {key: value.tolist() for key, value in case.items()} | {"figures": figures}
    sys.stdout.write(json.dumps(cases, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
