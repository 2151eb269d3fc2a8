"""Received files, from their arrival to their outcome: in a folder, or in the bucket.

With a bucket any host may score a file that another one received, so the file goes there before
its arrival has a row, and the host that scores it fetches it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from challenge.errors import Fault, LedgerError
from challenge.ledger.ledger import Ledger
from challenge.ledger.network.arrivals import Arrival
from challenge.task import Challenge, sha256_of_file

__all__ = ["fetch", "forget", "share", "spool_of"]


def spool_of(challenge: Challenge) -> Path:
    """Return the folder in which received files wait; one folder for each file."""
    return challenge.submissions / "spool"


def share(ledger: Ledger, file: str) -> None:
    """Put a received file where the hosts that score find it."""
    if ledger.bucket is not None:
        path = spool_of(ledger.challenge) / file
        ledger.bucket.put(path, _name(file))
        shutil.rmtree(path.parent, ignore_errors=True)


def fetch(ledger: Ledger, arrival: Arrival) -> Path:
    """Return the path of a received file; raise LedgerError when it is missing or damaged."""
    path = spool_of(ledger.challenge) / arrival.file
    if ledger.bucket is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o770)
        copy = path.with_name(f".{os.getpid()}-{path.name}")
        if ledger.bucket.get(_name(arrival.file), copy):
            copy.replace(path)
    if not path.is_file() or sha256_of_file(path) != arrival.file_sha256:
        where = str(path) if ledger.bucket is None else ledger.bucket.where(_name(arrival.file))
        raise LedgerError(
            Fault(
                where,
                "a received file is missing or has other content",
                "the file as it arrived",
                "check the disk; the team can send it again, no quota was used",
                code="received-file",
            )
        )
    return path


def forget(ledger: Ledger, file: str) -> None:
    """Remove a file that has its outcome, or was not put into the line."""
    shutil.rmtree((spool_of(ledger.challenge) / file).parent, ignore_errors=True)
    if ledger.bucket is not None:
        ledger.bucket.remove(_name(file))


def _name(file: str) -> str:
    return f"spool/{file}"
