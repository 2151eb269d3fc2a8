"""Row 6: paired intervals of all pairs of 50 submissions.

    python -m benchmarks.row6_pairs [--small | --full]

Full: 1,000,000 rows. Target: at most 3 s of CPU; resampling the rows takes minutes.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measure import measure, report
from challenge.kinds.metrics.labels import macro_f1, tally
from challenge.scoring.solution import Solution
from challenge.scoring.statistics.block_weights import draw_weights

CLASSES, SUBMISSIONS = 100, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="100,000 rows (default)")
    parser.add_argument("--full", action="store_true", help="1,000,000 rows")
    options = parser.parse_args()
    n = 1_000_000 if options.full else 100_000
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, n).astype(np.int32)
    row = np.arange(n, dtype=np.int32)
    solution = Solution(truth, np.ones(n, np.int8), row, row)
    weights = draw_weights(solution, "private", b"benchmark")
    group, n_groups = weights.grouping.group, weights.grouping.n_groups
    submissions = []
    for skill in np.linspace(0.5, 0.9, SUBMISSIONS):
        guess = rng.integers(0, CLASSES, n).astype(np.int32)
        submissions.append(np.where(rng.random(n) < skill, truth, guess).astype(np.int32))

    def replicates(codes: np.ndarray) -> np.ndarray:
        by_group = tally(truth, codes, CLASSES, group, n_groups)
        return macro_f1(by_group.weighted(weights.draws))

    def all_pairs() -> int:
        drawn = np.stack([replicates(codes) for codes in submissions])
        found = 0
        for position, mine in enumerate(drawn):
            low, high = np.quantile(mine - drawn[position + 1 :], (0.025, 0.975), axis=1)
            found += int(((low > 0) | (high < 0)).sum())
        return found

    def one_resample() -> object:
        rows = rng.integers(0, n, n)
        return [macro_f1(tally(truth[rows], codes[rows], CLASSES)) for codes in submissions]

    timings = measure({"all pairs": all_pairs, "one resampling of the rows": one_resample}, 3)
    ours, resample = timings.values()
    report(
        6,
        f"paired intervals of all pairs of {SUBMISSIONS} submissions, {n:,} rows",
        "≤ 3 s CPU (1,000,000 rows)",
        {"CPU s": ours.cpu_s, "1,000 resamplings s": 1_000 * resample.cpu_s},
        met=ours.cpu_s <= 3.0 if options.full else None,
        timings=timings,
    )


if __name__ == "__main__":
    main()
