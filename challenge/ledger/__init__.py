"""Who submitted what, and what it scored."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from challenge.ledger.ledger import Ledger, open_ledger
    from challenge.ledger.store.records import Card, PrimaryScores, StoredScore, Submission, Team
    from challenge.ledger.store.snapshot import Snapshot, SnapshotSource
    from challenge.ledger.submissions.ladder import round_to_step
    from challenge.ledger.submissions.receipts import HistoryRow, Receipt

__all__ = [
    "Card",
    "HistoryRow",
    "Ledger",
    "PrimaryScores",
    "Receipt",
    "Snapshot",
    "SnapshotSource",
    "StoredScore",
    "Submission",
    "Team",
    "open_ledger",
    "round_to_step",
]

_PLACES = {
    "submissions.ladder": ("round_to_step",),
    "ledger": ("Ledger", "open_ledger"),
    "submissions.receipts": ("HistoryRow", "Receipt"),
    "store.records": ("Card", "PrimaryScores", "StoredScore", "Submission", "Team"),
    "store.snapshot": ("Snapshot", "SnapshotSource"),
}


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"challenge.ledger.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
