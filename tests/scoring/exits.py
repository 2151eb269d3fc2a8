"""How `challenge check` ends, under load: each run on a valid CSV must exit with code 0.

`python -m tests.scoring.exits 1000` runs it a thousand times, several at once, with more processes
than cores. Threads of a library that live at the exit of the process would abort some of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from tests.toy import build_toy

ROWS = 6000


def exit_codes(root: Path, runs: int) -> Counter[int]:
    """Check a valid CSV with scores `runs` times; count the exit codes (negative: the signal)."""
    task = build_toy(root / "c", "matching", ROWS, images=False)
    (root / "c" / "challenge.toml").write_text('format = 1\ntitle = "C"\n')
    sample = pd.read_csv(task.public / "sample_submission.csv", dtype=str)
    sample["score"] = [f"{row % 997 / 997:.17g}" for row in range(len(sample))]
    sample.to_csv(root / "scores.csv", index=False)
    command = [sys.executable, "-m", "challenge", "-C", str(root / "c"), "check", task.id]
    command += [str(root / "scores.csv")]

    def run(number: int) -> int:
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            sys.stderr.write(f"run {number}: {done.returncode}\n{done.stderr.decode()}\n")
        return done.returncode

    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        return Counter(pool.map(run, range(runs)))


def main() -> int:
    """Run it as often as the command line asks for; exit with 1 unless every code is 0."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        codes = exit_codes(Path(folder), runs)
        print(f"exit codes {dict(codes)} in {time.monotonic() - began:.0f} s")  # noqa: T201
    return int(codes != Counter({0: runs}))


if __name__ == "__main__":
    raise SystemExit(main())
