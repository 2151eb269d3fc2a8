"""The inbox: files that teams put into `inbox/<team>/<task>/`, each scored once.

A file is collected when it has stopped changing; a private copy of it is checked and scored. Its
name is the method, a text file beside it is the note. The ledger identifies collected files by the
SHA-256 of their bytes. So a file gets the same receipt and no second score after a kill, from a
second collector or under another name. Size, quota, dates and roster are checked before the file
is read. A file with a receipt is not read again, and teams take turns.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from challenge.errors import ChallengeError, Fault, LedgerError, SubmissionError, counted
from challenge.ledger.inbox.inbox_files import (
    NOTE,
    RECEIPTS,
    Candidate,
    candidates_in,
    open_file,
    open_folder,
    private_copy,
    read_beside,
    sha256_of,
    write_beside,
)
from challenge.ledger.inbox.inbox_receipts import (
    Collected,
    Status,
    accepted,
    earlier_files,
    earlier_outcome,
    refused,
)
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock
from challenge.ledger.submissions.names import fold
from challenge.ledger.submissions.roster import names_of_teams
from challenge.ledger.submissions.submit import NOTE_LENGTH, check_entry, submit

__all__ = ["SETTLE_S", "CollectReport", "Seen", "collect", "watch"]

SETTLE_S = 2.0
"""Seconds without a change of size and time after which a file is complete."""

_WAITING = frozenset({"quota-day", "not-open", "quota-failed", "quota-new-teams", "unknown-team"})
"""Faults that resolve with time or by the organiser, without a new file."""

_WRONG_PLACE = "wrong-place"
_CHANGES = "still being written, skipped in this round"
_MOST_FAULTY = 100
_PATIENCE = timedelta(minutes=10)
_LEFT_OVER_S = 86_400


@dataclass(frozen=True)
class CollectReport:
    """The result of one round: outcomes with the path of each file, and notes for the organiser."""

    collected: tuple[tuple[Path, Collected], ...]
    notes: tuple[str, ...]


class Seen:
    """Files that a watching collector skips, and until which time."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, ...], tuple[tuple[int, int, int], datetime | None]] = {}

    def has(self, candidate: Candidate) -> bool:
        """Whether this state of the file is settled, or waits for a later round."""
        mark, until = self._done.get((*candidate.key, candidate.belongs), (None, None))
        return mark == candidate.mark and (until is None or clock.now() < until)

    def add(self, candidate: Candidate, status: Status) -> None:
        """Remember the status."""
        until = clock.now() + _PATIENCE if status == "waiting" else None
        self._done[(*candidate.key, candidate.belongs)] = (candidate.mark, until)


