"""Hostile methods, for the sandbox alone: each tries one way out of it.

`method_attack` runs them on a copy of a task. The copy has a private folder, and its public folder
names a port of the host.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = [
    "EndlessProgress",
    "FaultIsALink",
    "FaultIsAPipe",
    "FaultIsForged",
    "LogIsALink",
    "LooksAround",
    "ManyFiles",
    "ManyThreads",
    "MemoryWithoutEnd",
    "PredictionsAreALink",
    "PredictionsAreAPipe",
    "ResultIsALink",
    "ResultIsForged",
    "ResultIsHuge",
]

_MOST_S = 120
_REMOUNT = 4096 | 32
_NEW_USER = 0x10000000


class Hostile:
    """A method that answers the first class, or 0, after its attack.

    `home` is its scratch folder, `victim` a file that no method may reach.
    """

    def __init__(self) -> None:
        self.details: dict[str, object] = {}
        self.home = Path(os.environ["HOME"])
        self.public = Path(json.loads((self.home / "request.json").read_text())["public"])
        self.victim = self.public.parent / "private" / "solution.parquet"
        self._attack()

    def _attack(self) -> None:
        """Try the way out; harmless here."""

    def fit(self, train: Any, task: Any) -> None:
        """Learn nothing."""
        self.answer = task.classes[0] if task.classes else 0.0

    def predict(self, test: Any) -> Any:
        """Answer the same for all rows."""
        return test[["id"]].assign(label=self.answer)

    def end(self, *, well: bool) -> None:
        """End without the package's own answer."""
        program = "true" if well else "false"
        os.execv(f"/usr/bin/{program}", [program])  # noqa: S606

    def forge_result(self) -> None:
        """Write a result as if all had been done."""
        text = (
            '{"details": {}, "summary": "", "fit_s": 1, "predict_s": 1, "cpu_s": 1, "peak_mb": 1}'
        )
        (self.home / "result.json").write_text(text)


class LogIsALink(Hostile):
    """Lead the log of the organiser's process to a file outside."""

    def _attack(self) -> None:
        (self.home / "log.txt").symlink_to(self.victim)
        sys.stderr.write("written by a method\n")
        self.end(well=False)


class PredictionsAreALink(Hostile):
    """Hand in a file outside as own predictions."""

    def _attack(self) -> None:
        (self.home / "predictions.parquet").symlink_to(self.victim)
        self.forge_result()
        self.end(well=True)


class PredictionsAreAPipe(Hostile):
    """Let the organiser's process wait for predictions without end."""

    def _attack(self) -> None:
        os.mkfifo(self.home / "predictions.parquet")
        self.forge_result()
        self.end(well=True)


class ResultIsALink(Hostile):
    """Hand in a file outside as own result."""

    def _attack(self) -> None:
        (self.home / "result.json").symlink_to(self.victim)
        self.end(well=True)


class ResultIsHuge(Hostile):
    """Hand in a result of 200 MB."""

    def _attack(self) -> None:
        with (self.home / "result.json").open("wb") as file:
            file.truncate(200 << 20)
        self.end(well=True)


class ResultIsForged(Hostile):
    """Hand in a result with values that no run has."""

    def _attack(self) -> None:
        (self.home / "predictions.parquet").write_bytes(b"PAR1")
        (self.home / "result.json").write_text('{"details": {"a": 1e999}, "summary": "\\ud800"}')
        self.end(well=True)


class FaultIsForged(Hostile):
    """Hand in a fault of another form."""

    def _attack(self) -> None:
        (self.home / "fault.json").write_text('{"kind": [], "faults": 7}')
        self.end(well=False)


class FaultIsALink(Hostile):
    """Let a message quote a file outside."""

    def _attack(self) -> None:
        (self.home / "fault.json").symlink_to(self.victim)
        self.end(well=False)


class FaultIsAPipe(Hostile):
    """Let the organiser's process wait for a fault without end."""

    def _attack(self) -> None:
        os.mkfifo(self.home / "fault.json")
        self.end(well=False)


class EndlessProgress(Hostile):
    """Report progress without a line end, without end."""

    def _attack(self) -> None:
        piece = b"x" * (1 << 20)
        until = time.monotonic() + _MOST_S
        while time.monotonic() < until:
            for descriptor in range(3, 12):
                try:
                    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                        os.write(descriptor, piece)
                except OSError:
                    continue


class MemoryWithoutEnd(Hostile):
    """Take memory in files that have no name."""

    def _attack(self) -> None:
        for _ in range(8):
            descriptor = os.memfd_create("x")
            for _ in range(200):
                os.write(descriptor, b"x" * (1 << 20))
        time.sleep(_MOST_S)


class ManyFiles(Hostile):
    """Write thousands of files."""

    def _attack(self) -> None:
        for number in range(3000):
            (self.home / str(number)).touch()
        time.sleep(_MOST_S)


class ManyThreads(Hostile):
    """Start hundreds of threads."""

    def _attack(self) -> None:
        for _ in range(300):
            threading.Thread(target=time.sleep, args=(_MOST_S,), daemon=True).start()
        time.sleep(_MOST_S)


class LooksAround(Hostile):
    """Try to reach the disk, the kernel, the network and other processes; report what succeeded."""

    def _attack(self) -> None:
        libc = ctypes.CDLL(None)
        private = self.victim.parent
        address = ("127.0.0.1", int((self.public / "port.txt").read_text()))
        public = str(self.public).encode()
        actions: dict[str, Callable[[], object]] = {
            "remounted the public folder": lambda: (
                libc.mount(None, public, None, _REMOUNT, None) == 0
            ),
            "wrote to the public folder": lambda: (self.public / "train.csv").write_text("x"),
            "listed the private folder": lambda: [*private.iterdir()],
            "read the solution": self.victim.read_bytes,
            "wrote a setting of the kernel": lambda: os.open("/proc/sys/kernel/core_pattern", 1),
            "wrote to /dev": lambda: Path("/dev/x").write_bytes(b"x"),
            "filled /dev/shm": lambda: Path("/dev/shm/x").write_bytes(b"x" * (300 << 20)),  # noqa: S108
            "made a namespace": lambda: libc.unshare(_NEW_USER) == 0,
            "reached a port of the host": lambda: socket.create_connection(address, 2),
            "saw other processes": lambda: len([*Path("/proc").glob("[0-9]*")]) > 9,
            "kept capabilities": _capabilities,
        }
        self.details = {"escaped": [name for name, action in actions.items() if _works(action)]}


def _works(action: Callable[[], object]) -> bool:
    try:
        return bool(action())
    except OSError:
        return False


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)
