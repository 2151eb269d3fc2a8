"""The grid: every method on every task, wherever the cells run.

An engine runs cells and returns bytes. Only the driver, here, writes: it checks each file, keeps it
and yields the outcome. A failed cell is an outcome too, and the others continue.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from challenge.errors import ChallengeError, Fault, MissingRequirement, WrongUse
from challenge.methods.method_sources import MethodSource
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.cell_answer import Answer, CellRecord
from challenge.methods.run.exchange import invalid_answer
from challenge.methods.run.handover import PREDICTIONS
from challenge.methods.run.runner import MethodRun, Options, cell_key, method_name, run_here
from challenge.methods.run.saved_cells import forget_cell, keep_cell, kept_cell, would_replace
from challenge.methods.run.supervisor import Caps
from challenge.task import Task, write_atomically
from challenge.task.files import output_exists

__all__ = ["Engine", "GridCell", "Outcome", "Report", "answer_here", "run_grid"]


@dataclass(frozen=True)
class GridCell:
    """One method on one task, and how it is to be run. `folder` receives its predictions."""

    source: MethodSource
    task: Task
    options: Options
    folder: Path
    caps: Caps = field(default_factory=Caps)

    @property
    def where(self) -> str:
        """The `where` of its faults."""
        return f"method {self.source.name} on {self.task.id}"

    @property
    def key(self) -> str:
        """The name under which the finished cell is kept."""
        return cell_key(self.source, self.task, self.options)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: a run whose file was checked, or an error. `index` counts the cells."""

    index: int
    cell: GridCell
    run: MethodRun | None = None
    error: ChallengeError | None = None


Report = Callable[[int, str], None]
"""Called, from any thread, with the index of a cell in the grid and its progress."""

Engine = Callable[[Sequence[GridCell], Report], Generator[tuple[int, Answer], None, None]]
"""Runs cells and yields each one's index and answer once, in the order in which they end."""


def run_grid(
    cells: Sequence[GridCell],
    engine: Engine,
    check: Callable[[Task, Path], object],
    report: Report,
    fresh: bool = False,
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each cell once: first those kept from earlier runs, then as they end.

    With `fresh` every cell runs again, as after a change of a data file that a method reads.

    `check` raises ChallengeError for a file with faults; such a cell is not kept. Raises WrongUse,
    before anything runs, where a file in a cell's folder would be replaced.
    """
    waiting = []
    _refuse_replacing(cells)
    for index, cell in enumerate(cells):
        kept = None if fresh else kept_cell(cell.task, cell.key)
        if kept is None:
            waiting.append(index)
            continue
        report(index, "kept from an earlier run")
        yield _outcome(index, cell, kept, check, reused=True)

    def report_of(position: int, text: str) -> None:
        report(waiting[position], text)

    with closing(engine([cells[index] for index in waiting], report_of)) as answers:
        for position, answer in answers:
            index = waiting[position]
            if answer.record is not None:
                report(index, "checking")
            yield _outcome(index, cells[index], answer, check, reused=False)


def _refuse_replacing(cells: Sequence[GridCell]) -> None:
    """Raise WrongUse for every file that this grid did not write and would replace."""
    faults: list[Fault] = []
    for cell in cells:
        target = cell.folder / PREDICTIONS
        if would_replace(target, kept_cell(cell.task, cell.key)):
            faults += output_exists(target).faults
    if faults:
        raise WrongUse(faults)


def answer_here(
    cell: GridCell, report: Progress = silent, cancelled: Callable[[], bool] | None = None
) -> Answer:
    """Run a cell on this machine; the answer has its faults."""
    try:
        return run_here(cell.source, cell.task, cell.options, cell.caps, report, cancelled)
    except ChallengeError as error:
        return Answer(
            faults=error.faults, missing_requirement=isinstance(error, MissingRequirement)
        )
    except OSError as error:
        fault = Fault(
            cell.where,
            f"an error of the machine: {error}",
            "room and permission for a scratch folder and a process",
            "look at that machine's disk, memory and limits",
            code="cell-machine",
        )
        return Answer(faults=(fault,), missing_requirement=True)


def _outcome(
    index: int,
    cell: GridCell,
    answer: Answer,
    check: Callable[[Task, Path], object],
    *,
    reused: bool,
) -> Outcome:
    if answer.record is None:
        kind = MissingRequirement if answer.missing_requirement else ChallengeError
        return Outcome(index, cell, error=kind(answer.faults))
    target = cell.folder / PREDICTIONS
    written = not target.exists()
    try:
        _require_same(cell, answer.record)
        if written:
            write_atomically(target, answer.predictions)
        check(cell.task, target)
    except ChallengeError as error:
        # The cause may be fixed without a change of the digest, so the method must run again.
        forget_cell(cell.task, cell.key)
        if written:
            target.unlink(missing_ok=True)
        return Outcome(index, cell, error=error)
    if not reused:
        keep_cell(cell.task, cell.key, answer)
    return Outcome(index, cell, MethodRun.of(answer.record, target, reused=reused))


def _require_same(cell: GridCell, record: CellRecord) -> None:
    """Raise ChallengeError when a record is not of this cell, wherever it came from."""
    expected = (cell.source.title, method_name(cell.source, cell.options), cell.options.isolation)
    if (record.title, record.method, record.isolation) != expected:
        raise invalid_answer(cell.where, "the record of another cell")
