"""What the benchmarks of whole fits share: their options, and how each cell is told and kept."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from challenge.kinds.statistics.vector import spread
from challenge.scoring import score_on_train
from challenge.task import Task

__all__ = ["add_fit_options", "keep_cell", "paired_on_train"]


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


def paired_on_train(task: Task, a: Path, b: Path) -> dict[str, float | None]:
    """Return the value of b on the train rows, and a minus b with its paired 95 % interval.

    `a` and `b` are files of out-of-fold predictions. No interval where no row changes the metric.
    """
    ours, theirs = (score_on_train(task, path) for path in (a, b))
    found = {"value": theirs.primary.value, "difference": None, "low": None, "high": None}
    if ours.vector is None or theirs.vector is None:
        return found
    assert ours.primary.value is not None and theirs.primary.value is not None
    apart, reach = (
        ours.primary.value - theirs.primary.value,
        spread(ours.vector - theirs.vector).reach,
    )
    if apart or reach:
        found |= {"difference": apart, "low": apart - reach, "high": apart + reach}
    return found
