"""Finds challenge directories and their tasks on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from challenge.errors import Fault, WrongUse, meant
from challenge.task.task import Task, read_task

__all__ = ["SERVER_MARKER", "Challenge", "find_challenge", "find_task"]

SERVER_MARKER = ".challenge-server.json"
"""A file in a participant's folder: it belongs to a server, which has the ledger."""


@dataclass(frozen=True)
class Challenge:
    """A challenge directory; files are read only when needed."""

    root: Path

    @property
    def datasets(self) -> Path:
        """Folder with one folder per task."""
        return self.root / "datasets"

    @property
    def submissions(self) -> Path:
        """Folder of the ledger and the predictions."""
        return self.root / "submissions"

    @property
    def leaderboard(self) -> Path:
        """Folder of the site."""
        return self.root / "leaderboard"

    @property
    def downloads(self) -> Path:
        """Folder of fetched archives; `CHALLENGE_CACHE` overrides it."""
        return Path(os.environ.get("CHALLENGE_CACHE") or self.root / ".cache")

    @property
    def inbox(self) -> Path:
        """Folder in which participants put files."""
        return self.root / "inbox"

    @property
    def exports(self) -> Path:
        """Folder of the zips for participants."""
        return self.submissions / "exports"

    def task_ids(self) -> tuple[str, ...]:
        """Return the ids of all declared tasks, sorted."""
        return tuple(sorted(path.parent.name for path in self.datasets.glob("*/task.toml")))

    def built_ids(self) -> tuple[str, ...]:
        """Return the ids of the tasks that are built, sorted."""
        return tuple(
            sorted(path.parents[1].name for path in self.datasets.glob("*/public/task.json"))
        )

    def folder(self, task_id: str) -> Path:
        """Return the folder of a declared task; raise WrongUse with the nearest id."""
        known = self.task_ids()
        if task_id not in known:
            raise WrongUse(
                Fault(
                    "task",
                    repr(task_id),
                    f"one of {', '.join(known) or '(none declared)'}",
                    meant(task_id, known, "see `challenge tasks`"),
                    code="unknown-task",
                )
            )
        return self.datasets / task_id

    def task(self, task_id: str) -> Task:
        """Read a built task; raise WrongUse when unknown, TaskError when not built."""
        return read_task(self.folder(task_id) / "public")


def find_challenge(start: Path) -> Challenge:
    """Return the nearest challenge directory at or above `start`; raise WrongUse when none."""
    start = Path(os.path.realpath(start))
    for folder in (start, *start.parents):
        if (folder / "challenge.toml").is_file():
            return Challenge(folder)
    raise WrongUse(
        Fault(
            str(start),
            "no challenge.toml here or above",
            "a challenge directory",
            "run `challenge init DIR`, or name the directory with -C DIR",
            code="no-challenge",
        )
    )


def find_task(name: str, start: Path) -> Task:
    """Return a task by id in the challenge around `start`, or by the path of its folder.

    A path is a task's folder, its `public/`, or any folder that holds a `task.json`, such as an
    unzipped export.
    """
    path = Path(name)
    for public in (path, path / "public"):
        if (public / "task.json").is_file():
            return read_task(public)
    if path.suffix.lower() == ".zip" and path.is_file():
        raise WrongUse(
            Fault(
                str(path),
                "the zip of a task",
                "its unpacked folder",
                f"unpack it: python -m zipfile -e {path} . ; then name the folder {path.stem}",
                code="zip-unpacked",
            )
        )
    return find_challenge(start).task(name)
