"""What the benchmarks of whole fits share: their options, and how each cell is told and kept."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["add_fit_options", "keep_cell"]


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
