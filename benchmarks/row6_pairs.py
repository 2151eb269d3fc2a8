"""Row 6: paired intervals of all pairs of 50 submissions.

    python -m benchmarks.row6_pairs [--small | --full]

Full: 1,000,000 rows. Target: at most 3 s of CPU; resampling the rows takes minutes.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measure import measure, report
from challenge.board.rules.ties import compare_with_first, stacked
from challenge.kinds import kind_of
from challenge.kinds.estimates import estimate
from challenge.kinds.metrics.labels import macro_f1, tally
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows

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
    grouping = group_rows(row, row, b"benchmark")
    names = tuple(f"class{code:03d}" for code in range(CLASSES))
    part, kind = ScoredRows(np.arange(n), n, truth, names, grouping), kind_of("classification")
    submissions = []
    for skill in np.linspace(0.5, 0.9, SUBMISSIONS):
        guess = rng.integers(0, CLASSES, n).astype(np.int32)
        submissions.append(np.where(rng.random(n) < skill, truth, guess).astype(np.int32))

    def all_pairs() -> object:
        found = [
            estimate(kind.metric("macro_f1"), kind.outcome(part, Answers(codes)))
            for codes in submissions
        ]
        merits = np.array([one.value for one in found])
        order = np.argsort(-merits)
        return compare_with_first(merits[order], stacked([found[i].vector for i in order]))

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
