"""The process that reads and scores one file, with limits on memory, time and descriptors.

A file that breaks a limit ends this process and nothing else. The outcome is stored by the process
itself, in the row of the arrival. A full disk, or a database or bucket that is away, gives no
outcome: the file waits until that has passed.
"""

from __future__ import annotations

import errno
import logging
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from challenge.board.rules.task_board import rank_of
from challenge.board.site import build_site
from challenge.errors import ChallengeError, Fault, LedgerError, SubmissionError
from challenge.ledger import open_ledger, refresh, submit
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.arrivals import Arrival, finish
from challenge.ledger.store import clock
from challenge.ledger.store.database import ledger_faults
from challenge.ledger.store.snapshot_queries import read_snapshot
from challenge.ledger.submissions.receipt_rows import receipt_of
from challenge.ledger.submissions.submit import record_failure
from challenge.server.problems import refusal_of
from challenge.server.spool import fetch, forget, spool_of
from challenge.task import Challenge
from challenge.task.settings import read_settings

__all__ = ["JobLimits", "build_boards", "record_ended", "score_arrival", "warm_up"]

_LOG = logging.getLogger("challenge.server")
_DESCRIPTORS, _SPARE_S = 256, 5
_PASSING = frozenset({"ledger-disk-full", "ledger-locked", "ledger-database", "bucket"})


@dataclass(frozen=True)
class JobLimits:
    """What one file may take: memory beyond that of the program, and seconds."""

    memory_mb: int = 2048
    seconds: int = 300


def score_arrival(line: Ledger, arrival: Arrival, limits: JobLimits) -> None:
    """Score one file and store its outcome; of the ledger of the line, settings are read again.

    Without an outcome the file must wait: the machine lacks something that passes.
    """
    _set_limits(limits)
    try:
        challenge = Challenge(line.challenge.root)
        ledger = Ledger(challenge, read_settings(challenge.root), line.store, line.bucket)
        path = spool_of(ledger.challenge) / arrival.file
        try:
            with ledger_faults(str(path)):
                outcome = _scored(ledger, fetch(ledger, arrival), arrival)
        except (ChallengeError, MemoryError) as error:
            outcome = _outcome_of_error(error, ledger, path, arrival, limits)
        finish(ledger, arrival, outcome)
    except LedgerError as error:
        if not any(fault.code in _PASSING for fault in error.faults):
            raise
        _LOG.error("request %s waits: %s", arrival.origin.request, error)
        return
    with suppress(LedgerError):
        # The rules of the bucket remove what is left there.
        forget(ledger, arrival.file)


def _outcome_of_error(
    error: ChallengeError | MemoryError,
    ledger: Ledger,
    path: Path,
    arrival: Arrival,
    limits: JobLimits,
) -> dict[str, Any]:
    if isinstance(error, SubmissionError):
        return refusal_of(_without_paths(error, path.parent)).as_json()
    if isinstance(error, MemoryError) or _is_of_memory(error):
        found = f"a file that needs more than {limits.memory_mb:,} MB of memory to read"
        return record_ended(ledger, path, arrival, found)
    if any(fault.code in _PASSING for fault in error.faults):
        raise error
    # The organiser's log has what the participant must not see.
    _LOG.error("request %s: %s", arrival.origin.request, error)
    return refusal_of(error).as_json()


def _is_of_memory(error: BaseException | None) -> bool:
    """Return whether memory ran out, also where a reader took that for a fault of its file."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        error = error.__cause__ or error.__context__
    return False


def _scored(ledger: Ledger, path: Path, arrival: Arrival) -> dict[str, Any]:
    receipt = submit(
        ledger,
        ledger.challenge.task(arrival.task),
        path,
        team=arrival.team_name,
        method=arrival.method,
        note=arrival.note,
        origin=arrival.origin,
    )
    return {
        "status": 200 if receipt.identical_to is not None else 201,
        "receipt": receipt.as_json(),
        "rank": rank_of(ledger, receipt),
        "lines": receipt.lines(),
    }


def record_ended(ledger: Ledger, path: Path, arrival: Arrival, found: str) -> dict[str, Any]:
    """Store a file that broke a limit among the team's faulty files; return the outcome."""
    error = SubmissionError(
        Fault(
            path.name,
            found,
            "a file like the sample submission",
            "find the faults with `challenge check`, and write the file again",
            code="file-ends-process",
        )
    )
    try:
        record_failure(ledger, arrival.team_name, arrival.task, path, error)
    except SubmissionError as enough:
        error = enough
    return refusal_of(error).as_json()


def warm_up(ledger: Ledger) -> bool:
    """Run the statements of a file without a row of its own; return whether there was one to read.

    They are compiled once then, for the forks of all files.
    """
    known = read_snapshot(ledger).primary.submission
    if not len(known):
        return False
    with ledger.store.writing() as connection:
        receipt = receipt_of(connection, ledger, int(known.max()), clock.now())
    rank_of(ledger, receipt)
    return True


def build_boards(root: Path, orders: Connection, others: Connection) -> None:
    """Build the site at each order, until the other end is closed.

    One process for all builds: it keeps what was computed once. `others` is the copy of the other
    end that a fork has; it must be closed here.
    """
    others.close()
    # The line may end while a build runs.
    with suppress(EOFError, BrokenPipeError):
        while True:
            orders.recv_bytes()
            build_board(root)
            orders.send_bytes(b".")


def build_board(root: Path) -> None:
    """Build the site of the ledger as it is now."""
    ledger = open_ledger(Challenge(root))
    try:
        for note in refresh(ledger):
            _LOG.warning("%s", note)
        build_site(ledger, ledger.challenge.leaderboard)
    except ChallengeError as error:
        _LOG.error("the site was not built: %s", error)


def _set_limits(limits: JobLimits) -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = used + (limits.memory_mb << 20)
    for kind, most, spare in (
        (resource.RLIMIT_AS, memory, 0),
        # At the second limit the kernel kills; the first one's signal shows what happened.
        (resource.RLIMIT_CPU, limits.seconds, _SPARE_S),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, hard = resource.getrlimit(kind)
        last = most + spare
        if hard != resource.RLIM_INFINITY:
            most, last = min(most, hard), min(last, hard)
        resource.setrlimit(kind, (most, last))


def _without_paths(error: SubmissionError, folder: Path) -> SubmissionError:
    """Return the error without the folder in which the server keeps the file."""

    def plain(text: str) -> str:
        return text.replace(f"{folder}/", "").replace(str(folder), "")

    return SubmissionError(
        Fault(
            plain(fault.where),
            plain(fault.found),
            plain(fault.expected),
            plain(fault.fix),
            fault.code,
            fault.n,
            tuple(map(plain, fault.first)),
        )
        for fault in error.faults
    )
