"""All fuzzers, one after the other: `python -m tests.fuzz SECONDS`, in equal shares."""

from __future__ import annotations

import subprocess
import sys

from tests.fuzz.parsers import TARGETS


def main(seconds: float) -> int:
    """Return 0 when none found anything."""
    share = max(1, int(seconds / (2 + len(TARGETS))))
    limit = f"-max_total_time={share}"
    commands = [["fuzz_csv", limit], ["fuzz_parquet", str(share)]]
    commands += [["fuzz_parsers", name, limit] for name in TARGETS]
    return max(
        abs(subprocess.run([sys.executable, "-m", f"tests.fuzz.{script}", *options]).returncode)
        for script, *options in commands
    )


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
