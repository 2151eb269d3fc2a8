"""Row 5: the 95 % intervals of three count metrics, against reading the file.

    python -m benchmarks.row5_intervals [--small | --full]

Full: 1,000,000 rows, 100 classes. Target: at most 35 % of `pyarrow.csv` reading the labels' file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.csv as pc

from benchmarks.measure import measure, report, slope
from challenge.kinds import kind_of
from challenge.kinds.estimates import estimate
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows

CLASSES = 100
METRICS = ("accuracy", "balanced_accuracy", "macro_f1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="100,000 rows (default)")
    parser.add_argument("--full", action="store_true", help="1,000,000 rows")
    options = parser.parse_args()
    n = 1_000_000 if options.full else 100_000
    rng = np.random.default_rng(0)
    truth, codes = (rng.integers(0, CLASSES, n).astype(np.int32) for _ in range(2))
    row = np.arange(n, dtype=np.int32)
    kind = kind_of("classification")
    names = tuple(f"class{code:03d}" for code in range(CLASSES))

    def of(rows: int) -> ScoredRows:
        grouping = group_rows(row[:rows], row[:rows], b"benchmark")
        return ScoredRows(np.arange(rows), rows, truth[:rows], names, grouping)

    def intervals(part: ScoredRows) -> list[object]:
        outcome = kind.outcome(part, Answers(codes[: part.n]))
        return [estimate(kind.metric(name), outcome).interval for name in METRICS]

    everything, tenth_of = of(n), of(n // 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        lines = (f"r{i:014x},class{code:03d}\n" for i, code in enumerate(codes))
        path.write_text("id,label\n" + "".join(lines))
        work = {
            "pyarrow.csv reads the file": lambda: pc.read_csv(path),
            "intervals": lambda: intervals(everything),
            "intervals of a tenth": lambda: intervals(tenth_of),
        }
        timings = measure(work, rounds=5)
    read, whole, tenth = timings.values()
    share = whole.cpu_s / read.cpu_s
    report(
        5,
        f"95 % intervals of three count metrics, {n:,} rows",
        "≤ 35 % of the read (1,000,000 rows)",
        {"share": share, "slope": slope([n / 10, n], [tenth.cpu_s, whole.cpu_s])},
        met=share <= 0.35 if options.full else None,
        timings=timings,
    )


if __name__ == "__main__":
    main()
