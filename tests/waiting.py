"""A bound on how long a test may wait, for what could hang, and whether a process is gone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["at_most", "is_gone"]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fail when the block takes longer."""

    def stop(*arguments: object) -> None:
        raise AssertionError(f"still waiting after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_gone(process: int) -> bool:
    """Say whether a process has ended, also where nobody has waited for it yet."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text.rpartition(")")[2].split()[0] == "Z"
