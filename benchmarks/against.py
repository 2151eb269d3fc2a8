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
from PIL import Image

from benchmarks.conversion import write_raw

ROOT = Path(__file__).parents[1]
ROWS, RECORDS, IMAGES = 100_000, 8_000, 2_000
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
_IMAGES = """path = "raw"
[raw]
format = "table"
file = "raw.csv"
label = "kind"
[columns.photo]
modality = "image"
[columns.words]
modality = "text"
[accept]
near-identical-texts = "a benchmark"
near-identical-images = "a benchmark"
identical-rows = "a benchmark"
"""
_BUILD = """
import os, resource, sys
from pathlib import Path
from challenge.errors import TaskError
from challenge.prepare import build_task

def spent():
    # Images may be decoded in a process of their own, which still runs.
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ended = sum(resource.getrusage(user).ru_utime for user in users)
    running = [
        (Path("/proc") / child / "stat").read_text().rpartition(")")[2].split()[11]
        for thread in Path("/proc/self/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    return ended + sum(map(int, running)) / os.sysconf("SC_CLK_TCK")

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


def write_images(folder: Path) -> None:
    """Write 2,000 images of 256 by 192 pixels, PNG and JPEG in turn, and a table of them."""
    (folder / "raw" / "photos").mkdir(parents=True)
    random = np.random.default_rng(6)
    names, labels = [], random.integers(0, 4, IMAGES)
    for row in range(IMAGES):
        small = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        names.append(f"photos/shelf {row % 40}, item {row}.{('png', 'jpg')[row % 2]}")
        image = Image.fromarray(small).resize((256, 192), Image.Resampling.BICUBIC)
        image.save(folder / "raw" / names[-1])
    words = [" ".join(f"word{place}" for place in random.integers(0, 3000, 8)) for _ in names]
    table = {"photo": names, "words": words, "kind": [f"kind {code}" for code in labels]}
    pyarrow.csv.write_csv(pa.table(table), folder / "raw" / "raw.csv")
    toml = _HEAD.format(folder.name, "classification", "accuracy") + _IMAGES
    (folder / "task.toml").write_text(toml)


def build(code: Path, folder: Path) -> tuple[float, float]:
    """Build a task with the package in `code`; return user CPU seconds to convert and to audit."""
    for part in ("public", "private", "cache"):
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
    parser.add_argument("--tables", nargs="+", default=["table", "pairs", "images"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / "other"
        subprocess.run(
            ["git", "worktree", "add", "--detach", str(other), given.commit],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        try:
            writers = {"table": write_table, "pairs": write_pairs, "images": write_images}
            for name in given.tables:
                folder = Path(scratch) / "datasets" / name
                writers[name](folder)
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
