"""The answer of a cell as bytes: JSON, a line feed, the predictions.

Workers send answers in this form, and it is kept on disk. It is not trusted: a strict model parses
it, and the predictions must have the digest in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from challenge.errors import Fault
from challenge.methods.run.exchange import (
    FaultEntry,
    Note,
    Plain,
    Seconds,
    StrictAnswer,
    Text,
    invalid_answer,
    parse_answer,
)
from challenge.methods.run.sandbox import Isolation

__all__ = ["Answer", "CellRecord", "pack_answer", "unpack_answer"]

_FORMAT = 3
_MOST_HEAD_BYTES = 4 << 20


class CellRecord(StrictAnswer):
    """A finished cell, without its predictions: what it cost and what the method reported."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    title: Text
    method: Text
    seconds: Seconds
    cpu_s: Seconds
    peak_mb: Annotated[int, Field(ge=0, le=1 << 40)]
    isolation: Isolation
    details: Plain
    note: Note


class _Head(StrictAnswer):
    format: int
    record: CellRecord | None
    faults: Annotated[list[FaultEntry], Field(max_length=100)]
    lack: bool


@dataclass(frozen=True)
class Answer:
    """Record and bytes of the file, or faults; `missing_requirement`: faults of the machine."""

    record: CellRecord | None = None
    predictions: bytes = field(default=b"", repr=False)
    faults: tuple[Fault, ...] = ()
    missing_requirement: bool = False


def pack_answer(answer: Answer) -> bytes:
    """Return the answer as bytes."""
    head: Mapping[str, Any] = {
        "format": _FORMAT,
        "record": answer.record and answer.record.model_dump(),
        "faults": [fault.as_json() for fault in answer.faults],
        "lack": answer.missing_requirement,
    }
    line = json.dumps(head, sort_keys=True, allow_nan=False)
    return line.encode() + b"\n" + answer.predictions


def unpack_answer(data: bytes, where: str) -> Answer:
    """Parse an answer; raise ChallengeError (`answer-invalid`) otherwise."""
    end = data.find(b"\n", 0, _MOST_HEAD_BYTES)
    if end < 0:
        raise invalid_answer(where, "no record")
    head, predictions = parse_answer(data[:end], _Head, where), data[end + 1 :]
    if head.format != _FORMAT:
        raise invalid_answer(where, f"format {head.format}")
    if (head.record is None) != bool(head.faults):
        raise invalid_answer(where, "neither a record nor faults, or both")
    if head.record and head.record.sha256 != hashlib.sha256(predictions).hexdigest():
        raise invalid_answer(where, "predictions with another digest")
    faults = tuple(entry.as_fault() for entry in head.faults)
    return Answer(head.record, predictions, faults, head.lack)
