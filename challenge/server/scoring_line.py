"""The line of files that arrived: gives each a process, and rebuilds the site after a change.

It runs in a process of its own with one thread, and forks a process for each file. It claims rows
of the ledger, so several hosts may run it at once.
"""

from __future__ import annotations

import gc
import importlib
import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, LedgerError
from challenge.ledger import open_ledger
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.arrivals import (
    LEASE,
    Arrival,
    claim,
    finish,
    is_open,
    kept_files,
    put_back,
    remove_old,
    renew,
)
from challenge.ledger.store.chain import head_of
from challenge.server.problems import own_fault
from challenge.server.scoring_process import (
    JobLimits,
    build_boards,
    record_ended,
    score_arrival,
    warm_up,
)
from challenge.server.spool import spool_of
from challenge.task import Challenge

__all__ = ["LOADED", "ScoringLine"]

_LOG = logging.getLogger("challenge.server")
_TROUBLE_S = 1.0
_IDLE_S, _HOUSEKEEPING_S, _STALE_S = 0.5, 600.0, 86_400.0
_SETTLE_S, _LONGEST_SETTLE_S = 0.5, 1.2
_MOST_TRIES = 3
LOADED = (
    *("numpy", "pyarrow.compute", "pyarrow.parquet", "challenge.scoring.score"),
    *("challenge.scoring.confusion", "challenge.scoring.reading.check"),
    *("challenge.scoring.reading.canonical", "challenge.ledger.store.snapshot_queries"),
    *("challenge.board.pages.home_page", "challenge.board.rules.track_board"),
)
_OWN_SIGNALS = {getattr(signal, name, None) for name in ("SIGKILL", "SIGTERM", "SIGINT")}
"""Signals of the machine or its administrator; the others are the doing of the file."""


@dataclass
class _Job:
    arrival: Arrival
    process: BaseProcess
    started: float
    overdue: bool = False


