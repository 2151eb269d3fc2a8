"""How a grid is told while it runs: in a log, and on a terminal."""

from __future__ import annotations

import os
import pty
import sys
import threading
from collections.abc import Callable

import pytest

from challenge.cli.cell_progress import GridProgress

TITLES = ["oak on icons", "elm on icons"]


def report(progress: GridProgress, look: Callable[[], object] = lambda: None) -> None:
    with progress:
        progress.show_state(0, "fitting")
        progress.show_state(1, "reading\x1b[2J")
        progress.show_state(1, "reading\x1b[2J")
        look()
        progress.done(0, "macro_f1 .500", failed=False)
        progress.print_note("elm on icons failed:\nno acorns")
        progress.done(1, "failed: no acorns", failed=True)


def test_a_log_has_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    report(GridProgress(TITLES))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "[   0 s] oak on icons: fitting",
        "[   0 s] elm on icons: reading\\x1b[2J",
        "[   0 s] oak on icons: macro_f1 .500 (1 of 2 done)",
        "elm on icons failed:",
        "no acorns",
        "[   0 s] elm on icons: failed: no acorns (2 of 2 done, 1 failed)",
    ]


def test_a_terminal_has_a_live_line_for_each_running_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    seen = bytearray()
    drawn = threading.Event()

    def read() -> None:
        while b"2 of 2 done" not in seen:
            seen.extend(os.read(ours, 4096))
            if b"fitting" in seen and b"reading" in seen:
                drawn.set()

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        report(GridProgress(TITLES), lambda: drawn.wait(30))
        monkeypatch.undo()
        reader.join(30)
    assert not reader.is_alive()
    os.close(ours)
    # Both cells are drawn in one frame, one line each, and control characters do nothing.
    lines = seen.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    assert any("oak on icons" in line and "fitting" in line for line in lines)
    assert any("elm on icons" in line and "reading\\x1b[2J" in line for line in lines)
    assert any("1 of 2 done" in line for line in lines) and "no acorns" in lines
