"""Cells on a Dask cluster, through the futures of `distributed`; `remote` is the worker's side.

Not through joblib's own Dask backend: when a worker dies more often than the scheduler allows, it
neither reports the cell nor ends (joblib 1.6), and one such cell would take the others with it.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from challenge.errors import Fault, MissingRequirement
from challenge.methods.run.grid import Answer, Engine, GridCell, Tell
from challenge.methods.run.remote import Refusal, RemoteCell, answer_there, look_there, store_there
from challenge.task import Task
from challenge.task.export import export_task

__all__ = ["dask_engine"]

_TRIES = 3
"""Times that a cell is handed out again after its first loss; the scheduler has its own bound."""
_PATIENCE_S = 60.0
_LOOK_S = 0.1
_ASK_S = 2.0


def dask_engine(address: str) -> Engine:
    """Return the engine that runs cells on the workers of the cluster at `tcp://HOST:PORT`.

    A cell whose worker died is handed out again, at most three times. Raises MissingRequirement
    when `distributed` is missing, the cluster cannot be reached, or a worker has other code.
    """

    def engine(
        cells: Sequence[GridCell], report: Tell
    ) -> Generator[tuple[int, Answer], None, None]:
        if cells:
            with _connected(address) as client:
                yield from _Dispatch(client, cells, report).answers()

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
        client = Client(address, timeout="10s", set_as_default=False)
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
    with client:
        yield client


class _Dispatch:
    """Hands cells to workers and collects each answer once."""

    def __init__(self, client: Any, cells: Sequence[GridCell], report: Tell) -> None:
        from distributed import as_completed

        self._client, self._cells, self._report = client, cells, report
        self._topic = f"challenge-{uuid4().hex}"
        self._ended = as_completed(loop=client.loop)
        self._open: dict[Any, int] = {}
        self._losses: Counter[int] = Counter()
        self._refused: set[str] = set()
        self._shipped: set[tuple[str, str]] = set()
        self._archives: dict[str, bytes] = {}

    def answers(self) -> Generator[tuple[int, Answer], None, None]:
        """Yield place and answer of each cell; cells still open are cancelled when this is left."""
        self._refuse_misfits()
        self._client.subscribe_topic(self._topic, lambda event: self._report(*event[1]))
        try:
            for place in range(len(self._cells)):
                self._send(place)
            while self._open:
                future = self._next()
                if future is None:
                    for place in self._open.values():
                        yield place, self._fault(place, "no worker is left", "cell-lost")
                    self._open.clear()
                    return
                place = self._open.pop(future)
                answer = self._answer(future, place)
                if answer is not None:
                    yield place, answer
        finally:
            if self._client.status == "running":
                self._client.cancel(list(self._open))
                self._client.unsubscribe_topic(self._topic)

    def _refuse_misfits(self) -> None:
        """Raise MissingRequirement with every worker that has other code than the driver."""
        first = {cell.source.digest: cell for cell in self._cells}
        faults = []
        for cell in first.values():
            asked = RemoteCell.of(cell, "", "", 0)
            found = self._client.run(look_there, asked, on_error="return")
            for worker, words in sorted(found.items()):
                if words:
                    faults.append(_differs(worker, str(words)))
        if faults:
            raise MissingRequirement(dict.fromkeys(faults))

    def _send(self, place: int, near: Sequence[str] = (), *, only: bool = False) -> None:
        key = f"challenge-cell-{uuid4().hex}"
        remote = RemoteCell.of(self._cells[place], key, self._topic, place)
        where = {"workers": list(near), "allow_other_workers": not only} if near else {}
        future = self._client.submit(answer_there, remote, key=key, pure=False, **where)
        self._open[future] = place
        self._ended.add(future)

    def _next(self) -> Any:
        """Return the next future that ended, None when nobody is left to end one."""
        from distributed.client import ClosedClientError

        seen = asked = time.monotonic()
        while not self._ended.has_ready():
            time.sleep(_LOOK_S)
            now = time.monotonic()
            if now - asked < _ASK_S:
                continue
            asked = now
            # A scheduler that does not answer may come back for as long as we are patient.
            with suppress(OSError, ClosedClientError):
                seen = now if self._client.nthreads() else seen
            if now - seen > _PATIENCE_S:
                return None
        return next(self._ended)

    def _answer(self, future: Any, place: int) -> Answer | None:
        """Return the answer of a future that ended; None when the cell was handed out again."""
        from distributed import CancelledError, KilledWorker
        from distributed import TimeoutError as Late
        from distributed.client import ClosedClientError
        from distributed.comm.core import CommClosedError

        try:
            found = future.result(timeout=_PATIENCE_S)
        except CancelledError:
            return self._fault(place, "the scheduler went away", "cell-lost")
        except (KilledWorker, Late, CommClosedError):
            return self._again(place, "its worker died")
        except Exception as error:
            # Whatever fails on a worker around the cell is that cell's outcome, not the grid's end.
            return self._fault(place, f"{type(error).__name__}: {error}", "cell-worker")
        if isinstance(found, Answer):
            return found
        try:
            return self._after_refusal(found, place)
        except (OSError, ClosedClientError):
            return self._fault(place, "the scheduler went away", "cell-lost")

    def _after_refusal(self, refusal: Refusal, place: int) -> Answer | None:
        task = self._cells[place].task
        if refusal.differs:
            self._refused.add(refusal.worker)
            others = [name for name in self._client.nthreads() if name not in self._refused]
            if not others:
                return Answer(faults=(_differs(refusal.worker, refusal.differs),), lack=True)
            self._send(place, others, only=True)
            return None
        ship = (task.data_digest, refusal.worker)
        if ship in self._shipped and not self._lost(place):
            return self._fault(place, "a worker does not get the task's files", "cell-lost")
        self._shipped.add(ship)
        self._report(place, f"sending the task to {refusal.worker}")
        self._client.run(
            store_there,
            self._archive(task),
            task.data_digest,
            workers=[refusal.worker],
            on_error="ignore",
        )
        self._send(place, [refusal.worker])
        return None

    def _archive(self, task: Task) -> bytes:
        if task.data_digest not in self._archives:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "task.zip"
                export_task(task, path)
                self._archives[task.data_digest] = path.read_bytes()
        return self._archives[task.data_digest]

    def _again(self, place: int, why: str) -> Answer | None:
        if not self._lost(place):
            return self._fault(place, f"{why}, {_TRIES + 1} times", "cell-lost")
        self._report(place, f"{why}; handed out again")
        self._send(place)
        return None

    def _lost(self, place: int) -> bool:
        """Count a loss; return whether the cell may be handed out again."""
        self._losses[place] += 1
        return self._losses[place] <= _TRIES

    def _fault(self, place: int, found: str, code: str) -> Answer:
        cell = self._cells[place]
        fault = Fault(
            f"method {cell.source.name} on {cell.task.id}",
            found,
            "an answer of a worker",
            "look at the log of the cluster; the same command runs what is missing",
            code=code,
        )
        return Answer(faults=(fault,), lack=True)


def _differs(worker: str, words: str) -> Fault:
    return Fault(
        f"worker {worker}",
        words,
        "the same package, libraries and method as here, so that digits do not depend on the place",
        "install the same versions there, and start the worker again",
        code="worker-differs",
    )
