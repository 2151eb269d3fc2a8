"""The grid: every method on every task, wherever the cells run.

An engine runs cells and hands back bytes; only the driver, here, writes: it checks each file,
keeps it and yields the outcome. A cell that fails is an outcome like any other, and the rest go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from challenge.errors import ChallengeError, Fault, MissingRequirement
from challenge.methods.method_sources import MethodSource
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.handover import PREDICTIONS
from challenge.methods.run.runner import MethodRun, Options, cell_key, run_here
from challenge.methods.run.saved_cells import forget_cell, keep_cell, kept_cell
from challenge.methods.run.supervisor import Caps
from challenge.task import Task, write_atomically

__all__ = ["Answer", "Engine", "GridCell", "Outcome", "Tell", "answer_here", "run_grid"]


@dataclass(frozen=True)
class GridCell:
    """One method on one task, and how it is to be run. `folder` receives its predictions."""

    source: MethodSource
    task: Task
    options: Options
    folder: Path
    caps: Caps = field(default_factory=Caps)

    @property
    def key(self) -> str:
        """The name under which the finished cell is kept."""
        return cell_key(self.source, self.task, self.options)


@dataclass(frozen=True)
class Answer:
    """What comes back from the place where a cell ran: record and bytes of the file, or faults.

    `lack` tells that the faults are the machine's, not the method's.
    """

    record: Mapping[str, Any] | None = None
    predictions: bytes = field(default=b"", repr=False)
    faults: tuple[Fault, ...] = ()
    lack: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: a run whose file was checked, or an error. `place` counts the cells."""

    place: int
    cell: GridCell
    run: MethodRun | None = None
    error: ChallengeError | None = None


Tell = Callable[[int, str], None]
"""Called, from any thread, with the place of a cell in the grid and a few words."""

Engine = Callable[[Sequence[GridCell], Tell], Generator[tuple[int, Answer], None, None]]
"""Runs cells and yields each one's place and answer once, in the order in which they end."""


def run_grid(
    cells: Sequence[GridCell],
    engine: Engine,
    check: Callable[[Task, Path], object],
    report: Tell,
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each cell once: first those kept from earlier runs, then as they end.

    `check` raises ChallengeError for a file with faults; such a cell is not kept. A leftover in a
    cell's folder is removed before anything runs.
    """
    waiting = []
    for place, cell in enumerate(cells):
        (cell.folder / PREDICTIONS).unlink(missing_ok=True)
        if kept_cell(cell.task, cell.key) is None:
            waiting.append(place)
    for place in sorted(set(range(len(cells))) - set(waiting)):
        cell = cells[place]
        kept = kept_cell(cell.task, cell.key)
        if kept is None:
            # Another driver pruned or replaced it a moment ago.
            waiting.append(place)
            continue
        report(place, "kept from an earlier run")
        yield _outcome(place, cell, Answer(*kept), check, reused=True)

    def report_of(index: int, words: str) -> None:
        report(waiting[index], words)

    with closing(engine([cells[place] for place in waiting], report_of)) as answers:
        for index, answer in answers:
            if answer.record is not None:
                report(waiting[index], "checking")
            yield _outcome(waiting[index], cells[waiting[index]], answer, check, reused=False)


def answer_here(
    cell: GridCell, report: Progress = silent, cancelled: Callable[[], bool] | None = None
) -> Answer:
    """Run a cell on this machine; what goes wrong with it is told in the answer."""
    try:
        return Answer(*run_here(cell.source, cell.task, cell.options, cell.caps, report, cancelled))
    except ChallengeError as error:
        return Answer(faults=error.faults, lack=isinstance(error, MissingRequirement))
    except OSError as error:
        fault = Fault(
            f"method {cell.source.name} on {cell.task.id}",
            f"the machine failed it: {error}",
            "room and permission for a scratch folder and a process",
            "look at that machine's disk, memory and limits",
            code="cell-machine",
        )
        return Answer(faults=(fault,), lack=True)


def _outcome(
    place: int,
    cell: GridCell,
    answer: Answer,
    check: Callable[[Task, Path], object],
    *,
    reused: bool,
) -> Outcome:
    if answer.record is None:
        kind = MissingRequirement if answer.lack else ChallengeError
        return Outcome(place, cell, error=kind(answer.faults))
    target = cell.folder / PREDICTIONS
    write_atomically(target, answer.predictions)
    run = MethodRun(predictions=target, reused=reused, **answer.record)
    try:
        check(cell.task, target)
    except ChallengeError as error:
        # What made the file may be mended without a trace in the digest: ask the method again.
        forget_cell(cell.task, cell.key)
        return Outcome(place, cell, error=error)
    if not reused:
        keep_cell(cell.task, cell.key, run.record(), answer.predictions)
    return Outcome(place, cell, run)
