"""Cells on a Dask cluster: `distributed` hands them out, moves the data and tries again.

Nothing runs on a worker whose code differs from the driver's. Answers are sent as bytes, which the
driver parses strictly; its client loads no pickled result. joblib's own Dask backend is not used:
when a worker dies too often, it neither reports the cell nor ends (joblib 1.6).
"""

from __future__ import annotations

import io
import pickletools
import tempfile
import time
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from challenge.errors import ChallengeError, Fault, MissingRequirement
from challenge.methods.method_sources import MethodSource, resolve_method, versions
from challenge.methods.run.cell_answer import Answer, pack_answer, unpack_answer
from challenge.methods.run.exchange import MOST_LINE, readable
from challenge.methods.run.grid import Engine, GridCell, Report, answer_here
from challenge.methods.run.runner import Options
from challenge.methods.run.supervisor import Caps
from challenge.task import Task, read_task
from challenge.task.export import export_task

__all__ = ["dask_engine"]

_PATIENCE_S = 60.0
_LOOK_S = 0.1
_ASK_S = 2.0
_REPORT_S = 0.1
_MOST_ERROR_BYTES = 1 << 16
_KILLED = "KilledWorker"
_SAFE_FORMS = ["dask", "msgpack", "error"]
"""Serialisers of the client: bytes and plain values, no pickles."""


@dataclass(frozen=True)
class _Parcel:
    """A cell as it is sent: names and digests, and the file of the method if it is one."""

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
    index: int


def dask_engine(address: str) -> Engine:
    """Return the engine that runs cells on the workers of the cluster at `tcp://HOST:PORT`.

    A cell whose worker died runs again, as often as the scheduler allows. Raises
    MissingRequirement when `distributed` is missing, the cluster cannot be reached, or a worker
    has different code.
    """

    def engine(
        cells: Sequence[GridCell], report: Report
    ) -> Generator[tuple[int, Answer], None, None]:
        if cells:
            with _connected(address) as client:
                yield from _answers(client, cells, report)

    return engine


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingRequirement(
            Fault(
                "--engine dask",
                f"not installed: {error.name}",
                "the extra `dask`",
                "pip install 'multimodal-challenge[dask]'",
                code="dask-missing",
            )
        ) from None
    try:
        client = Client(address, timeout="10s", set_as_default=False, deserializers=_SAFE_FORMS)
    except (OSError, ValueError, TypeError) as error:
        raise MissingRequirement(
            Fault(
                f"--address {address}",
                f"no scheduler answers: {error}",
                "the address of a Dask scheduler, such as tcp://127.0.0.1:8786",
                "start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
                code="dask-address",
            )
        ) from None
    # `distributed` would load the pickle of an exception that a worker raised.
    erred: Any = client._handle_task_erred
    client._stream_handlers["task-erred"] = lambda key, exception, traceback: erred(
        key=key, exception=_text_of_error(exception), traceback=None
    )
    with client:
        yield client


def _text_of_error(pickled: object) -> str:
    """Return the strings in a pickled exception (its module, class and message); load nothing."""
    parts = []
    if isinstance(pickled, (bytes, bytearray)):
        with suppress(Exception):
            # What follows the first thing that is no pickle is of no interest.
            for _, value, _ in pickletools.genops(bytes(pickled[:_MOST_ERROR_BYTES])):
                if isinstance(value, str):
                    parts.append(value)
    return readable(" ".join(parts)[:MOST_LINE]) or "an error without a text"


def _answers(
    client: Any, cells: Sequence[GridCell], report: Report
) -> Generator[tuple[int, Answer], None, None]:
    """Yield index and answer of each cell; closing the generator cancels unfinished ones."""
    from distributed import as_completed

    topic = f"challenge-{uuid4().hex}"
    parcels = [_parcel(cell, topic, index) for index, cell in enumerate(cells)]
    archives = _shipped(client, cells, parcels)
    client.subscribe_topic(topic, lambda event: _hear(event[1], len(cells), report))
    waiting = {
        client.submit(
            _run_there, parcel, archives.get(parcel.data_digest), key=parcel.key, pure=False
        ): parcel.index
        for parcel in parcels
    }
    try:
        ended = as_completed(list(waiting), loop=client.loop)
        while waiting and (future := _next(client, ended)) is not None:
            index = waiting.pop(future)
            yield index, _answer(future, cells[index])
        for index in waiting.values():
            yield index, _lost(cells[index], "no worker is left")
        waiting.clear()
    finally:
        if client.status == "running":
            client.cancel(list(waiting))
            client.unsubscribe_topic(topic)


