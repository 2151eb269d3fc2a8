"""Downloading the public folder of a task: resumed after a cut, verified, then put in its place."""

from __future__ import annotations

import base64
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from challenge.client.connection import Server, error_of
from challenge.errors import Fault, MissingRequirement, WrongUse
from challenge.task import Task, read_task, sha256_of_file, write_atomically
from challenge.task.definition import TASK_ID
from challenge.task.export import unpack_export
from challenge.task.files import is_archive_damage

__all__ = ["download_task"]

_TRIES = 8
_DECLARED = """\
# Downloaded by `challenge download`: the public folder beside this file is all there is here.
format = 1
"""


def download_task(
    server: Server, root: Path, task: str, progress: Callable[[str], None] | None = None
) -> Task:
    """Download a task below `root`/datasets; return it. An older download is replaced.

    Raises MissingRequirement when the server cannot be reached or sends other bytes than it states.
    """
    if not re.fullmatch(TASK_ID, task):
        fix = "see `challenge tasks`"
        raise WrongUse(Fault("task", repr(task), "the id of a task", fix, code="unknown-task"))
    folder = root / ".cache"
    folder.mkdir(parents=True, exist_ok=True)
    name = quote(task, safe="")
    archive, mark = folder / f"{name}.zip.part", folder / f"{name}.zip.etag"
    digest = _fetch(server, name, archive, mark, progress or (lambda text: None))
    if digest != bytes.fromhex(sha256_of_file(archive)):
        archive.unlink()
        raise _damaged(server, task, "other bytes than the server stated")
    target = root / "datasets" / task
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target) as scratch:
        try:
            unpack_export(archive, task, Path(scratch) / "public")
        except Exception as error:
            if not is_archive_damage(error):
                raise
            archive.unlink()
            raise _damaged(server, task, f"a damaged archive: {error}") from None
        found = read_task(Path(scratch) / "public")
        if found.id != task:
            raise _damaged(server, task, f"the task {found.id!r}")
        old = target / "public"
        if old.exists():
            old.rename(Path(scratch) / "old")
        (Path(scratch) / "public").rename(old)
    if not (target / "task.toml").exists():
        write_atomically(target / "task.toml", _DECLARED)
    archive.unlink()
    mark.unlink(missing_ok=True)
    return read_task(target / "public")


def _fetch(
    server: Server, name: str, archive: Path, mark: Path, progress: Callable[[str], None]
) -> bytes:
    """Write the archive; return the SHA-256 that the server states. A cut is resumed."""
    import httpx

    failures, before = 0, -1
    while failures < _TRIES:
        have = archive.stat().st_size if archive.exists() and mark.exists() else 0
        headers = {"Range": f"bytes={have}-", "If-Range": mark.read_text()} if have else {}
        try:
            with (
                server.client() as client,
                client.stream("GET", f"/tasks/{name}/download", headers=headers) as answer,
            ):
                if answer.status_code == 416:
                    archive.unlink()
                    failures += 1
                    continue
                if not answer.is_success:
                    answer.read()
                    raise error_of(answer)
                stated = _stated(answer.headers.get("repr-digest", ""))
                whole = int(answer.headers.get("content-length", "0"))
                resumed = answer.status_code == 206
                mark.write_text(answer.headers.get("etag", ""))
                done = have if resumed else 0
                whole += done
                with archive.open("ab" if resumed else "wb") as file:
                    # Without a size of blocks: bytes before a cut must reach the disk.
                    for block in answer.iter_raw():
                        file.write(block)
                        done += len(block)
                        progress(f"{done >> 20:,} of {whole >> 20:,} MB")
                return stated
        except httpx.TransportError as error:
            # A download that grows goes on, however often it is cut.
            failures, before = (0, have) if have > before else (failures + 1, before)
            if failures == _TRIES:
                raise server.unreachable(error) from None
            time.sleep(min(10.0, 0.5 * 2**failures))
    raise _damaged(server, name, "a range that it does not have")


def _stated(header: str) -> bytes:
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", header)
    return base64.b64decode(found[1]) if found else b""


def _damaged(server: Server, task: str, found: str) -> MissingRequirement:
    return MissingRequirement(
        Fault(
            f"{server.url}, task {task}",
            found,
            "the archive of the task",
            "repeat the command; if it stays, ask the organiser",
            code="download-damaged",
        )
    )
