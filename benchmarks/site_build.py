"""How long the site takes: 100k submissions of 10k teams, in full, again, and after one more.

    python -m benchmarks.site_build [--submissions 100000] [--teams 10000]

Targets: the full build at most 60 s and 1 GB, one new submission at most a tenth of it, files and
CPU time. A smaller size runs first, so that the growth can be told. The full build is timed once:
the second one of a size would find its pages there.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.board_ranking import fill
from benchmarks.measure import Timing, peak_memory_mb, report, slope
from challenge.board.site import SiteReport, build_site
from challenge.kinds.statistics.grouping import group_rows
from challenge.ledger import Ledger
from challenge.ledger.store import schema

FULL_S, MEMORY_MB, SHARE = 60.0, 1000.0, 0.1
MORE = 3
"""Single submissions after the full build; the median of their builds counts."""
CARD: dict[str, Any] = {
    "id": "task",
    "kind": "classification",
    "title": "Task",
    "description": "A made-up task.",
    "metric": "accuracy",
    "columns": [{"name": "words", "modality": "text", "description": "", "integer": False}],
    "classes": ["a", "b"],
    "n_train": 1000,
    "n_test": 10_000,
    "sources": [],
    "samples": False,
}


def make_ledger(folder: Path, n_submissions: int, n_teams: int) -> Ledger:
    """Return a ledger of this size whose card has what a task page shows, with right rows."""
    ledger = fill(folder, n_submissions, n_teams)
    rng, n = np.random.default_rng(0), int(CARD["n_test"])
    cluster = np.arange(n, dtype=np.int32)
    grouping = group_rows(cluster, cluster, b"site").to_bytes()
    hard = 0.9 * rng.random(n)
    with ledger.store.writing() as connection:
        connection.execute(schema.cards.update().values(task_json=json.dumps(CARD)))
        connection.execute(
            schema.groupings.insert().values(scoring_version=1, subset="all", content=grouping)
        )
        for start in range(1, n_submissions + 1, 1000):
            keys = range(start, min(start + 1000, n_submissions + 1))
            right = [np.packbits(hard + 0.1 * rng.random(n) < 0.7).tobytes() for _ in keys]
            rows = zip(keys, right, strict=True)
            connection.execute(
                schema.right_rows.insert(), [{"score": key, "packed": row} for key, row in rows]
            )
    return ledger


def add_one(ledger: Ledger) -> None:
    """Put one more submission of one team into the tables, better than its others."""
    with ledger.store.writing() as connection:
        for table, key in ((schema.submissions, "id"), (schema.scores, "submission")):
            row = connection.execute(table.select().order_by(table.c.id.desc()).limit(1)).one()
            values = dict(row._mapping)
            values.update(id=row.id + 1, at=row.at + 1_000_000)
            values[key] = row.id + 1
            if key == "submission":
                values.update(value=0.81, low=0.8, high=0.82)
            else:
                values.update(sha256="f" * 64, file_sha256="f" * 64)
            connection.execute(table.insert().values(values))


def timed_build(ledger: Ledger, out: Path) -> tuple[SiteReport, Timing]:
    """Build once and say how long it took."""
    cpu, wall = _cpu_s(), time.perf_counter()
    built = build_site(ledger, out)
    return built, Timing(_cpu_s() - cpu, time.perf_counter() - wall)


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of those that it has ended."""
    return sum(os.times()[:4])


def timed_writing(out: Path, n: int) -> Timing:
    """Write `n` files of 9 kB, ten to a folder, and say how long the file system took."""
    content = b"x" * 9000
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, n, 10):
        folder = out / str(start)
        folder.mkdir(parents=True)
        for number in range(start, min(start + 10, n)):
            (folder / str(number)).write_bytes(content)
    return Timing(time.process_time() - cpu, time.perf_counter() - wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--teams", type=int, default=10_000)
    wanted = parser.parse_args()
    sizes, seconds = [], []
    timings: dict[str, Timing] = {}
    memory = 0.0
    # One folder for all sizes, removed at the end: ext4 looks through the inodes of files removed
    # in the last seconds before it makes new ones, and that would be counted as ours.
    with tempfile.TemporaryDirectory() as folder:
        for share in (0.1, 1.0):
            n, teams = int(wanted.submissions * share), max(1, int(wanted.teams * share))
            place = Path(folder) / str(n)
            ledger = make_ledger(place / "challenge", n, teams)
            full, timings["full build"] = timed_build(ledger, place / "site")
            again, timings["nothing new"] = timed_build(ledger, place / "site")
            rounds = []
            for _ in range(MORE):
                add_one(ledger)
                more, timing = timed_build(ledger, place / "site")
                rounds.append(timing)
            timings["one more submission"] = sorted(rounds, key=lambda one: one.cpu_s)[MORE // 2]
            sizes.append(float(n))
            seconds.append(timings["full build"].cpu_s)
            assert again.written == 0
        timings["as many files, written alone"] = timed_writing(Path(folder) / "plain", full.pages)
        memory = peak_memory_mb(lambda: build_site(ledger, place / "other"))
    ratio = timings["one more submission"].cpu_s / timings["full build"].cpu_s
    report(
        8,
        f"site of {wanted.submissions:,} submissions of {wanted.teams:,} teams",
        f"full build at most {FULL_S:.0f} s and {MEMORY_MB:.0f} MB; one more at most {SHARE} of it",
        {
            "wall seconds": timings["full build"].wall_s,
            "MB": memory,
            "one more, of the time": ratio,
            "one more, of the files": more.written / full.pages,
            "files": str(full.pages),
            "growth": slope(sizes, seconds),
        },
        met=timings["full build"].wall_s <= FULL_S and memory <= MEMORY_MB and ratio <= SHARE,
        timings=timings,
    )


if __name__ == "__main__":
    main()
