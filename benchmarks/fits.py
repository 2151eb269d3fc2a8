"""What the benchmarks of whole fits share: options, how a cell is shown and kept, and a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["add_fit_options", "difference_text", "keep_cell", "seed_table"]


def add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Add `--preset`, `--threads` and `--json`."""
    parser.add_argument("--preset", default="default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="append one line of JSON for each cell")


def keep_cell(cell: Mapping[str, Any], file: Path | None) -> None:
    """Write a cell to stderr as a line of JSON, and append it to the file if there is one."""
    print(json.dumps(cell), file=sys.stderr, flush=True)
    if file:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(cell, sort_keys=True) + "\n")


def difference_text(cell: Mapping[str, Any]) -> str:
    """Return `difference` with its interval in points of percent; a dash where there is none."""
    if cell["difference"] is None:
        return "–"
    ends = (cell["low"], cell["high"])
    low, high = ("–" if end is None else f"{100 * end:+.1f}" for end in ends)
    return f"{100 * cell['difference']:+.1f} ({low} to {high})"


def seed_table(
    cells: Sequence[Mapping[str, Any]],
    decimals: int,
    summaries: Mapping[str, Callable[[Sequence[float]], str]],
) -> str:
    """Return a Markdown table: points in percent, a row for each task and method.

    A column for each seed, then one for each of `summaries`, of the points of the row.
    """
    seeds = sorted({cell["seed"] for cell in cells})
    rows = [["task", "method", *(f"seed {seed}" for seed in seeds), *summaries]]
    rows.append(["---"] * len(rows[0]))
    for task, method in dict.fromkeys((cell["task"], cell["method"]) for cell in cells):
        points = {
            c["seed"]: 100 * c["value"] for c in cells if (c["task"], c["method"]) == (task, method)
        }
        each = [f"{points[seed]:.{decimals}f}" if seed in points else "–" for seed in seeds]
        values = list(points.values())
        rows.append([task, method, *each, *(say(values) for say in summaries.values())])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