def _parcel(cell: GridCell, topic: str, index: int) -> _Parcel:
    source = cell.source
    return _Parcel(
        method=source.spec,
        digest=source.digest,
        file=source.file.read_bytes() if source.file is not None else None,
        versions=versions(),
        public=str(cell.task.public.resolve()),
        task=cell.task.id,
        data_digest=cell.task.data_digest,
        options=cell.options,
        caps=cell.caps,
        key=f"challenge-cell-{uuid4().hex}",
        topic=topic,
        index=index,
    )


def _shipped(client: Any, cells: Sequence[GridCell], parcels: Sequence[_Parcel]) -> dict[str, Any]:
    """Send each task that some worker does not have to all; return the sent data by digest.

    Raises MissingRequirement with every worker whose code differs from the driver's.
    """
    try:
        client.get_versions(check=True)
    except ValueError as error:
        raise MissingRequirement(_differs("of the cluster", str(error)[:2000])) from None
    faults: dict[Fault, None] = {}
    archives: dict[str, Any] = {}
    for cell, parcel in zip(cells, parcels, strict=True):
        for worker, (difference, has_task) in sorted(client.run(_look_there, parcel).items()):
            if difference:
                faults[_differs(worker, str(difference))] = None
            elif not has_task and parcel.data_digest not in archives:
                archives[parcel.data_digest] = client.scatter(
                    _archive(cell.task), broadcast=True, hash=False
                )
    if faults:
        raise MissingRequirement(faults)
    return archives


def _archive(task: Task) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.zip"
        export_task(task, path)
        return path.read_bytes()


def _hear(event: Any, n_cells: int, report: Report) -> None:
    """Pass on the progress of a cell on a worker; ignore anything else."""
    if isinstance(event, (list, tuple)) and len(event) == 2:
        index, text = event
        if isinstance(index, int) and 0 <= index < n_cells and isinstance(text, str):
            report(index, readable(text[:MOST_LINE]))


def _next(client: Any, ended: Any) -> Any:
    """Return the next future that ended, None when no worker is left."""
    from distributed.client import ClosedClientError

    seen = asked = time.monotonic()
    while not ended.has_ready():
        time.sleep(_LOOK_S)
        now = time.monotonic()
        if now - asked < _ASK_S:
            continue
        asked = now
        # A scheduler that does not respond may return until the time limit.
        with suppress(OSError, ClosedClientError):
            seen = now if client.nthreads() else seen
        if now - seen > _PATIENCE_S:
            return None
    return next(ended)


def _answer(future: Any, cell: GridCell) -> Answer:
    from distributed import CancelledError

    try:
        found = future.result(timeout=_PATIENCE_S)
    except CancelledError:
        return _lost(cell, "the scheduler went away")
    except Exception as error:
        text = str(error)
        if _KILLED in text:
            return _lost(cell, "its worker died, as often as the scheduler allows")
        # An error on a worker outside the cell fails that cell, not the grid.
        return _lost(cell, text, "cell-worker")
    try:
        return unpack_answer(found if isinstance(found, bytes) else b"", cell.where)
    except ChallengeError as error:
        return Answer(faults=error.faults)


def _lost(cell: GridCell, found: str, code: str = "cell-lost") -> Answer:
    fault = Fault(
        cell.where,
        found,
        "an answer of a worker",
        "look at the log of the cluster; the same command runs what is missing",
        code=code,
    )
    return Answer(faults=(fault,), missing_requirement=True)


def _differs(worker: str, found: str) -> Fault:
    return Fault(
        f"worker {worker}",
        found,
        "the same package, libraries and method as here: results must not depend on the worker",
        "install the same versions there, and start the worker again",
        code="worker-differs",
    )


