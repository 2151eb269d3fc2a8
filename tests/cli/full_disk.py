"""Every command that writes, on a disk with little room.

Run as `python -m tests.cli.full_disk DISK FREE...`.

DISK is a folder of a small disk of its own. Each command runs with each number of free bytes,
then with enough of them if that failed, and then the ledger is verified. Prints the answers as
JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from challenge.features.model_files import has_packages
from tests.cli.shell import shell
from tests.ledger.toy import CONTEST, make_challenge, write_hits
from tests.toy import build_toy, declare_toy, toy_rows

DURING, AFTER = "2026-01-05T12:00:00Z", "2026-02-01T00:00:00Z"
COMMANDS = {
    "init": ("init", "{root}/fresh"),
    "add": ("add", "more", "--from", "{root}/raw.csv", "--label", "kind"),
    "convert": ("convert", "raw"),
    "audit": ("audit", "toy-classification"),
    "export": ("export", "toy", "--to", "{root}/toy.zip"),
    "check": ("check", "toy", "{root}/next.csv"),
    "submit": ("submit", "toy", "{root}/next.csv", "--team", "Ada", "--method", "m"),
    "collect": ("collect",),
    "select": ("select", "1"),
    "withdraw": ("withdraw", "1", "--yes"),
    "rename": ("rename", "Ada", "Bo"),
    "leaderboard": ("leaderboard",),
    "rescore": ("rescore",),
    "verify": ("verify",),
    "backup": ("backup", "{root}/backup.zip"),
    "restore": ("restore", "{root}/earlier.zip"),
    "close": ("close",),
    "run": ("run", "majority", "--task", "toy-classification"),
    "init-method": ("init-method", "{root}/mine.py"),
    "submissions": ("submissions",),
}
if has_packages("optuna"):
    COMMANDS["tune"] = ("tune", "linear", "--task", "toy-classification", "--trials", "1")


def prepare(root: Path) -> None:
    """Write a contest with two submissions, one more file, an inbox, raw data and a backup."""
    challenge = make_challenge(root / "c", CONTEST.format(per_day=9), n=300)
    build_toy(challenge.root, n=120, images=False)
    declare_toy(challenge.datasets / "raw", raw=toy_rows(120, images=True))
    task = challenge.task("toy")
    for hits in (60, 70):
        path = write_hits(task, root / "next.csv", hits, salt=hits)
        done = shell(challenge.root, "submit", "toy", str(path), "--team", "Ada", "--method", "m")
        assert done.code == 0, done
    write_hits(task, root / "next.csv", 90, salt=90)
    (folder := challenge.inbox / "Ada" / "toy").mkdir(parents=True)
    write_hits(task, folder / "waiting.csv", 80, salt=80)
    rows = "\n".join(f"{n},{'ab'[n % 2]},word {n % 7}" for n in range(100))
    (root / "raw.csv").write_text(f"size,kind,words\n{rows}\n")
    assert shell(challenge.root, "backup", str(root / "earlier.zip")).code == 0


@contextmanager
def filled(root: Path, free: int) -> Iterator[None]:
    """Fill the disk up to `free` bytes."""
    found = os.statvfs(root)
    file = root / "filler"
    with file.open("wb") as opened:
        size = found.f_bavail * found.f_frsize - free
        if size > 0:
            os.posix_fallocate(opened.fileno(), 0, size)
    try:
        yield
    finally:
        file.unlink()


def attempt(root: Path, words: tuple[str, ...]) -> dict[str, object]:
    """Run a command; a traceback is an answer too."""
    now = AFTER if words[0] == "close" else DURING
    into = root / ("elsewhere" if words[0] == "restore" else "c")
    into.mkdir(exist_ok=True)
    try:
        done = shell(into, *(word.format(root=root) for word in words), now=now)
    except BaseException:
        return {"code": -1, "text": traceback.format_exc()}
    return {"code": done.code, "text": done.out + done.err}


def main(folder: str, *amounts: str) -> None:
    disk = Path(folder)
    (disk / "tmp").mkdir()
    tempfile.tempdir = str(disk / "tmp")
    prepare(disk / "whole")
    found = {}
    for name, words in COMMANDS.items():
        answers = []
        for free in map(int, amounts):
            root = disk / "now"
            shutil.copytree(disk / "whole", root)
            for path in root.rglob("private"):
                path.chmod(0o700)
            with filled(disk, free):
                answer = attempt(root, words)
            left = [str(path) for path in disk.rglob("*") if path.name.endswith(".tmp")]
            after = attempt(root, words) if answer["code"] else {}
            after_all = attempt(root, ("verify",))
            answers.append({**answer, "left": left, "again": after, "verify": after_all})
            shutil.rmtree(root)
        found[name] = answers
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
