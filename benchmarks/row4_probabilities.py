"""Row 4: all probability metrics of a matrix in memory, against one pass over it.

    python -m benchmarks.row4_probabilities [--small | --full]

Full: 1,000,000 × 100 float32. Targets: at most 12 passes, at most 100 MB beyond the input.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import measure, peak_memory_mb, report, slope
from challenge.kinds.metrics.probabilities import expected_calibration_error, row_losses
from challenge.scoring.predictions import BLOCK_ROWS

CLASSES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="100,000 rows (default)")
    parser.add_argument("--full", action="store_true", help="1,000,000 rows")
    options = parser.parse_args()
    n = 1_000_000 if options.full else 100_000
    rng = np.random.default_rng(0)
    matrix = rng.random((n, CLASSES), np.float32)
    matrix /= matrix.sum(axis=1, keepdims=True)
    truth = rng.integers(0, CLASSES, n).astype(np.int32)
    codes = matrix.argmax(axis=1).astype(np.int32)

    def blocks(rows: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, rows, BLOCK_ROWS):
            here = slice(start, min(start + BLOCK_ROWS, rows))
            yield here, matrix[here]

    def score(rows: int) -> tuple[float, ...]:
        losses = row_losses(blocks(rows), truth[:rows], codes[:rows])
        right = codes[:rows] == truth[:rows]
        return (
            float(losses.log_loss.mean()),
            float(losses.brier.mean()),
            float(losses.in_top_3.mean()),
            expected_calibration_error(losses.confidence, right),
        )

    names = ("one pass (numpy sum)", "all probability metrics", "a tenth of the rows")
    work = (lambda: matrix.sum(), lambda: score(n), lambda: score(n // 10))
    timings = measure(dict(zip(names, work, strict=True)), rounds=5)
    ratio = timings[names[1]].cpu_s / timings[names[0]].cpu_s
    memory = peak_memory_mb(lambda: score(n))
    growth = slope([n / 10, n], [timings[names[2]].cpu_s, timings[names[1]].cpu_s])
    report(
        4,
        f"probability metrics, {n:,} × {CLASSES} float32 in memory",
        "≤ 12 × one pass, ≤ 100 MB beyond the input",
        {"ratio": ratio, "MB": memory, "slope": growth},
        met=ratio <= 12 and memory <= 100,
        timings=timings,
    )


if __name__ == "__main__":
    main()
