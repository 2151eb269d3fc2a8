"""The time limit of a fit and its predictions, in stages that end early when it runs out."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from challenge.methods.protocol import Progress

__all__ = ["Budget", "OutOfTime"]

_KEPT = 0.05
"""Share of the limit kept for what no stage measures: starting, blending, writing."""
_AGAIN_S = 1.0
"""Seconds after which an interrupt is repeated: a library may have swallowed it."""


class OutOfTime(BaseException):
    """The stage has used its time. Not an Exception: no library takes it for a failed model."""


class Budget:
    """Seconds that a method may use from its construction on; None: no limit.

    `clock` returns seconds. In the main thread an alarm also interrupts work between reports.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock, self._began = seconds, clock, clock()
        self._ends: float | None = None

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._seconds is not None

    def spent(self) -> float:
        """Return the seconds since the construction."""
        return self._clock() - self._began

    def left(self) -> float:
        """Return the seconds that stages may still use, infinite without a limit."""
        if self._seconds is None:
            return float("inf")
        return max(0.0, (1 - _KEPT) * self._seconds - self.spent())

    @contextmanager
    def stage(self, seconds: float) -> Iterator[None]:
        """Give the work inside so many seconds; leave it where it is when they have passed.

        Without a limit of the budget the work is never interrupted.
        """
        if self._seconds is None:
            yield
            return
        self._ends = self._clock() + seconds
        try:
            with _alarm(seconds):
                yield
        except OutOfTime:
            pass
        finally:
            self._ends = None

    def check(self) -> None:
        """Raise OutOfTime when the time of the present stage has passed."""
        if self._ends is not None and self._clock() >= self._ends:
            raise OutOfTime

    def watched(self, progress: Progress) -> Progress:
        """Return a progress that checks the time before and after each report."""

        def report(text: str, /) -> None:
            self.check()
            progress(text)
            self.check()

        return report


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the main thread after so many seconds; do nothing in another thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), _AGAIN_S)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, previous)
