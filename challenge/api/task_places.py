"""Finds a task by what a person names: an id, a folder, a zip, or an address of a server."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from challenge.errors import ChallengeError, Fault, WrongUse
from challenge.task import Task, find_task, read_task, require_folder, sha256_of_file
from challenge.task.export import unpack_export
from challenge.task.files import is_archive_damage

__all__ = ["downloads_folder", "task_at"]

_TASKS = "/tasks/"


def task_at(name: str | Path, start: Path) -> Task:
    """Return the task that a name refers to.

    `name` is an id in the challenge around `start`, a task's folder, a zip of `challenge export`,
    or `https://server/tasks/ID`. What is unpacked or downloaded is kept in `downloads_folder()`.
    Raises WrongUse when there is no such task, TaskError when it is not built, MissingRequirement
    when a server does not answer or there is no token for it.
    """
    text = str(name)
    require_folder(start)
    if "://" in text:
        return _downloaded(text)
    path = Path(name)
    if path.suffix.lower() == ".zip" and path.is_file():
        return _unpacked(path)
    try:
        return find_task(text, start)
    except WrongUse as error:
        beside = start / f"{text}.zip"
        if error.faults[0].code in ("no-such-task", "unknown-task") and beside.is_file():
            return _unpacked(beside)
        raise


def downloads_folder() -> Path:
    """Return the folder of this user for tasks; `CHALLENGE_CACHE` overrides it."""
    cache = os.environ.get("CHALLENGE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) if cache else Path(home) / "challenge"


def _unpacked(archive: Path) -> Task:
    """Return the task of a zip, unpacked once for each content."""
    target = downloads_folder() / "zips" / sha256_of_file(archive)[:32]
    public = target / "public"
    if public.is_dir():
        return read_task(public)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=target) as scratch:
        made = Path(scratch) / "public"
        try:
            with zipfile.ZipFile(archive) as packed:
                top = next(iter(packed.namelist()), "").partition("/")[0]
            unpack_export(archive, top, made)
        except Exception as error:
            if not is_archive_damage(error):
                raise
            raise _no_export(archive, str(error)) from None
        if not (made / "task.json").is_file():
            raise _no_export(archive, "no task.json in its folder")
        read_task(made)
        made.rename(public)
    return read_task(public)


def _no_export(archive: Path, found: str) -> WrongUse:
    return WrongUse(
        Fault(
            str(archive),
            f"not the zip of a task: {found}",
            "a zip written by `challenge export`",
            "ask the organiser for it again",
            code="zip-of-task",
        )
    )


def _downloaded(address: str) -> Task:
    """Return the task at an address; downloaded again only after a change of its data."""
    from challenge.client.downloads import download_task
    from challenge.client.workspace import clean_url, make_workspace, server_at

    url, found, task_id = address.rstrip("/").rpartition(_TASKS)
    if not found or "/" in task_id:
        raise WrongUse(
            Fault(
                "task",
                repr(address),
                "the address of a task, such as https://challenge.example.org/tasks/icon-tag",
                f"add {_TASKS}ID to the address of the server",
                code="task-address",
            )
        )
    url = clean_url(url)
    server = server_at(url)
    root = downloads_folder() / "servers" / hashlib.sha256(url.encode()).hexdigest()[:32]
    document = server.task(task_id)["task"]
    try:
        kept = read_task(root / "datasets" / task_id / "public")
        digests = document["digests"]
        if (kept.data_digest, kept.card_digest) == (digests["data"], digests["card"]):
            return kept
    except ChallengeError:
        # Nothing is kept, or it is damaged: it is downloaded.
        pass
    make_workspace(root, url, server.info())
    return download_task(server, root, task_id)