def collect(
    ledger: Ledger,
    *,
    settle_s: float = SETTLE_S,
    progress: Callable[[str], None] | None = None,
    seen: Seen | None = None,
) -> CollectReport:
    """Check and score the files of the inbox, write a receipt beside each.

    Files that still change are left for the next round, faults of a file go into its receipt. So
    are files of names without a submission, after 100 faulty ones of such names. Raises
    LedgerError when the ledger itself cannot go on.
    """
    seen = seen or Seen()
    inbox = ledger.challenge.inbox
    tasks = set(ledger.challenge.task_ids())
    notes: list[str] = []
    _remove_left_overs(_staging(ledger))
    this_round = _Round(ledger)
    found = []
    waiting: Counter[tuple[str, str]] = Counter()
    for candidate in candidates_in(inbox, tasks, notes):
        if seen.has(candidate):
            continue
        status = _written_status(this_round, candidate)
        if status is None:
            found.append(candidate)
            continue
        seen.add(candidate, status)
        if status == "waiting":
            waiting[candidate.team, candidate.task] += 1
    notes.extend(
        f"{inbox / team / task}: {counted(n, 'file')} still waiting, as the receipts say"
        for (team, task), n in waiting.items()
    )
    if found and settle_s > 0:
        time.sleep(settle_s)
    outcomes: list[tuple[Path, Collected]] = []
    n_left = 0
    for candidate in _in_turn(found, this_round):
        path = candidate.path(inbox)
        if this_round.leaves(candidate):
            n_left += 1
            continue
        try:
            outcome = _collect_file(this_round, candidate)
        except ChallengeError as error:
            # The file is not at fault: add a note for the organiser, and keep the file for later.
            if isinstance(error, LedgerError) and error.faults[0].code != "rescore-first":
                raise
            notes.append(f"{path}: skipped for now. {error}")
            continue
        except OSError as error:
            notes.append(f"{path}: skipped for now. The disk reports: {error.strerror}")
            continue
        if isinstance(outcome, str):
            notes.append(f"{path}: {outcome}")
            continue
        seen.add(candidate, outcome.status)
        if outcome.known:
            continue
        outcomes.append((path, outcome))
        if progress:
            progress(f"{'/'.join(candidate.key)}: {outcome.message}")
    if n_left:
        notes.append(
            f"{inbox}: {counted(n_left, 'file')} left for the next round, after {_MOST_FAULTY} "
            "faulty ones of teams without a submission"
        )
    return CollectReport(tuple(outcomes), tuple(notes))


def watch(
    ledger: Ledger,
    *,
    every_s: float = 10.0,
    settle_s: float = SETTLE_S,
    progress: Callable[[str], None] | None = None,
    report: Callable[[CollectReport], None] | None = None,
) -> None:
    """Collect in rounds until interrupted; challenge.toml is read again before each.

    While it cannot be read, the previous settings stay in force.
    """
    from challenge.task.settings import read_settings

    seen = Seen()
    while True:
        try:
            ledger.settings = read_settings(ledger.challenge.root)
        except ChallengeError as error:
            # It may be in the middle of an edit: keep the previous settings, and add a note.
            notes: tuple[str, ...] = (f"challenge.toml could not be read again: {error}",)
        else:
            notes = ()
        round_report = collect(ledger, settle_s=settle_s, progress=progress, seen=seen)
        round_report = replace(round_report, notes=(*notes, *round_report.notes))
        if report:
            report(round_report)
        time.sleep(every_s)


