"""Write the answers of PatentsView's own releases as predictions, one file a release.

    python datasets/inventor-mentions/reference.py OUT

Run by the organiser after `challenge convert inventor-mentions`: the ids of the test pairs are
made anew with the task's secret. A pair of which a release lacks a mention is answered 0, since
that release did not join them. The files are entries to submit as baselines.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pyarrow.parquet as pq

from challenge.prepare import load_converter
from challenge.prepare.build.ids import id_strings, keyed_draws
from challenge.prepare.sources.fetch import cache_folder, raw_folder
from challenge.task.definition import read_definition

FOLDER = Path(__file__).resolve().parent


def write_references(out: Path) -> dict[str, Path]:
    """Write `patentsview-<release>.csv` for each release and return the paths."""
    converter = load_converter(FOLDER / "convert.py")
    raw = raw_folder(read_definition(FOLDER), cache_folder(FOLDER.parents[1]), FOLDER)
    pairs = list(converter.read_pairs(raw))
    secret = (FOLDER / "private" / "secret").read_bytes()
    ids = id_strings(keyed_draws(secret, "row", [pair.key for pair in pairs]).number, "p")
    pair_of = dict(zip(ids.to_pylist(), pairs, strict=True))
    asked = pq.read_table(FOLDER / "public" / "test.parquet", columns=["id"])["id"].to_pylist()
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for release, answer in converter.read_answers(raw).items():
        written[release] = out / f"patentsview-{release}.csv"
        with written[release].open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(["id", "label"])
            for row in asked:
                pair = pair_of[row]
                left, right = answer.get(pair.left), answer.get(pair.right)
                lines.writerow([row, int(left is not None and left == right)])
    return written


if __name__ == "__main__":
    write_references(Path(sys.argv[1]))
