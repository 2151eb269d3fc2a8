"""Draws and writes the pages of many teams in several processes, each team in one of them.

A process is a fork, so it has what the boards were computed to. It gets one job after the other
through a pipe, writes its own files, and sends what it wrote at the end. It reads no ledger.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any

from challenge.board.pages.site_context import File, MarkedPage
from challenge.board.writer import GroupsWritten, SiteWriter
from challenge.errors import Fault, MissingRequirement

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Group", "n_processes", "write_groups"]

Group = tuple[str, str, Iterable["File | MarkedPage"]]
"""Name and mark of a group of files, and the files."""
_MANY = 500
"""Changed teams from which several processes are quicker than one."""
_MOST = 6
"""Processes that the first one keeps busy: reading is about a sixth of the work."""


def n_processes(n_teams: int) -> int:
    """Return how many processes draw so many teams; 1 where a fork is not safe."""
    alone = threading.active_count() == 1 and not multiprocessing.current_process().daemon
    if n_teams < _MANY or not alone or not hasattr(os, "sched_getaffinity"):
        return 1
    return min(len(os.sched_getaffinity(0)), _MOST)


def write_groups(
    writer: SiteWriter, jobs: Iterator[Any], draw: Callable[[Any], Iterator[Group]], n: int
) -> None:
    """Write the groups that `draw` makes of each job, in `n` processes; with one, in this one.

    Jobs must be picklable. What a process raises is raised here. Raises MissingRequirement when a
    process ends early.
    """
    if n == 1:
        for job in jobs:
            for group in draw(job):
                writer.write_group(*group)
        return
    writer.begin_groups()
    fork = multiprocessing.get_context("fork")
    lines: list[Connection] = []
    processes = []
    try:
        for _ in range(n):
            ours, theirs = fork.Pipe()
            lines.append(ours)
            process = fork.Process(target=_work, args=(theirs, list(lines), writer, draw))
            process.start()
            theirs.close()
            processes.append(process)
        for line, job in zip(cycle(lines), jobs, strict=False):
            _send(line, writer, job)
        for line in lines:
            _send(line, writer, None)
        for line in lines:
            writer.add_groups(_answer(line, writer))
    finally:
        # The end of its line ends a process, also when this one was stopped.
        for line in lines:
            line.close()
        for process in processes:
            process.join()


def _work(
    line: Connection,
    others: list[Connection],
    writer: SiteWriter,
    draw: Callable[[Any], Iterator[Group]],
) -> None:
    """Do jobs until None comes, then send what was written, or what was raised."""
    for other in others:
        # A fork has the other ends too; with them open, no line would ever end.
        other.close()
    own = writer.of_process()
    try:
        while (job := line.recv()) is not None:
            for group in draw(job):
                own.write_group(*group)
        line.send(own.groups_written())
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        line.send(error)


def _send(line: Connection, writer: SiteWriter, job: Any) -> None:
    try:
        line.send(job)
    except BrokenPipeError:
        _answer(line, writer)
        raise


def _answer(line: Connection, writer: SiteWriter) -> GroupsWritten:
    try:
        answer: GroupsWritten | Exception = line.recv()
    except (EOFError, ConnectionResetError):
        fault = Fault(
            str(writer.out),
            "a process that draws pages ended early",
            "memory for one process for each core",
            "build again, finished pages are kept; on one core: taskset -c 0 challenge leaderboard",
            code="site-process-ended",
        )
        raise MissingRequirement(fault) from None
    if isinstance(answer, Exception):
        raise answer
    return answer