class _Round:
    """The facts that one round asks the ledger once for each team and task."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.largest = ledger.settings.limits.file_mb << 20
        self.n_faulty = 0
        with ledger.store.reading() as connection:
            self._teams = names_of_teams(connection)
        self._teams.update(fold(name) for name in ledger.settings.roster())
        self._entries: dict[tuple[str, str], SubmissionError | None] = {}
        self._files: dict[tuple[str, str], set[str]] = {}
        self._outcomes: dict[tuple[str, str, str], Collected] = {}

    def knows(self, candidate: Candidate) -> bool:
        """Whether the team is in the roster or had a submission when the round began."""
        return fold(candidate.team) in self._teams

    def leaves(self, candidate: Candidate) -> bool:
        """Whether the file waits for a later round: anyone can invent names."""
        return self.n_faulty >= _MOST_FAULTY and not candidate.belongs and not self.knows(candidate)

    def entry_error(self, candidate: Candidate) -> SubmissionError | None:
        """Return the error that any file of this team gets for this task now, if there is one."""
        key = candidate.team, candidate.task
        if key not in self._entries:
            try:
                check_entry(self.ledger, candidate.task, candidate.team)
            except SubmissionError as error:
                self._entries[key] = error
            else:
                self._entries[key] = None
        return self._entries[key]

    def earlier(self, candidate: Candidate, sha256: str) -> Collected | None:
        """Return the outcome of an earlier collection of these bytes, None when there was none."""
        key = candidate.team, candidate.task
        if key not in self._files:
            self._files[key] = earlier_files(self.ledger, *key)
        found = self._outcomes.get((*key, sha256))
        if found is None and sha256 in self._files[key]:
            found = earlier_outcome(self.ledger, *key, sha256, _method_of(candidate.name))
            # A file of another name has an outcome of its own after a withdrawal.
            if found is not None and not found.withdrawn:
                self._outcomes[(*key, sha256)] = found
        return found

    def add(self, candidate: Candidate, outcome: Collected) -> None:
        """Note the outcome of a file that was read: it may have used up a quota."""
        key = candidate.team, candidate.task
        self._entries.pop(key, None)
        if outcome.status == "waiting":
            return
        self._outcomes[(*key, outcome.sha256)] = outcome
        if outcome.status == "refused" and not self.knows(candidate):
            self.n_faulty += 1


def _in_turn(candidates: Iterable[Candidate], this_round: _Round) -> list[Candidate]:
    """Return the first file of each team, then the second of each, and so on; known teams first."""
    turns: Counter[str] = Counter()
    ordered = []
    for candidate in candidates:
        turns[candidate.team] += 1
        ordered.append((turns[candidate.team], not this_round.knows(candidate), candidate))
    return [candidate for *_, candidate in sorted(ordered, key=lambda one: one[:2])]


def _unread_outcome(this_round: _Round, candidate: Candidate) -> Collected | None:
    """Return the outcome that size, quota, dates and roster decide without reading the file."""
    size = candidate.mark[0]
    if size > this_round.largest:
        from challenge.scoring.reading.intake import too_large

        return refused("", too_large(candidate.name, size, this_round.largest), waits=False)
    error = this_round.entry_error(candidate)
    if error is None:
        return None
    if any(fault.code == "team-spelling" for fault in error.faults):
        return refused("", error, waits=False)
    return refused("", error, waits=True) if _waits(error) else None


def _waits(error: SubmissionError) -> bool:
    return all(fault.code in _WAITING for fault in error.faults)


def _collect_file(this_round: _Round, candidate: Candidate) -> Collected | str:
    """Return the outcome, after its receipt is written, or the reason why there is none yet."""
    ledger, largest = this_round.ledger, this_round.largest
    with open_folder(ledger.challenge.inbox, candidate) as folder:
        if folder is None:
            return "moved while it was read"
        if candidate.belongs:
            return _with_receipts(folder, candidate, _misplaced(candidate))
        written = _written_outcome(folder, candidate, largest)
        if written is not None:
            return written
        outcome = _unread_outcome(this_round, candidate)
        if outcome is not None:
            return _with_receipts(folder, candidate, outcome)
        error = this_round.entry_error(candidate)
        if error is not None:
            # Any new file is refused. Files that were collected before get their receipt again.
            with open_file(folder, candidate) as reader:
                if reader is None:
                    return _CHANGES
                sha256 = sha256_of(reader, largest)
            outcome = this_round.earlier(candidate, sha256) or refused(sha256, error, waits=False)
            return _with_receipts(folder, candidate, outcome)
        with private_copy(_staging(ledger), folder, candidate, largest) as copy:
            if copy is None:
                return _CHANGES
            path, sha256 = copy
            outcome = this_round.earlier(candidate, sha256)
            if outcome is None:
                note = _note_of(read_beside(folder, candidate.name + NOTE))
                outcome = _submit(ledger, candidate, path, sha256, note)
                this_round.add(candidate, outcome)
            return _with_receipts(folder, candidate, outcome)


def _misplaced(candidate: Candidate) -> Collected:
    """Return the outcome of a file that is in no team's folder of a task: where it belongs."""
    fault = Fault(
        "inbox/" + "/".join(candidate.key),
        "a file that is not in a folder inbox/<team>/<task>/ of a task of this challenge",
        candidate.belongs,
        f"move it to {candidate.belongs}",
        code=_WRONG_PLACE,
    )
    return refused("", SubmissionError(fault), waits=False)


