"""Every row of the speed table, each in a process of its own.

    python -m benchmarks                      # small sizes, under two minutes
    python -m benchmarks --full --write       # full sizes; puts the table into docs/speed.md

A missed target is printed, not a failure; the exit status says whether every row could run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
START, END = "<!-- speed: made by benchmarks/__main__.py -->", "<!-- end of speed -->"
SMALL = (
    ("row1_labels",),
    ("row3_probability_files",),
    ("row4_probabilities",),
    ("row5_replicates",),
    ("row6_pairs",),
    ("row7_ranked",),
    ("board_ranking", "--submissions", "10000", "--teams", "1000", "--rounds", "3"),
    ("row9_start",),
)
FULL = (
    ("row1_labels", "--full"),
    ("row3_probability_files", "--full"),
    ("row4_probabilities", "--full"),
    ("row5_replicates", "--full"),
    ("row6_pairs", "--full"),
    ("row7_ranked", "--full"),
    ("board_ranking",),
    ("site_build",),
    ("row9_start",),
    ("conversion", "--rows", "10000", "100000", "1000000", "10000000"),
)


def main() -> int:
    """Run the rows; return 1 when one failed to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes that targets are about")
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    options = parser.parse_args()
    rows = FULL if options.full else SMALL
    failed = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rows.jsonl"
        found.touch()
        # One thread, so that CPU time says how much work was done.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"BENCH_JSON": str(found)}
        for module, *words in rows:
            print(f"== {module}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{module}", *words]
            failed += subprocess.run(command, env=environment).returncode != 0
        lines = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]
    print(f"== {len(rows)} benchmarks in {time.monotonic() - started:.0f} s, {failed} failed")
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{table(lines)}\n\n{END}{after}", encoding="utf-8")
    return int(failed > 0)


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Return what the rows reported as a Markdown table."""
    words = {True: "met", False: "**not met**", None: "–"}
    rows = ["| row | work | target | reached | |", "|---|---|---|---|---|"]
    for line in lines:
        reached = "; ".join(
            f"{name}: {value:,.3g}" if isinstance(value, float) else f"{name}: {value}"
            for name, value in line["reached"].items()
        )
        cells = (str(line["row"]), line["work"], line["target"], reached, words[line["met"]])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
