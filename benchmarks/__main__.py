"""Every row of the speed table, each in a process of its own.

    python -m benchmarks                      # small sizes, under two minutes
    python -m benchmarks --full --write       # full sizes; puts the table into docs/speed.md
    python -m benchmarks --full --results FILE --only row1_labels

`--results` keeps what the rows report; a benchmark that runs again replaces its own lines. A missed
target is printed, not a failure; the exit status says whether every row could run.
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
    ("row5_intervals",),
    ("row6_pairs",),
    ("row7_ranked",),
    ("board_ranking", "--submissions", "10000", "--teams", "1000", "--rounds", "3"),
    ("row9_start",),
)
FULL = (
    ("row1_labels", "--full"),
    ("row3_probability_files", "--full"),
    ("row4_probabilities", "--full"),
    ("row5_intervals", "--full"),
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
    parser.add_argument("--results", type=Path, help="a file that keeps what the rows report")
    parser.add_argument("--only", nargs="+", default=[], help="benchmarks; default: all")
    options = parser.parse_args()
    rows = FULL if options.full else SMALL
    chosen = [row for row in rows if row[0] in options.only or not options.only]
    reported: dict[str, list[dict[str, Any]]] = {}
    if options.results and options.results.is_file():
        reported = json.loads(options.results.read_text(encoding="utf-8"))
    failed = 0
    started = time.monotonic()
    for module, *words in chosen:
        print(f"== {module}", flush=True)
        reported[module] = run(module, words)
        failed += not reported[module]
        if options.results:
            options.results.write_text(json.dumps(reported, indent=1), encoding="utf-8")
    print(f"== {len(chosen)} benchmarks in {time.monotonic() - started:.0f} s, {failed} failed")
    lines = [line for module, *_ in rows for line in reported.get(module, [])]
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{table(lines)}\n\n{END}{after}", encoding="utf-8")
    return int(failed > 0)


def run(module: str, words: Sequence[str]) -> list[dict[str, Any]]:
    """Run a benchmark and return what it reports; nothing when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rows.jsonl"
        # One thread, so that CPU time says how much work was done.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"BENCH_JSON": str(found)}
        command = [sys.executable, "-m", f"benchmarks.{module}", *words]
        if subprocess.run(command, env=environment).returncode != 0:
            return []
        return [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Return what the rows reported as a Markdown table."""
    words = {True: "met", False: "**not met**", None: "–"}
    rows = ["| row | work | target | measured | |", "|---|---|---|---|---|"]
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
