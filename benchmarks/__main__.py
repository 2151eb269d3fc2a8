"""`python -m benchmarks`: every row of the speed table in its small size, each in a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

ROWS = (
    ("row1_labels",),
    ("row3_probability_files",),
    ("row4_probabilities",),
    ("row5_replicates",),
    ("row6_pairs",),
    ("row7_ranked",),
    ("board_ranking", "--submissions", "10000", "--teams", "1000", "--rounds", "3"),
    ("row9_start",),
)


def main() -> int:
    """Run the rows; return the number of those that failed to run (a missed target is none)."""
    failed = 0
    # One thread, so that CPU time says how much work was done.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    started = time.monotonic()
    for module, *words in ROWS:
        print(f"== {module}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *words], env=environment
        )
        failed += done.returncode != 0
    print(f"== {len(ROWS)} benchmarks in {time.monotonic() - started:.0f} s, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
