"""What a reader may download of a task: its Croissant card, and its zip where that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from challenge.errors import ChallengeError, MissingRequirement, machine_fault
from challenge.task.export import KeptExport, kept_export

if TYPE_CHECKING:
    from pathlib import Path

    from challenge.ledger.store.snapshot import Snapshot
    from challenge.task import Challenge, Task

__all__ = ["PublicData", "public_data"]


@dataclass(frozen=True)
class PublicData:
    """The Croissant card of a task, and the zip of its public folder."""

    croissant: bytes | None
    archive: KeptExport


def public_data(snapshot: Snapshot, challenge: Challenge) -> Mapping[str, PublicData]:
    """Return what is offered of each task that is built here as the snapshot knows it.

    Nothing without `downloads` or `server`: the site is then the ledger's alone, so that a past
    board has the same bytes again. Raises MissingRequirement when a zip cannot be written.
    """
    settings = snapshot.settings
    found: dict[str, PublicData] = {}
    if not (settings.downloads or settings.server):
        return found
    for task_id in sorted(snapshot.cards.keys() & set(challenge.built_ids())):
        try:
            task = challenge.task(task_id)
        except ChallengeError:
            continue
        card = snapshot.cards[task_id]
        if (task.data_digest, task.card_digest) != (card.data_digest, card.card_digest):
            continue
        croissant = task.public / "croissant.json"
        found[task_id] = PublicData(
            croissant.read_bytes() if settings.downloads and croissant.is_file() else None,
            _kept(task, challenge.exports),
        )
    return found


def _kept(task: Task, folder: Path) -> KeptExport:
    try:
        return kept_export(task, folder)
    except OSError as error:
        fault = machine_fault(error, str(folder), code="site-unwritable")
        if fault is None:
            raise
        raise MissingRequirement(fault) from error
