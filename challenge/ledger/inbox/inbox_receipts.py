"""The outcome for a file of the inbox, and its receipts as JSON and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from challenge.errors import Fault, SubmissionError, counted
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock, schema
from challenge.ledger.submissions.names import clean_text
from challenge.ledger.submissions.receipt_rows import receipt_of
from challenge.ledger.submissions.receipts import Receipt
from challenge.ledger.submissions.roster import find_team, folded_names
from challenge.task import dump_json

__all__ = ["Collected", "Status", "accepted", "earlier_files", "earlier_outcome", "refused"]

Status = Literal["accepted", "refused", "waiting"]


@dataclass(frozen=True)
class Collected:
    """The outcome for one file.

    `accepted` and `refused` are final for these bytes. A `waiting` file is tried again: only a
    quota, a date or the roster refused it. `known`: its receipt existed already. `mark` is the
    state of the file; while that is unchanged, the file is not read again.
    """

    status: Status
    sha256: str
    message: str
    receipt: Mapping[str, Any] | None = None
    lines: tuple[str, ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    file: str = ""
    known: bool = False
    mark: tuple[int, ...] = ()

    @property
    def withdrawn(self) -> bool:
        """Whether it is a submission that was withdrawn since."""
        return self.receipt is not None and bool(self.receipt["submission"]["withdrawn"])

    def named(self, file: str, mark: tuple[int, ...]) -> Collected:
        """Return the outcome for a file of this name and state."""
        return replace(self, file=file, mark=mark)

    def json_text(self) -> str:
        """Return the receipt as JSON."""
        return dump_json(
            {
                "format": 1,
                "file": self.file,
                "sha256": self.sha256,
                "mark": list(self.mark),
                "status": self.status,
                "message": self.message,
                "submission": self.receipt,
                "faults": list(self.faults),
            }
        )

    def text(self) -> str:
        """Return the receipt as text."""
        return "\n".join([f"{self.file}: {self.status}", "", *self.lines, ""])


def accepted(receipt: Receipt, sha256: str) -> Collected:
    """Return the outcome of a stored submission, or of one that is identical to another."""
    message, lines = receipt.message, receipt.lines()
    if receipt.submission.withdrawn:
        message += "; to submit the file again, give it another name"
        lines = [message]
    return Collected("accepted", sha256, message, receipt.as_json(), tuple(lines))


def refused(sha256: str, error: SubmissionError, *, waits: bool) -> Collected:
    """Return the outcome of a file that the check or the rules refused, with every fault."""
    faults = tuple(fault.as_json() for fault in error.faults)
    count = f"{counted(len(faults), 'fault')} found"
    message = "not accepted yet; it will be tried again" if waits else f"refused: {count}"
    return Collected(
        "waiting" if waits else "refused",
        sha256,
        message,
        None,
        (message, "", *str(error).splitlines()),
        faults,
    )


def earlier_files(ledger: Ledger, team: str, task: str) -> set[str]:
    """Return the SHA-256 of all files that the team handed in for the task before."""
    rows, failures, names = schema.submissions, schema.failures, schema.team_names
    with ledger.store.reading() as connection:
        folded = folded_names(connection, team)
        own = sa.select(names.c.team).where(names.c.folded.in_(folded))
        stored = sa.select(rows.c.file_sha256).where(rows.c.team.in_(own), rows.c.task == task)
        failed = sa.select(failures.c.file_sha256).where(
            failures.c.folded.in_(folded), failures.c.task == task
        )
        return set(connection.execute(stored.union(failed)).scalars())


def earlier_outcome(
    ledger: Ledger, team: str, task: str, sha256: str, method: str
) -> Collected | None:
    """Return the outcome of an earlier collection of these bytes, None when there was none.

    A withdrawn submission is the outcome for a file of its own method only. Under another name
    the same bytes are handed in again.
    """
    rows, gone, failures = schema.submissions, schema.withdrawals, schema.failures
    with ledger.store.reading() as connection:
        try:
            known = find_team(connection, team, ledger.settings.roster())
        except SubmissionError:
            known = None
        if known is not None:
            found = connection.execute(
                sa.select(rows.c.id)
                .select_from(rows.outerjoin(gone, gone.c.submission == rows.c.id))
                .where(
                    rows.c.file_sha256 == sha256,
                    rows.c.team == known.id,
                    rows.c.task == task,
                    sa.or_(gone.c.id.is_(None), rows.c.method == clean_text(method)),
                )
                .order_by(gone.c.id.is_not(None), rows.c.id)
                .limit(1)
            ).scalar()
            if found is not None:
                receipt = receipt_of(connection, ledger, found, clock.now())
                return accepted(receipt, sha256)
        faults = connection.execute(
            sa.select(failures.c.faults)
            .where(
                failures.c.file_sha256 == sha256,
                failures.c.folded.in_(folded_names(connection, team)),
                failures.c.task == task,
            )
            .limit(1)
        ).scalar()
    if faults is None:
        return None
    return refused(sha256, SubmissionError(_fault(one) for one in json.loads(faults)), waits=False)


def _fault(values: Mapping[str, Any]) -> Fault:
    return Fault(**{**values, "first": tuple(values["first"])})
