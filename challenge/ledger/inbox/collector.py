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

from challenge.errors import ChallengeError, Fault, LedgerError, SubmissionError
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
from challenge.ledger.inbox.inbox_receipts import Collected, accepted, earlier_outcome, refused
from challenge.ledger.ledger import Ledger
from challenge.ledger.store import clock
from challenge.ledger.submissions.submit import NOTE_LENGTH, check_entry, submit

__all__ = ["SETTLE_S", "CollectReport", "Seen", "collect", "watch"]

SETTLE_S = 2.0
"""Seconds without a change of size and time after which a file is complete."""

_WAITING = frozenset({"quota-day", "not-open", "quota-failed", "quota-new-teams", "unknown-team"})
"""Faults that resolve with time or by the organiser, without a new file."""

_WRONG_PLACE = "wrong-place"
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

    def add(self, candidate: Candidate, outcome: Collected) -> None:
        """Remember the outcome."""
        until = clock.now() + _PATIENCE if outcome.status == "waiting" else None
        self._done[(*candidate.key, candidate.belongs)] = (candidate.mark, until)


def collect(
    ledger: Ledger,
    *,
    settle_s: float = SETTLE_S,
    progress: Callable[[str], None] | None = None,
    seen: Seen | None = None,
) -> CollectReport:
    """Check and score the files of the inbox, write a receipt beside each.

    Files that still change are left for the next round, faults of a file go into its receipt.
    Raises LedgerError when the ledger itself cannot go on.
    """
    seen = seen or Seen()
    inbox = ledger.challenge.inbox
    tasks = set(ledger.challenge.task_ids())
    notes: list[str] = []
    _remove_left_overs(_staging(ledger))
    found = _in_turn(one for one in candidates_in(inbox, tasks, notes) if not seen.has(one))
    if found and settle_s > 0:
        time.sleep(settle_s)
    outcomes: list[tuple[Path, Collected]] = []
    waiting: dict[tuple[str, str], SubmissionError] = {}
    for candidate in found:
        path = candidate.path(inbox)
        try:
            outcome = _collect_file(ledger, candidate, waiting)
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
        seen.add(candidate, outcome)
        if outcome.known:
            continue
        outcomes.append((path, outcome))
        if progress:
            progress(f"{'/'.join(candidate.key)}: {outcome.message}")
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


def _in_turn(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the first file of each team, then the second of each, and so on."""
    turns: Counter[str] = Counter()
    ordered = []
    for candidate in candidates:
        turns[candidate.team] += 1
        ordered.append((turns[candidate.team], candidate))
    return [candidate for _, candidate in sorted(ordered, key=lambda one: one[0])]


def _unread_outcome(
    ledger: Ledger, candidate: Candidate, waiting: dict[tuple[str, str], SubmissionError]
) -> Collected | None:
    """Return the outcome that size, quota, dates and roster decide without reading the file.

    `waiting` maps a team and task to the error that they wait for in this round.
    """
    size, largest = candidate.mark[0], ledger.settings.limits.file_mb << 20
    if size > largest:
        from challenge.scoring.reading.intake import too_large

        return refused("", too_large(candidate.name, size, largest), waits=False)
    key = candidate.team, candidate.task
    if key not in waiting:
        try:
            check_entry(ledger, candidate.task, candidate.team)
        except SubmissionError as error:
            if any(fault.code == "team-spelling" for fault in error.faults):
                return refused("", error, waits=False)
            if not all(fault.code in _WAITING for fault in error.faults):
                return None
            waiting[key] = error
    return refused("", waiting[key], waits=True) if key in waiting else None


def _collect_file(
    ledger: Ledger, candidate: Candidate, waiting: dict[tuple[str, str], SubmissionError]
) -> Collected | str:
    """Return the outcome, after its receipt is written, or the reason why there is none yet."""
    with open_folder(ledger.challenge.inbox, candidate) as folder:
        if folder is None:
            return "moved while it was read"
        largest = ledger.settings.limits.file_mb << 20
        earlier = _written_outcome(folder, candidate, largest)
        if earlier is not None:
            return earlier
        if candidate.belongs:
            return _with_receipts(folder, candidate, _misplaced(candidate))
        unread = _unread_outcome(ledger, candidate, waiting)
        if unread is not None:
            return _with_receipts(folder, candidate, unread)
        with private_copy(_staging(ledger), folder, candidate, largest) as copy:
            if copy is None:
                return "still being written, skipped in this round"
            path, sha256 = copy
            outcome = earlier_outcome(ledger, candidate.team, candidate.task, sha256)
            if outcome is None:
                note = _note_of(read_beside(folder, candidate.name + NOTE))
                outcome = _submit(ledger, candidate, path, sha256, note)
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
    task = ledger.challenge.task(candidate.task)
    try:
        method = _method_of(candidate.name)
        receipt = submit(ledger, task, path, team=candidate.team, method=method, note=note)
    except SubmissionError as error:
        waits = all(fault.code in _WAITING for fault in error.faults)
        return refused(sha256, error, waits=waits)
    outcome = accepted(receipt, sha256)
    if receipt.identical_to is not None:
        # Another collector stored this file first; both write the same receipt.
        outcome = earlier_outcome(ledger, candidate.team, candidate.task, sha256) or outcome
    return outcome


def _written_outcome(folder: int, candidate: Candidate, largest: int) -> Collected | None:
    """Return the outcome in the receipt beside the file, None when there is none."""
    texts = [read_beside(folder, candidate.name + ending) for ending in RECEIPTS]
    if None in texts:
        return None
    try:
        document = json.loads(texts[0] or b"")
    except (ValueError, RecursionError):
        # A team can write anything here, such as endless nesting.
        return None
    if not isinstance(document, dict) or document.get("status") not in ("accepted", "refused"):
        return None
    if _WRONG_PLACE in str(document.get("faults")) and not candidate.belongs:
        # The organiser added the task meanwhile.
        return None
    if document.get("mark") != list(candidate.mark):
        if candidate.mark[0] > largest:
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
