"""Submissions and their scores: the open ledger, and functions that take it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from challenge.ledger.contest.finals import (
        check_closable,
        check_withdrawable,
        close,
        select,
        withdraw,
    )
    from challenge.ledger.contest.refresh import refresh
    from challenge.ledger.contest.rehearsal import rehearse
    from challenge.ledger.inbox.collector import collect
    from challenge.ledger.ledger import Ledger, open_ledger
    from challenge.ledger.store.backup import backup, restore
    from challenge.ledger.store.integrity import verify
    from challenge.ledger.store.records import Card, PrimaryScores, StoredScore, Submission, Team
    from challenge.ledger.store.snapshot import Snapshot
    from challenge.ledger.store.snapshot_queries import read_snapshot
    from challenge.ledger.submissions.compare import compare, compared, verdict
    from challenge.ledger.submissions.failed_runs import record_failed_run
    from challenge.ledger.submissions.history import history
    from challenge.ledger.submissions.ladder import round_to_step
    from challenge.ledger.submissions.receipts import HistoryRow, Receipt
    from challenge.ledger.submissions.rescore import rescore
    from challenge.ledger.submissions.roster import enter_team, rename_team
    from challenge.ledger.submissions.similar import SimilarPair, similar_pairs
    from challenge.ledger.submissions.submit import check_run, submit

_MODULES = {
    "contest.finals": ("check_closable", "check_withdrawable", "close", "select", "withdraw"),
    "contest.refresh": ("refresh",),
    "contest.rehearsal": ("rehearse",),
    "inbox.collector": ("collect",),
    "ledger": ("Ledger", "open_ledger"),
    "store.backup": ("backup", "restore"),
    "store.integrity": ("verify",),
    "store.records": ("Card", "PrimaryScores", "StoredScore", "Submission", "Team"),
    "store.snapshot": ("Snapshot",),
    "store.snapshot_queries": ("read_snapshot",),
    "submissions.compare": ("compare", "compared", "verdict"),
    "submissions.failed_runs": ("record_failed_run",),
    "submissions.history": ("history",),
    "submissions.ladder": ("round_to_step",),
    "submissions.receipts": ("HistoryRow", "Receipt"),
    "submissions.rescore": ("rescore",),
    "submissions.roster": ("enter_team", "rename_team"),
    "submissions.similar": ("SimilarPair", "similar_pairs"),
    "submissions.submit": ("check_run", "submit"),
}

__all__ = [
    "Card",
    "HistoryRow",
    "Ledger",
    "PrimaryScores",
    "Receipt",
    "SimilarPair",
    "Snapshot",
    "StoredScore",
    "Submission",
    "Team",
    "backup",
    "check_closable",
    "check_run",
    "check_withdrawable",
    "close",
    "collect",
    "compare",
    "compared",
    "enter_team",
    "history",
    "open_ledger",
    "read_snapshot",
    "record_failed_run",
    "refresh",
    "rehearse",
    "rename_team",
    "rescore",
    "restore",
    "round_to_step",
    "select",
    "similar_pairs",
    "submit",
    "verdict",
    "verify",
    "withdraw",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"challenge.ledger.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
