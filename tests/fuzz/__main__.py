"""Both fuzzers, one after the other: `python -m tests.fuzz SECONDS` (each gets half)."""

from __future__ import annotations

import subprocess
import sys


def main(seconds: float) -> int:
    """Return 0 when neither found anything."""
    subset = max(1, int(seconds / 2))
    csv = [sys.executable, "-m", "tests.fuzz.fuzz_csv", f"-max_total_time={subset}"]
    parquet = [sys.executable, "-m", "tests.fuzz.fuzz_parquet", str(subset)]
    return max(abs(subprocess.run(command).returncode) for command in (csv, parquet))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
