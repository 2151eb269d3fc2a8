"""How a grid of cells is shown: live on a terminal, as lines in a log, as a table and as JSON."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from challenge.cli.output import plain, print_json, print_note, print_table
from challenge.errors import ChallengeError

if TYPE_CHECKING:
    from challenge.ledger import Receipt
    from challenge.methods.run.grid import Outcome

__all__ = ["CellReport", "GridProgress", "print_reports"]

_HEARTBEAT_S = 10.0


@dataclass(frozen=True)
class CellReport:
    """What became of a cell; `receipt` is there when its file was submitted."""

    outcome: Outcome
    kept_at: str = ""
    error: ChallengeError | None = None
    receipt: Receipt | None = None

    @property
    def outcome_name(self) -> Literal["failed", "predicted", "identical", "submitted"]:
        """The outcome in one word."""
        if self.error is not None:
            return "failed"
        if self.receipt is None:
            return "predicted"
        return "submitted" if self.receipt.identical_to is None else "identical"

    def line(self) -> str:
        """Return how it ended, as a sentence."""
        if self.error is not None:
            return f"failed: {self.error.faults[0].found}"[:100]
        again = (
            ", run kept from an earlier call (--fresh runs it again)"
            if self.outcome.run and self.outcome.run.reused
            else ""
        )
        return self._text() + again

    def _text(self) -> str:
        from challenge.scoring.figures import figure

        if self.receipt is None:
            return self.kept_at or "predicted"
        if self.receipt.identical_to is not None:
            return f"unchanged: identical to submission {self.receipt.identical_to}"
        if (score := self.receipt.score) is None:
            return self.receipt.message
        return f"{score.metric} {figure(score.value, score.low, score.high)}"

    def row(self) -> list[str]:
        """Return its line of the table."""
        cell, run = self.outcome.cell, self.outcome.run
        costs = [f"{run.seconds:.1f}", f"{run.peak_mb:,}"] if run else ["", ""]
        return [cell.task.id, cell.source.name, *costs, self.line()]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values; figures that there are not are null."""
        cell, run = self.outcome.cell, self.outcome.run
        score = self.receipt.score if self.receipt else None
        return {
            "method": run.method if run else cell.source.name,
            "task": cell.task.id,
            "outcome": self.outcome_name,
            "seconds": run.seconds if run else None,
            "cpu_s": run.cpu_s if run else None,
            "peak_mb": run.peak_mb if run else None,
            "isolation": cell.options.isolation,
            "seed": cell.options.seed,
            "threads": cell.options.threads,
            "preset": cell.options.preset,
            "reused": run.reused if run else False,
            "sha256": run.sha256 if run else None,
            "file": self.kept_at or None,
            "faults": [fault.as_json() for fault in self.error.faults] if self.error else [],
            "submission": self.receipt.submission.id if self.receipt else None,
            "score": score
            and {
                "metric": score.metric,
                "value": score.value,
                "low": score.low,
                "high": score.high,
            },
        }


def print_reports(reports: Sequence[CellReport], *, json: bool) -> None:
    """Write what became of the cells, in the order of the grid."""
    ordered = sorted(reports, key=lambda report: report.outcome.index)
    if json:
        ok = not any(report.error for report in ordered)
        print_json({"format": 1, "ok": ok, "cells": [report.as_json() for report in ordered]})
        return
    headers = ["task", "method", "seconds", "peak MB", "outcome"]
    print_table(headers, [report.row() for report in ordered], right=(2, 3))


class GridProgress:
    """Shows on stderr which cells run, what they do and for how long, and how many are done.

    On a terminal a live line for each running cell; elsewhere a line per step, and every ten
    seconds a summary, so that a log shows that the run goes on.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._texts: dict[int, str] = {}
        self._n_done = self._n_failed = 0
        self._started = self._spoken = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        self._live = _LiveCells(len(titles)) if sys.stderr.isatty() else None

    def show_state(self, index: int, text: str) -> None:
        """Show what a cell does now; it counts as running from the first text on."""
        with self._lock:
            if self._texts.get(index) == text:
                return
            self._texts[index] = text
            if self._live is not None:
                self._live.show(index, self._titles[index], text)
            else:
                self._line(f"{self._titles[index]}: {text}")

    def done(self, index: int, text: str, *, failed: bool) -> None:
        """Say how a cell ended."""
        with self._lock:
            self._texts.pop(index, None)
            self._n_done += 1
            self._n_failed += failed
            if self._live is not None:
                self._live.drop(index, self._count())
            self._line(f"{self._titles[index]}: {text} ({self._count()})")

    def print_note(self, text: str) -> None:
        """Write something beside the result, above what is live."""
        with self._lock:
            self._write(plain(text, keep="\n"))

    def _count(self) -> str:
        failed = f", {self._n_failed} failed" if self._n_failed else ""
        return f"{self._n_done} of {len(self._titles)} done{failed}"

    def _line(self, text: str) -> None:
        self._spoken = time.monotonic()
        self._write(f"[{self._spoken - self._started:4.0f} s] {plain(text)}")

    def _write(self, text: str) -> None:
        if self._live is not None:
            self._live.write(text)
        else:
            print_note(text)

    def _beat(self) -> None:
        while not self._over.wait(1.0):
            with self._lock:
                if time.monotonic() - self._spoken > _HEARTBEAT_S:
                    running = "; ".join(f"{self._titles[i]}: {w}" for i, w in self._texts.items())
                    self._line(f"{self._count()}; running: {running or 'none yet'}")

    def __enter__(self) -> GridProgress:
        if self._live is not None:
            self._live.start()
        else:
            self._beats.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._live is not None:
            self._live.stop()
        else:
            self._beats.join()


class _LiveCells:
    """The lines of a terminal that change: one for each running cell, and one for the whole."""

    def __init__(self, n_cells: int) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._console = Console(stderr=True)
        text = TextColumn("{task.fields[text]}", markup=False)
        title = TextColumn("{task.description}", markup=False)
        self._cells = Progress(SpinnerColumn(), title, TimeElapsedColumn(), text)
        self._all = Progress(BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), text)
        self._whole = self._all.add_task("", total=n_cells, text="")
        self._lines: dict[int, Any] = {}
        self._live = Live(Group(self._cells, self._all), console=self._console, transient=True)

    def start(self) -> None:
        """Begin to draw."""
        self._live.start()

    def stop(self) -> None:
        """Take the lines away."""
        self._live.stop()

    def show(self, index: int, title: str, text: str) -> None:
        """Draw the line of a cell, new or changed."""
        if index not in self._lines:
            self._lines[index] = self._cells.add_task(plain(title), total=None, text="")
        self._cells.update(self._lines[index], text=plain(text)[:60])

    def drop(self, index: int, count: str) -> None:
        """Take the line of a cell away and move the whole on."""
        if (line := self._lines.pop(index, None)) is not None:
            self._cells.remove_task(line)
        self._all.update(self._whole, advance=1, text=count)

    def write(self, text: str) -> None:
        """Write a line above those that change."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
