"""How far repeated attempts climb the Ladder, and what it does to the order of honest teams.

    python -m benchmarks.ladder [--attackers 200] [--fields 12]

An attacker has no labels and no model: labels are fair coin flips. It keeps the last answer that
the Ladder released, flips a share of its rows and hands it in, or hands in a new random answer. The
gain is the public accuracy of the last released answer minus 1/2, the mean over attackers, for the
best of six such attacks. Sizes are the smallest of each step.

The honest field has 50 teams of 40 submissions, whose accuracies come near their best one over
time. Shown is Kendall's tau of the public scores with each team's best accuracy: with exact
scores, with the Ladder, and with a Ladder of step max(.005, .5 / sqrt(n)) without a limit.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from challenge.kinds import Metric
from challenge.ledger.submissions.ladder import MEASURED_CLIMB, climb, default_step, steps_to_beat

SIZES = (50, 100, 300, 550, 650, 1_000, 1_200, 2_000, 4_000, 16_000)
ATTEMPTS = (50, 200, 1_000)
SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
_COIN = Metric("accuracy", "accuracy", lambda *_: 0.5)

Floats = NDArray[np.float64]


def gains(n: int, share: float | None, rng: np.random.Generator) -> list[float]:
    """Return the gain of one attacker after each number of attempts; share None: new answers."""
    step, reference = default_step(n), None
    right, found = 0, []
    for attempt in range(max(ATTEMPTS)):
        if attempt == 0 or share is None:
            now = int(rng.binomial(n, 0.5))
        else:
            flips = max(1, int(share * n))
            now = right + flips - 2 * int(rng.hypergeometric(right, n - right, flips))
        release = climb(_COIN, reference, now / n, step, steps_to_beat(n, attempt))
        if release.released:
            right, reference = now, release.value
        if attempt + 1 in ATTEMPTS:
            found.append(right / n - 0.5)
    return found


def honest(n: int, rng: np.random.Generator, n_teams: int = 50, n_tries: int = 40) -> list[float]:
    """Return tau of one field: exact scores, the Ladder, and the plain step."""
    best = rng.normal(0.75, 0.05, n_teams)
    tries = np.arange(n_tries)
    true = best[:, None] - 0.03 * np.exp(-tries / 12) + rng.normal(0, 0.01, (n_teams, n_tries))
    hard = rng.normal(size=n) * np.sqrt(0.6)
    scores = np.empty_like(true)
    for team in range(n_teams):
        latent = hard + rng.normal(size=n) * np.sqrt(0.25)
        latent = latent + rng.normal(size=(n_tries, n)) * np.sqrt(0.15)
        # A row is right where its latent value is below the quantile of the accuracy.
        scores[team] = (latent < _quantiles(true[team])[:, None]).mean(axis=1)
    plain = max(0.005, 0.5 / np.sqrt(n))
    shown = np.empty((3, n_teams))
    for team in range(n_teams):
        shown[0, team] = scores[team].max()
        references: list[float | None] = [None, None]
        for attempt, value in enumerate(scores[team].tolist()):
            steps = steps_to_beat(n, attempt)
            references[0] = climb(_COIN, references[0], value, default_step(n), steps).value
            references[1] = climb(_COIN, references[1], value, plain).value
        shown[1:, team] = references
    return [_tau(one, true.max(axis=1)) for one in shown]


def _quantiles(shares: Floats) -> Floats:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(min(max(one, 0.01), 0.99)) for one in shares])


def _tau(a: Floats, b: Floats) -> float:
    """Return Kendall's tau-b."""
    i, j = np.triu_indices(len(a), 1)
    of_a, of_b = np.sign(a[i] - a[j]), np.sign(b[i] - b[j])
    return float(of_a @ of_b / np.sqrt(np.abs(of_a).sum() * np.abs(of_b).sum()))


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attackers", type=int, default=200)
    parser.add_argument("--fields", type=int, default=12)
    options = parser.parse_args()
    head = ["public rows", "step", "submissions by one step"]
    head += [f"climbed in {n:,}" for n in ATTEMPTS]
    head += ["tau, exact", "tau, Ladder", "tau, plain step"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    worst = 0.0
    for n in SIZES:
        rng = np.random.default_rng(n)
        attacks = [
            np.mean([gains(n, share, rng) for _ in range(options.attackers)], axis=0)
            for share in (*SHARES, None)
        ]
        climbed = np.max(attacks, axis=0)
        worst = max(worst, float(climbed[1]))
        taus = np.mean([honest(n, rng) for _ in range(options.fields)], axis=0)
        limit = next((k for k in range(max(ATTEMPTS)) if steps_to_beat(n, k) > 1), None)
        cells = [f"{n:,}", f"{default_step(n):g}", "all" if limit is None else f"{limit}",
                 *(f"{one:.3f}" for one in climbed), *(f"{one:.3f}" for one in taus)]  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\n200 attempts climb at most {worst:.3f}; stated: {MEASURED_CLIMB}")
    if round(worst, 3) > MEASURED_CLIMB + 0.0005:
        raise SystemExit("more than the pages state")


if __name__ == "__main__":
    main()