def _look_there(parcel: _Parcel, dask_worker: Any) -> tuple[str, bool]:
    """Return how a worker's code differs (empty: it does not), and whether it has the task."""
    with tempfile.TemporaryDirectory(prefix="challenge-method-") as folder:
        difference = _method_there(parcel, Path(folder))[1]
    return difference, _task_there(parcel, dask_worker) is not None


def _run_there(parcel: _Parcel, archive: bytes | None) -> bytes:
    """Run a cell on this worker; return its answer as bytes."""
    from distributed import get_worker

    worker = get_worker()
    with tempfile.TemporaryDirectory(prefix="challenge-method-") as folder:
        source, difference = _method_there(parcel, Path(folder))
        if source is None:
            return pack_answer(
                Answer(faults=(_differs(worker.address, difference),), missing_requirement=True)
            )
        if archive is not None:
            _unpack_there(archive, parcel, worker)
        task = _task_there(parcel, worker)
        if task is None:
            fault = _differs(worker.address, f"does not have the files of {parcel.task}")
            return pack_answer(Answer(faults=(fault,), missing_requirement=True))
        memory = worker.memory_manager.memory_limit
        caps = parcel.caps.on_this_machine(
            worker.state.nthreads, None if memory is None else memory >> 20
        )
        cell = GridCell(source, task, parcel.options, Path(folder), caps)
        return pack_answer(answer_here(cell, _reporter(parcel, worker), _cancelled(parcel, worker)))


def _method_there(parcel: _Parcel, folder: Path) -> tuple[MethodSource | None, str]:
    """Return the method as it is on this worker, or None and what differs."""
    spec = parcel.method
    try:
        if parcel.file is not None:
            path, _, name = spec.rpartition(":")
            if not (Path(path).is_file() and Path(path).read_bytes() == parcel.file):
                path = str(folder / Path(path).name)
                Path(path).write_bytes(parcel.file)
            spec = f"{path}:{name}"
        source = resolve_method(spec)
    except ChallengeError as error:
        return None, f"has no method {parcel.method!r}: {error.faults[0].found}"
    if source.digest == parcel.digest:
        return source, ""
    mine, theirs = versions(), parcel.versions
    other = [
        f"{name} {mine.get(name, 'missing')} (here {theirs.get(name, 'missing')})"
        for name in sorted({*mine, *theirs})
        if mine.get(name) != theirs.get(name)
    ]
    return None, f"has {', '.join(other)}" if other else f"has other code of {parcel.method!r}"


def _task_there(parcel: _Parcel, worker: Any) -> Task | None:
    for public in (Path(parcel.public), _home(parcel, worker) / parcel.task):
        with suppress(ChallengeError):
            task = read_task(public)
            if task.data_digest == parcel.data_digest:
                return task
    return None


def _unpack_there(archive: bytes, parcel: _Parcel, worker: Any) -> None:
    home = _home(parcel, worker)
    if home.exists():
        return
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(Path(folder) / "task")
        try:
            (Path(folder) / "task").rename(home)
        except OSError:
            # Another cell of this worker unpacked it first.
            if not home.exists():
                raise


def _home(parcel: _Parcel, worker: Any) -> Path:
    return Path(worker.local_directory) / f"challenge-task-{parcel.data_digest[:16]}"


def _reporter(parcel: _Parcel, worker: Any) -> Callable[[str], None]:
    """Return what sends progress to the driver, at most ten lines a second."""
    last = 0.0

    def report(text: str, /) -> None:
        nonlocal last
        if time.monotonic() - last > _REPORT_S:
            last = time.monotonic()
            worker.log_event(parcel.topic, (parcel.index, text))

    return report


def _cancelled(parcel: _Parcel, worker: Any) -> Callable[[], bool]:
    """Return a check whether the driver is gone, since Dask cannot stop a running thread."""

    def cancelled() -> bool:
        task = worker.state.tasks.get(parcel.key)
        return task is None or task.state == "cancelled"

    return cancelled