class ScoringLine:
    """Scores files in up to `slots` processes until it is stopped.

    `on_done` is called with the id of an arrival whose outcome is stored, and its seconds. `ears`
    is a descriptor: a byte in it announces a file, its end stops the line.
    """

    def __init__(
        self,
        challenge: Challenge,
        *,
        slots: int,
        limits: JobLimits,
        on_done: Callable[[int, float], None] = lambda arrival, seconds: None,
        on_board: Callable[[], None] = lambda: None,
        ears: int | None = None,
    ) -> None:
        self._challenge = challenge
        self._slots = slots
        self._limits = limits
        self._on_done, self._on_board = on_done, on_board
        self._worker = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"
        self._context = multiprocessing.get_context("fork")
        self._jobs: list[_Job] = []
        self._board: tuple[BaseProcess, Connection] | None = None
        self._building = False
        self._built: str | None = None
        self._ordered = ""
        self._changed: float | None = None
        self._board_began, self._settle = 0.0, _SETTLE_S
        self._renewed = self._kept_house = self._resumes = 0.0
        self._ears = ears
        self._has_read = False
        self._stopped = False

    def stop(self) -> None:
        """Stop after the files that are being scored; those that wait are kept."""
        self._stopped = True

    def run(self) -> None:
        """Run until stopped."""
        # Each process is a fork of this one, which has loaded everything and has scored nothing.
        for name in (*LOADED, *(("s3fs",) if os.environ.get("CHALLENGE_BUCKET") else ())):
            importlib.import_module(name)
        # What is loaded stays: without this a fork's collector would copy each of its pages.
        gc.freeze()
        ledger: Ledger | None = None
        while not (self._stopped and not self._jobs):
            try:
                ledger = ledger or open_ledger(self._challenge)
                self._round(ledger)
            except (ChallengeError, OSError) as error:
                # A full disk or a database that restarts: nothing is lost, so go on.
                _LOG.error("the line waits: %s", error)
                self._listen([], _TROUBLE_S)
                if self._stopped:
                    break
        if self._board is not None:
            process, orders = self._board
            orders.close()
            process.join()

    def _round(self, ledger: Ledger) -> None:
        self._reap(ledger)
        self._renew(ledger)
        pausing = time.monotonic() < self._resumes
        while len(self._jobs) < self._slots and not (self._stopped or pausing):
            arrival = claim(ledger, self._worker)
            if arrival is None:
                break
            self._begin(ledger, arrival)
        self._watch_board(ledger)
        self._keep_house(ledger)
        waking: list[Any] = [job.process.sentinel for job in self._jobs]
        if self._board is not None and self._building:
            waking += [self._board[0].sentinel, self._board[1]]
        self._listen(waking, _IDLE_S)

    def _listen(self, waking: list[Any], seconds: float) -> None:
        """Wait for one of these, for a new file or for the end of the ears."""
        if self._ears is not None:
            waking.append(self._ears)
        if not waking:
            time.sleep(seconds)
            return
        heard = wait(waking, timeout=seconds)
        if self._ears is not None and self._ears in heard and not os.read(self._ears, 4096):
            self._ears = None
            self.stop()

    def _begin(self, ledger: Ledger, arrival: Arrival) -> None:
        if arrival.tries > _MOST_TRIES:
            _LOG.error("request %s: given up", arrival.origin.request)
            self._end(ledger, arrival, own_fault().as_json(), 0.0)
            return
        if not self._has_read:
            # No file needs it, and an empty ledger has nothing to read.
            with suppress(LedgerError):
                self._has_read = warm_up(ledger)
            gc.freeze()
        process = self._context.Process(
            target=score_arrival,
            args=(ledger, arrival, self._limits),
            daemon=True,
        )
        process.start()
        self._jobs.append(_Job(arrival, process, time.monotonic()))

    def _reap(self, ledger: Ledger) -> None:
        for job in list(self._jobs):
            seconds = time.monotonic() - job.started
            if job.process.is_alive():
                if seconds > self._limits.seconds and not job.overdue:
                    job.overdue = True
                    job.process.kill()
                continue
            job.process.join()
            code = job.process.exitcode or 0
            outcome = None
            if is_open(ledger, job.arrival):
                if code == 0:
                    put_back(ledger, job.arrival)
                    self._jobs.remove(job)
                    self._resumes = time.monotonic() + _TROUBLE_S
                    continue
                outcome = self._outcome_of_dead(ledger, job, code)
                if outcome is None:
                    # Ended by the machine: the file is claimed again after its lease.
                    _LOG.error(
                        "request %s: its process ended with %d", job.arrival.origin.request, code
                    )
                    self._jobs.remove(job)
                    continue
            self._jobs.remove(job)
            self._end(ledger, job.arrival, outcome, seconds)

    def _outcome_of_dead(self, ledger: Ledger, job: _Job, code: int) -> dict[str, Any] | None:
        path = spool_of(self._challenge) / job.arrival.file
        if job.overdue or -code == signal.SIGXCPU:
            found = f"a file that takes more than {self._limits.seconds} s to read and score"
        elif code < 0 and -code not in _OWN_SIGNALS:
            found = f"a file that ends the process which reads it ({signal.Signals(-code).name})"
        elif code >= 0:
            # An error of ours: its traceback is in the log.
            return own_fault().as_json()
        else:
            return None
        return record_ended(ledger, path, job.arrival, found)

    def _end(
        self, ledger: Ledger, arrival: Arrival, outcome: dict[str, Any] | None, seconds: float
    ) -> None:
        if outcome is not None:
            finish(ledger, arrival, outcome)
        shutil.rmtree((spool_of(self._challenge) / arrival.file).parent, ignore_errors=True)
        self._on_done(arrival.id, seconds)

    def _renew(self, ledger: Ledger) -> None:
        if self._jobs and time.monotonic() - self._renewed > LEASE.total_seconds() / 3:
            renew(ledger, self._worker, [job.arrival.id for job in self._jobs])
            self._renewed = time.monotonic()

    def _watch_board(self, ledger: Ledger) -> None:
        """Build the site when the ledger changed and has been still for a moment, one at a time."""
        if self._building and not self._build_ended():
            return
        mark = self._mark_of(ledger)
        if mark == self._built or self._stopped:
            return
        at = time.monotonic()
        # The first change of a series starts the clock, so that a rush delays no build.
        self._changed = self._changed or at
        if at - self._changed < self._settle and self._built is not None:
            return
        if self._board is None:
            orders, theirs = self._context.Pipe()
            target = (self._challenge.root, theirs, orders)
            process = self._context.Process(target=build_boards, args=target, daemon=True)
            process.start()
            theirs.close()
            self._board = process, orders
        self._board[1].send_bytes(b".")
        self._building = True
        self._ordered, self._changed, self._board_began = mark, None, at

    def _build_ended(self) -> bool:
        """Return whether the build is done; one whose process died is ordered again."""
        assert self._board is not None
        process, orders = self._board
        if not orders.poll():
            return False
        self._building = False
        try:
            orders.recv_bytes()
        except (EOFError, OSError):
            _LOG.error("the process that builds the site ended with %s", process.exitcode)
            orders.close()
            process.join()
            self._board = None
            return True
        # In a rush the site takes at most a third of one core.
        took = time.monotonic() - self._board_began
        self._settle = min(max(_SETTLE_S, 2 * took), _LONGEST_SETTLE_S)
        self._built = self._ordered
        self._on_board()
        return True

    def _mark_of(self, ledger: Ledger) -> str:
        toml = (self._challenge.root / "challenge.toml").stat()
        with ledger.store.reading() as connection:
            return f"{head_of(connection)} {toml.st_mtime_ns}"

    def _keep_house(self, ledger: Ledger) -> None:
        """Remove old rows, and files whose upload was cut by a kill of the server."""
        if self._kept_house and time.monotonic() - self._kept_house < _HOUSEKEEPING_S:
            return
        self._kept_house = time.monotonic()
        remove_old(ledger)
        spool = spool_of(self._challenge)
        # The folders before the rows: a file gets its row after its folder.
        folders = list(spool.iterdir()) if spool.is_dir() else []
        kept = {Path(file).parts[0] for file in kept_files(ledger)}
        for folder in folders:
            if folder.name not in kept and time.time() - folder.stat().st_mtime > _STALE_S:
                shutil.rmtree(folder, ignore_errors=True)
