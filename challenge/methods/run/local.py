"""Cells on this machine, several at once through joblib.

Each cell is a separate process with its caps. joblib runs only the threads that supervise them. So
there is no pool of workers that could break.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator, Sequence
from dataclasses import replace

from challenge.methods.run.cell_answer import Answer
from challenge.methods.run.grid import Engine, GridCell, Report, answer_here
from challenge.methods.run.supervisor import machine_memory_mb

__all__ = ["default_jobs", "local_engine"]

_CELL_MB = 4096


def default_jobs(threads: int) -> int:
    """Return how many cells of this many threads the machine takes at once, at least 1.

    Each gets its cores and 4 GB: with less memory, the caps would stop good methods.
    """
    from joblib import cpu_count

    return max(1, min(int(cpu_count()) // threads, machine_memory_mb() // _CELL_MB))


def local_engine(jobs: int) -> Engine:
    """Return the engine that runs `jobs` cells at once here.

    The memory of the machine is shared among them, where the caps give no number. A driver
    that is interrupted stops the cells that run.
    """

    def engine(
        cells: Sequence[GridCell], report: Report
    ) -> Generator[tuple[int, Answer], None, None]:
        from joblib import Parallel, delayed

        watch = _Watch(cells, min(jobs, len(cells)), report)
        pool = Parallel(jobs, backend="threading", return_as="generator_unordered", batch_size=1)
        answers = pool(delayed(watch.run)(index) for index in range(len(cells)))
        try:
            # Not `yield from`, since closing it makes joblib warn about unfinished jobs.
            for answer in answers:  # noqa: UP028
                yield answer
        finally:
            watch.end()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answers.close()

    return engine


class _Watch:
    """Runs cells in threads and can stop the running ones."""

    def __init__(self, cells: Sequence[GridCell], at_once: int, report: Report) -> None:
        self._cells, self._at_once, self._report = cells, at_once, report
        self._cancelled = threading.Event()
        self._running = 0
        self._changed = threading.Condition()

    def run(self, index: int) -> tuple[int, Answer]:
        """Run the cell at this index and return its answer; an empty one after the end."""
        with self._changed:
            if self._cancelled.is_set():
                return index, Answer()
            self._running += 1
        try:
            cell = self._cells[index]
            cell = replace(cell, caps=cell.caps.on_this_machine(self._at_once))
            return index, answer_here(
                cell, lambda text: self._report(index, text), self._cancelled.is_set
            )
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Stop the running cells and wait until they have ended."""
        with self._changed:
            self._cancelled.set()
            self._changed.wait_for(lambda: self._running == 0)
