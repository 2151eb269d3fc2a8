"""Row 7: average precision, ROC AUC and F1 as points, against one sort of the scores.

    python -m benchmarks.row7_ranked [--small | --full]

Full: 1,000,000 pairs. Target: at most 1.5 × `numpy.argsort`, which every path needs that keeps
scores and labels together; `numpy.sort` of the bare scores is shown beside it.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measure import measure, report, slope
from challenge.kinds.metrics.labels import tally
from challenge.kinds.metrics.pairs import f1
from challenge.kinds.metrics.ranked import average_precision, rank, roc_auc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="100,000 pairs (default)")
    parser.add_argument("--full", action="store_true", help="1,000,000 pairs")
    options = parser.parse_args()
    n = 1_000_000 if options.full else 100_000
    rng = np.random.default_rng(0)
    truth = (rng.random(n) < 0.1).astype(np.int32)
    scores = 1.0 / (1.0 + np.exp(-rng.normal(2.0 * truth, 1.0)))
    codes = (scores >= 0.5).astype(np.int32)

    def points(rows: int) -> tuple[float, ...]:
        ranking = rank(scores[:rows], truth[:rows])
        decided = f1(tally(truth[:rows], codes[:rows], 2))
        return average_precision(ranking), roc_auc(ranking), float(decided)

    work = {
        "numpy.argsort": lambda: np.argsort(scores),
        "numpy.sort": lambda: np.sort(scores),
        "three metrics": lambda: points(n),
        "three metrics of a tenth": lambda: points(n // 10),
    }
    timings = measure(work, rounds=7)
    argsort, sort, whole, tenth = timings.values()
    ratio = whole.cpu_s / argsort.cpu_s
    report(
        7,
        f"average precision, ROC AUC and F1, {n:,} pairs",
        "≤ 1.5 × one sort of the scores (1,000,000 pairs)",
        {
            "of argsort": ratio,
            "of sort": whole.cpu_s / sort.cpu_s,
            "slope": slope([n / 10, n], [tenth.cpu_s, whole.cpu_s]),
        },
        met=ratio <= 1.5 if options.full else None,
        timings=timings,
    )


if __name__ == "__main__":
    main()
