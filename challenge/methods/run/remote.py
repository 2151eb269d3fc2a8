"""What happens to a cell on a worker of a cluster: nothing is run that differs from the driver's.

The task is found under the driver's path (a shared disk), else in what the driver shipped; it is
the same task when its data digest is. The worker returns bytes and writes to its own folder only.
"""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError
from challenge.methods.method_sources import MethodSource, resolve_method, versions
from challenge.methods.run.grid import Answer, GridCell, answer_here
from challenge.methods.run.runner import Options
from challenge.methods.run.supervisor import Caps
from challenge.task import Task, read_task

__all__ = ["Refusal", "RemoteCell", "answer_there", "look_there", "store_there"]

_TELL_S = 0.1


@dataclass(frozen=True)
class Refusal:
    """A worker did not run the cell: it `differs` (in words), or it lacks the task's files."""

    worker: str
    differs: str = ""


@dataclass(frozen=True)
class RemoteCell:
    """A cell as it travels: names and digests, and the method's file where it is one."""

    method: str
    digest: str
    file: bytes | None = field(repr=False)
    versions: Mapping[str, str]
    public: str
    task: str
    data_digest: str
    options: Options
    caps: Caps
    key: str
    topic: str
    place: int

    @classmethod
    def of(cls, cell: GridCell, key: str, topic: str, place: int) -> RemoteCell:
        """Return the cell for the journey; words about it go to `topic`, with its `place`."""
        source = cell.source
        return cls(
            method=source.spec,
            digest=source.digest,
            file=source.file.read_bytes() if source.file is not None else None,
            versions=versions(),
            public=str(cell.task.public.resolve()),
            task=cell.task.id,
            data_digest=cell.task.data_digest,
            options=cell.options,
            caps=cell.caps,
            key=key,
            topic=topic,
            place=place,
        )


def look_there(remote: RemoteCell) -> str:
    """Return in words how this machine's code differs from the driver's; empty when it does not."""
    with tempfile.TemporaryDirectory(prefix="challenge-method-") as folder:
        return _resolved(remote, Path(folder))[1]


def store_there(archive: bytes, data_digest: str, dask_worker: Any) -> None:
    """Unpack a task's public folder, as exported, into the worker's own folder."""
    home = _shipped(dask_worker, data_digest)
    if home.exists():
        return
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(Path(folder) / "task")
        try:
            (Path(folder) / "task").rename(home)
        except OSError:
            # Another cell of this worker was first.
            if not home.exists():
                raise


def answer_there(remote: RemoteCell) -> Answer | Refusal:
    """Run a cell on this worker, or refuse it."""
    from distributed import get_worker

    worker = get_worker()
    with tempfile.TemporaryDirectory(prefix="challenge-method-") as folder:
        source, differs = _resolved(remote, Path(folder))
        if source is None:
            return Refusal(worker.address, differs)
        task = _task(remote, worker)
        if task is None:
            return Refusal(worker.address)
        memory = worker.memory_manager.memory_limit
        caps = remote.caps.on_this_machine(
            worker.state.nthreads, None if memory is None else memory >> 20
        )
        cell = GridCell(source, task, remote.options, Path(folder), caps)
        return answer_here(cell, _teller(remote, worker), _cancelled(remote, worker))


def _resolved(remote: RemoteCell, folder: Path) -> tuple[MethodSource | None, str]:
    """Return the method as it is here, or None and in words what differs."""
    spec = remote.method
    try:
        if remote.file is not None:
            path, _, name = spec.rpartition(":")
            if not (Path(path).is_file() and Path(path).read_bytes() == remote.file):
                path = str(folder / Path(path).name)
                Path(path).write_bytes(remote.file)
            spec = f"{path}:{name}"
        source = resolve_method(spec)
    except ChallengeError as error:
        return None, f"has no method {remote.method!r}: {error.faults[0].found}"
    if source.digest == remote.digest:
        return source, ""
    mine, theirs = versions(), remote.versions
    other = [
        f"{name} {mine.get(name, 'missing')} (here {theirs.get(name, 'missing')})"
        for name in sorted({*mine, *theirs})
        if mine.get(name) != theirs.get(name)
    ]
    return None, f"has {', '.join(other)}" if other else f"has other code of {remote.method!r}"


def _task(remote: RemoteCell, worker: Any) -> Task | None:
    for public in (
        Path(remote.public),
        _shipped(worker, remote.data_digest) / remote.task,
    ):
        try:
            task = read_task(public)
        except ChallengeError:
            continue
        if task.data_digest == remote.data_digest:
            return task
    return None


def _shipped(worker: Any, data_digest: str) -> Path:
    return Path(worker.local_directory) / f"challenge-task-{data_digest[:16]}"


def _teller(remote: RemoteCell, worker: Any) -> Callable[[str], None]:
    """Return a voice that reaches the driver, with at most ten sentences a second."""
    spoken = 0.0

    def report(words: str, /) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > _TELL_S:
            spoken = time.monotonic()
            worker.log_event(remote.topic, (remote.place, words))

    return report


def _cancelled(remote: RemoteCell, worker: Any) -> Callable[[], bool]:
    """Return the question whether the driver still waits: its task is neither gone nor cancelled.

    Dask itself cannot end what runs in a thread.
    """

    def cancelled() -> bool:
        task = worker.state.tasks.get(remote.key)
        return task is None or task.state == "cancelled"

    return cancelled
