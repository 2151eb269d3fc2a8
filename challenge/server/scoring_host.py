"""The process of the scoring line: `python -m challenge.server.scoring_host ROOT SLOTS MB SECONDS`.

Its parent is the web process: a byte on standard input announces a file, the end of it stops the
line. It writes a line for each outcome that it stored.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from challenge.server.request_log import log_to_stderr
from challenge.server.scoring_line import ScoringLine
from challenge.server.scoring_process import JobLimits
from challenge.task import Challenge

__all__ = ["run_line"]


def run_line(
    challenge: Challenge, slots: int, limits: JobLimits, *, with_parent: bool = False
) -> None:
    """Score files until SIGTERM, or with a parent until that one ends."""

    def say(line: str) -> None:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # The web process is gone, and standard input ends too.
            return

    line = ScoringLine(
        challenge,
        slots=slots,
        limits=limits,
        on_done=(lambda arrival, seconds: say(f"done {arrival} {seconds:.3f}"))
        if with_parent
        else (lambda arrival, seconds: None),
        on_board=(lambda: say("board")) if with_parent else (lambda: None),
        ears=sys.stdin.fileno() if with_parent else None,
    )
    signal.signal(signal.SIGTERM, lambda *_: line.stop())
    line.run()


if __name__ == "__main__":
    log_to_stderr()
    run_line(
        Challenge(Path(sys.argv[1])),
        int(sys.argv[2]),
        JobLimits(int(sys.argv[3]), int(sys.argv[4])),
        with_parent=True,
    )
