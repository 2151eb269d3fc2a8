"""Row 5: 1,000 bootstrap replicates of three count metrics, against reading the file.

    python -m benchmarks.row5_replicates [--small | --full]

Full: 1,000,000 rows, 100 classes. Target: at most 35 % of `pyarrow.csv` reading the labels' file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.csv as pc

from benchmarks.measure import measure, report, slope
from challenge.kinds.metrics.labels import accuracy, balanced_accuracy, macro_f1, tally
from challenge.scoring.solution import Solution
from challenge.scoring.statistics.block_weights import draw_weights

CLASSES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="100,000 rows (default)")
    parser.add_argument("--full", action="store_true", help="1,000,000 rows")
    options = parser.parse_args()
    n = 1_000_000 if options.full else 100_000
    rng = np.random.default_rng(0)
    truth, codes = (rng.integers(0, CLASSES, n).astype(np.int32) for _ in range(2))
    row = np.arange(n, dtype=np.int32)
    solution = Solution(truth, np.ones(n, np.int8), row, row)
    weights = draw_weights(solution, "private", b"benchmark")
    group, n_groups = weights.grouping.group, weights.grouping.n_groups

    def replicates(rows: int) -> list[object]:
        by_group = tally(truth[:rows], codes[:rows], CLASSES, group[:rows], n_groups)
        drawn = by_group.weighted(weights.draws)
        return [metric(drawn) for metric in (accuracy, balanced_accuracy, macro_f1)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        lines = (f"r{i:014x},class{code:03d}\n" for i, code in enumerate(codes))
        path.write_text("id,label\n" + "".join(lines))
        work = {
            "pyarrow.csv reads the file": lambda: pc.read_csv(path),
            "replicates": lambda: replicates(n),
            "replicates of a tenth": lambda: replicates(n // 10),
        }
        timings = measure(work, rounds=5)
    read, whole, tenth = timings.values()
    share = whole.cpu_s / read.cpu_s
    report(
        5,
        f"1,000 replicates of three count metrics, {n:,} rows",
        "≤ 35 % of the read (1,000,000 rows)",
        {"share": share, "slope": slope([n / 10, n], [tenth.cpu_s, whole.cpu_s])},
        met=share <= 0.35 if options.full else None,
        timings=timings,
    )


if __name__ == "__main__":
    main()