def _with_receipts(folder: int, candidate: Candidate, outcome: Collected) -> Collected:
    outcome = outcome.named(candidate.name, candidate.mark)
    for ending, text in zip(RECEIPTS, (outcome.json_text(), outcome.text()), strict=True):
        write_beside(folder, candidate.name + ending, text)
    return outcome


def _submit(ledger: Ledger, candidate: Candidate, path: Path, sha256: str, note: str) -> Collected:
    task, method = ledger.challenge.task(candidate.task), _method_of(candidate.name)
    try:
        receipt = submit(ledger, task, path, team=candidate.team, method=method, note=note)
    except SubmissionError as error:
        return refused(sha256, error, waits=_waits(error))
    outcome = accepted(receipt, sha256)
    if receipt.identical_to is not None:
        # Another collector stored this file first; both write the same receipt.
        known = earlier_outcome(ledger, candidate.team, candidate.task, sha256, method)
        outcome = known or outcome
    return outcome


def _written_status(this_round: _Round, candidate: Candidate) -> Status | None:
    """Return the status in the receipt of a file that is as it was and needs no new receipt."""
    try:
        with open_folder(this_round.ledger.challenge.inbox, candidate) as folder:
            document = None if folder is None else _receipt_beside(folder, candidate)
    except OSError:
        return None
    if document is None or document.get("mark") != list(candidate.mark):
        return None
    if document["status"] != "waiting":
        status: Status = document["status"]
        return status
    outcome = None if candidate.belongs else _unread_outcome(this_round, candidate)
    if outcome is None or document.get("faults") != list(outcome.faults):
        return None
    return outcome.status


def _receipt_beside(folder: int, candidate: Candidate) -> dict[str, Any] | None:
    """Return the receipt beside the file, None when it is missing, incomplete or for elsewhere."""
    texts = [read_beside(folder, candidate.name + ending) for ending in RECEIPTS]
    if not all(texts):
        return None
    try:
        document = json.loads(texts[0] or b"")
    except (ValueError, RecursionError):
        # A team can write anything here, such as endless nesting.
        return None
    if not isinstance(document, dict) or document.get("status") not in get_args(Status):
        return None
    if _WRONG_PLACE in str(document.get("faults")) and not candidate.belongs:
        # The organiser added the task meanwhile.
        return None
    return document


def _written_outcome(folder: int, candidate: Candidate, largest: int) -> Collected | None:
    """Return the final outcome in the receipt beside the file, None when there is none.

    Only the bytes count: a copy of the file and its receipt has another state.
    """
    document = _receipt_beside(folder, candidate)
    if document is None or document["status"] == "waiting" or candidate.mark[0] > largest:
        return None
    with open_file(folder, candidate) as reader:
        if reader is None or sha256_of(reader, largest) != document.get("sha256"):
            return None
    return Collected(
        document["status"],
        str(document.get("sha256")),
        "collected before",
        file=candidate.name,
        known=True,
    )


def _method_of(name: str) -> str:
    """Return the file's name without its endings: `xgb-v2.csv.gz` is the method `xgb-v2`."""
    for ending in (".gz", ".zst", ".csv", ".parquet"):
        name = name.removesuffix(ending)
    return name or "unnamed"


def _note_of(text: bytes | None) -> str:
    """Return the note without invalid characters: a bad note must not refuse a good file."""
    decoded = (text or b"").decode("utf-8", "replace")
    shown = "".join(char if char.isprintable() else " " for char in decoded)
    return " ".join(shown.split())[:NOTE_LENGTH].rstrip()


def _staging(ledger: Ledger) -> Path:
    return ledger.challenge.submissions / "staging"


def _remove_left_overs(staging: Path) -> None:
    """Remove copies of killed collectors after a day."""
    for home in staging.glob("*") if staging.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - home.stat().st_mtime > _LEFT_OVER_S:
                shutil.rmtree(home, ignore_errors=True)
