"""What a build costs beside another commit: the shipped readers, then the audit, in user CPU time.

    python -m benchmarks.against COMMIT               # three rounds, the least time of each counts

Each build is a process of its own. Both commits take turns, with the same installed libraries.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.conversion import write_raw

ROOT = Path(__file__).parents[1]
ROWS, RECORDS = 100_000, 8_000
_HEAD = 'format = 1\nid = "{0}"\nkind = "{1}"\ntitle = "{0}"\nmetric = "{2}"\n[[source]]\n'
_TABLE = """path = "raw.csv"
[raw]
format = "table"
key = "key"
[columns.words]
modality = "text"
[columns.weight]
modality = "numeric"
[columns.count]
modality = "numeric"
integer = true
[columns.shop]
modality = "categorical"
[columns.colour]
modality = "categorical"
"""
_PAIRS = """path = "raw"
[raw]
format = "deepmatcher"
[split]
by = "official"
[columns.title]
modality = "text"
[columns.maker]
modality = "categorical"
[columns.price]
modality = "numeric"
[accept]
{accepted}
"""
_BUILD = """
import resource, sys
from pathlib import Path
from challenge.errors import TaskError
from challenge.prepare import build_task

def spent():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime

audited = []
def progress(text):
    if text == "audit":
        audited.append(spent())

folder, started = Path(sys.argv[1]), spent()
build_task(folder, cache=folder.parent / "cache", progress=progress)
print(audited[0] - started, spent() - audited[0])
"""


def write_table(folder: Path) -> None:
    """Write 100,000 rows of text, numbers and categories, as a CSV for the shipped reader."""
    folder.mkdir(parents=True)
    write_raw(folder / "raw.csv", ROWS)
    toml = _HEAD.format(folder.name, "classification", "accuracy") + _TABLE
    (folder / "task.toml").write_text(toml)


def write_pairs(folder: Path) -> None:
    """Write two tables of 8,000 records and 32,000 pairs, in the deepmatcher form."""
    (folder / "raw").mkdir(parents=True)
    random = np.random.default_rng(5)
    words = [f"word{place * 7919 % 3000}" for place in range(3000)]
    titles = [[words[place] for place in random.integers(0, 3000, 8)] for _ in range(RECORDS)]
    for name in ("tableA", "tableB"):
        shown = [" ".join(random.permutation(title)[:7]) for title in titles]
        price = np.round(random.lognormal(3, 1, RECORDS), 2)
        maker = [f"maker {code}" for code in random.integers(0, 200, RECORDS)]
        table = {"id": np.arange(RECORDS), "title": shown, "maker": maker, "price": price}
        pyarrow.csv.write_csv(pa.table(table), folder / "raw" / f"{name}.csv")
    bounds = (("train", 0, 0.6), ("valid", 0.6, 0.8), ("test", 0.8, 1.0))
    for name, first, last in bounds:
        left = np.repeat(np.arange(int(first * RECORDS), int(last * RECORDS)), 4)
        match = np.arange(len(left)) % 4 == 0
        other = random.integers(int(first * RECORDS), int(last * RECORDS), len(left))
        pairs = {
            "ltable_id": left,
            "rtable_id": np.where(match, left, other),
            "label": (match | (left == other)).astype(np.int8),
        }
        pyarrow.csv.write_csv(pa.table(pairs), folder / "raw" / f"{name}.csv")
    names = ("seen-records", "transitive-pairs", "identical-rows", "telling-agreement-title")
    accepted = "\n".join(f'{name} = "a benchmark"' for name in names)
    toml = _HEAD.format(folder.name, "matching", "f1") + _PAIRS.format(accepted=accepted)
    (folder / "task.toml").write_text(toml)


def build(code: Path, folder: Path) -> tuple[float, float]:
    """Build a task with the package in `code`; return user CPU seconds to convert and to audit."""
    for part in ("public", "private"):
        shutil.rmtree(folder / part, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(folder)],
        env=os.environ | {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"},
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    converted, audited = done.stdout.split()
    return float(converted), float(audited)


def main() -> None:
    """Print the least times of both commits and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / "other"
        subprocess.run(
            ["git", "worktree", "add", "--detach", str(other), given.commit],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        try:
            for name, write in (("table", write_table), ("pairs", write_pairs)):
                folder = Path(scratch) / "datasets" / name
                write(folder)
                now, then = [], []
                for _ in range(given.rounds):
                    then.append(build(other, folder))
                    now.append(build(ROOT, folder))
                spent = [min(part) for one in (then, now) for part in zip(*one, strict=True)]
                figures = {
                    "table": name,
                    "convert, s": [spent[0], spent[2]],
                    "audit, s": [spent[1], spent[3]],
                    "convert, x": round(spent[2] / spent[0], 2),
                    "audit of conversion, x": round(spent[3] / spent[2], 2),
                }
                print(json.dumps(figures), flush=True)
        finally:
            subprocess.run(
                ["git", "worktree", "remove", "--force", str(other)], cwd=ROOT, check=True
            )


if __name__ == "__main__":
    main()
