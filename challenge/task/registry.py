"""Finds challenge directories and their tasks on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from challenge.errors import Fault, WrongUse, meant
from challenge.task.task import Task, read_task

__all__ = [
    "SERVER_MARKER",
    "Challenge",
    "find_challenge",
    "find_task",
    "is_path_like",
    "require_folder",
]

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
            more = ""
            if (self.root / SERVER_MARKER).is_file():
                more = f"; if it is there, get it with `challenge download {task_id}`"
            raise WrongUse(
                Fault(
                    "task",
                    repr(task_id),
                    f"one of {', '.join(known) or '(none declared)'}",
                    meant(task_id, known, f"see `challenge tasks`{more}"),
                    code="unknown-task",
                )
            )
        return self.datasets / task_id

    def task(self, task_id: str) -> Task:
        """Read a built task; raise WrongUse when unknown, TaskError when not built."""
        return read_task(self.folder(task_id) / "public")


def require_folder(path: Path) -> None:
    """Raise WrongUse where a search for a challenge directory cannot start: at no folder."""
    if not path.is_dir():
        raise WrongUse(
            Fault(
                str(path),
                "a file" if path.exists() else "no such folder",
                "a folder in a challenge directory",
                "correct the path",
                code="no-folder",
            )
        )


def find_challenge(start: Path) -> Challenge:
    """Return the nearest challenge directory at or above a folder; raise WrongUse when none."""
    require_folder(start)
    start = Path(os.path.realpath(start))
    for folder in (start, *start.parents):
        if (folder / "challenge.toml").is_file():
            return Challenge(folder)
    raise WrongUse(
        Fault(
            str(start),
            "no challenge.toml here or above",
            "a challenge directory",
            "name the directory with -C DIR, or a task by its folder; an organiser starts a new "
            "one with `challenge init DIR`",
            code="no-challenge",
        )
    )


def find_task(name: str, start: Path) -> Task:
    """Return a task by id in the challenge around `start`, or by the path of its folder.

    A path is a task's folder, its `public/`, or any folder that holds a `task.json`, such as an
    unzipped export. Raises WrongUse when there is none, TaskError when it is not built.
    """
    path = Path(name)
    for public in (path, path / "public") if name else ():
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
    try:
        challenge = find_challenge(start)
    except WrongUse as error:
        if error.faults[0].code != "no-challenge":
            raise
        raise _no_task(name, ()) from None
    known = challenge.task_ids()
    if name in known or not is_path_like(name):
        return challenge.task(name)
    if (path / "task.toml").is_file():
        return read_task(path / "public")
    raise _no_task(name, known)


def is_path_like(name: str) -> bool:
    """Say whether a name can only be meant as a path; an empty one is no id either."""
    path = Path(name)
    return not name or path.exists() or bool(path.suffix) or len(path.parts) > 1


def _no_task(name: str, known: tuple[str, ...]) -> WrongUse:
    """Return the refusal of a name that is neither a known id nor a folder of a task."""
    path = Path(name)
    if not name:
        found = "an empty name"
    elif path.is_dir():
        found = f"{name!r}, a folder without task.json"
    elif path.exists():
        found = f"{name!r}, a file"
    else:
        found = (
            f"{name!r}, no such {'file or folder' if is_path_like(name) else 'folder, no such id'}"
        )
    inside = path if path.is_dir() else Path()
    folders = {str(file.parent) for file in inside.glob("*/task.json")}
    folders |= {str(file.parents[1]) for file in inside.glob("*/public/task.json")}
    here = [*known, *sorted(folders), *sorted(map(str, inside.glob("*.zip")))]
    return WrongUse(
        Fault(
            "the task",
            found,
            "a task's folder, which has a task.json, or, inside a challenge directory, an id"
            + (f"; here: {', '.join(here)}" if here else ""),
            meant(
                path.name,
                here,
                ("name one of these; for another " if here else "")
                + "unzip what the organiser gave, or `challenge download ID` from a server; then "
                "name its folder",
            ),
            code="no-such-task",
        )
    )
