"""What all calls of one web process share: ledger, folders, waiting calls, counts."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from typing import Any

from challenge.errors import ChallengeError, Fault, WrongUse, meant
from challenge.ledger import open_ledger
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.arrivals import outcome_of
from challenge.server.measures import Measures
from challenge.server.rates import Rates
from challenge.server.spool import spool_of
from challenge.task import Challenge, Task
from challenge.task.settings import Settings, read_settings

__all__ = ["Service"]

_LOG = logging.getLogger("challenge.server")
_POLL_S = 0.5
_ROOM_BYTES = 64 << 20
_CALLS, _UPLOADS, _FAILED, _PER_S = 600, 60, 20, 60.0


class BoardCache:
    """Boards as JSON, each for one state of the ledger."""

    def __init__(self) -> None:
        self._boards: dict[str, tuple[str, bytes]] = {}

    def get(self, name: str, mark: str) -> bytes | None:
        """Return the board of this state, None when it is of another or not there."""
        known = self._boards.get(name)
        return known[1] if known is not None and known[0] == mark else None

    def put(self, name: str, mark: str, body: bytes) -> None:
        """Keep a board; names are those of tracks and tasks that exist."""
        self._boards[name] = (mark, body)


class Service:
    """The state of a web process; everything that must last is in the ledger.

    `has_line` says whether files are scored beside this process, or on another host alone.
    """

    def __init__(self, challenge: Challenge, *, has_line: bool) -> None:
        self.challenge = challenge
        self.has_line = has_line
        self.measures = Measures()
        self.calls = Rates(_CALLS, _PER_S)
        self.uploads = Rates(_UPLOADS, _PER_S)
        self.failed = Rates(_FAILED, _PER_S)
        # Bodies that are coming in now, by team.
        self.receiving: Counter[int] = Counter()
        self.spool = spool_of(challenge)
        # With a ledger on a server nothing else has made the folder.
        self.spool.mkdir(parents=True, exist_ok=True, mode=0o770)
        self.boards = BoardCache()
        self._ledger = open_ledger(challenge)
        self._ledger.store.keep_open()
        self.settings_mark = self._changed_at()
        self.stopping = False
        self._waiting: dict[int, asyncio.Event] = {}
        self._line: asyncio.subprocess.Process | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._ledger.settings

    def ledger(self) -> Ledger:
        """Return the ledger with the newest challenge.toml; an unreadable one is not taken."""
        changed = self._changed_at()
        if changed != self.settings_mark:
            try:
                self._ledger.settings = read_settings(self.challenge.root)
            except ChallengeError as error:
                _LOG.warning("challenge.toml could not be read again: %s", error)
            else:
                self.settings_mark = changed
        return self._ledger

    def task(self, task_id: str) -> Task:
        """Return a built task; raise WrongUse with the nearest id when there is none."""
        known = self.challenge.built_ids()
        if task_id not in known:
            fix = meant(task_id, known, "see `challenge tasks`, or /api/v1/tasks")
            raise WrongUse(
                Fault("task", repr(task_id), "the id of a task", fix, code="unknown-task")
            )
        return self.challenge.task(task_id)

    def _changed_at(self) -> int:
        try:
            return (self.challenge.root / "challenge.toml").stat().st_mtime_ns
        except OSError:
            return 0

    async def outcome(self, arrival: int, team: int, seconds: float) -> Mapping[str, Any] | None:
        """Wait for the outcome of a file of the team; None when it is not there in time."""
        event = self._waiting.setdefault(arrival, asyncio.Event())
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        try:
            while True:
                _, outcome = await asyncio.to_thread(outcome_of, self._ledger, arrival, team)
                left = until - loop.time()
                if outcome is not None or left <= 0:
                    return outcome
                # Another host may score it, so the row is looked at from time to time.
                try:
                    await asyncio.wait_for(event.wait(), min(left, _POLL_S))
                    event.clear()
                except asyncio.TimeoutError:
                    continue
        finally:
            self._waiting.pop(arrival, None)

    def announce(self) -> None:
        """Wake the line of this host: a file arrived."""
        if self._line is not None and self._line.stdin is not None:
            self._line.stdin.write(b".")

    def has_room(self) -> bool:
        """Return whether the disk has room for a file, and for the ledger after it."""
        return shutil.disk_usage(self.spool.parent).free >= _ROOM_BYTES

    def lacks(self) -> list[str]:
        """Return what keeps a submission from being stored and scored here."""
        lacks = []
        if not self.has_room():
            lacks.append("free space on the disk")
        if self.has_line:
            if not (self.challenge.leaderboard / "index.html").is_file():
                lacks.append("the first build of the site")
            if self._line is None:
                lacks.append("the scoring process")
            for task_id in self.challenge.built_ids():
                solution = self.challenge.datasets / task_id / "private" / "solution.parquet"
                if not os.access(solution, os.R_OK):
                    lacks.append(f"the solution of {task_id}")
        return lacks

    async def stop_line(self) -> None:
        """End the scoring process when its files are scored."""
        self.stopping = True
        if self._line is not None and self._line.stdin is not None:
            self._line.stdin.close()
            await self._line.wait()

    async def follow(self, line: asyncio.subprocess.Process) -> None:
        """Take the reports of the scoring process until it ends."""
        self._line = line
        assert line.stdout is not None
        async for report in line.stdout:
            words = report.split()
            if words[0] == b"done":
                self.measures.count_scored(float(words[2]))
                event = self._waiting.get(int(words[1]))
                if event is not None:
                    event.set()
            elif words[0] == b"board":
                self.measures.count_board()

    def line_ended(self) -> None:
        """Note that the scoring process ended."""
        self._line = None
