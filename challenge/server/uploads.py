"""Receiving a predictions file: streamed to the disk under caps, then put into the line."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from challenge.errors import Fault
from challenge.ledger.network.actions import Origin
from challenge.ledger.network.arrivals import add_arrival, check_line
from challenge.ledger.network.tokens import Token
from challenge.scoring.reading.check import most_bytes
from challenge.scoring.reading.intake import SUFFIXES, too_large
from challenge.server.problems import Refusal, own_fault, refusal_of
from challenge.server.service import Service
from challenge.server.sign_in import take_call
from challenge.server.spool import forget, share
from challenge.task import Task

__all__ = [
    "Received",
    "check_pace",
    "file_name_of",
    "hand_in",
    "in_time",
    "most_bytes_of",
    "receive",
    "safe_name",
    "upload_of",
]

Part = TypeVar("Part")

_LOG = logging.getLogger("challenge.server")
_SILENCE_S, _SLOW_START_S = 30.0, 60.0
_SLOWEST_BYTES = 10_000
"""Bytes a second below which an upload is ended, after the first minute."""

_NAMES = {
    "text/csv": "predictions.csv",
    "application/octet-stream": "predictions.csv",
    "application/x-www-form-urlencoded": "predictions.csv",
    "application/gzip": "predictions.csv.gz",
    "application/zstd": "predictions.csv.zst",
    "application/vnd.apache.parquet": "predictions.parquet",
}
"""Names by media type. The format is found from the content; `curl` sends the third one."""


@dataclass(frozen=True)
class Received:
    """A whole file in the spool folder, and the SHA-256 of its bytes."""

    folder: Path
    name: str
    sha256: str

    @property
    def file(self) -> str:
        """Its path below the spool folder."""
        return f"{self.folder.name}/{self.name}"

    def remove(self) -> None:
        """Remove the file."""
        shutil.rmtree(self.folder, ignore_errors=True)


def file_name_of(media_type: str) -> str:
    """Return the name under which a file of this media type is checked; raise Refusal 415."""
    plain = media_type.partition(";")[0].strip().lower() or "application/octet-stream"
    if plain not in _NAMES:
        fault = Fault(
            "Content-Type",
            repr(plain[:100]),
            f"one of {', '.join(_NAMES)}",
            "send the header of the file's format, such as `Content-Type: text/csv`",
            code="content-type",
        )
        raise Refusal.of(415, fault)
    return _NAMES[plain]


def safe_name(name: str) -> str:
    """Return the name of an uploaded file without folders and odd characters.

    >>> safe_name("../a b/my preds.csv.gz"), safe_name("x.exe"), safe_name("")
    ('my_preds.csv.gz', 'x.exe.csv', 'predictions.csv')
    """
    last = re.sub(r"[^A-Za-z0-9._-]", "_", name.replace("\\", "/").rpartition("/")[2])[-80:]
    last = last.lstrip(".") or "predictions"
    return last if last.lower().endswith(SUFFIXES) else f"{last}.csv"


def most_bytes_of(service: Service, task: Task) -> int:
    """Return how many bytes a file for the task may have."""
    return min(service.settings.limits.file_mb << 20, most_bytes(task, "test"))


@contextmanager
def upload_of(service: Service, team: int) -> Iterator[None]:
    """Count an upload of a team while its body comes in.

    Raises Refusal when the team sends too often, or there is no room for a further body.
    """
    take_call(service.uploads, f"team {team}", "uploads of the team")
    if not service.has_room():
        _LOG.error("an upload was refused: the disk is nearly full")
        raise own_fault()
    check_line(service.receiving, team)
    service.receiving[team] += 1
    try:
        yield
    finally:
        service.receiving[team] -= 1


async def receive(
    service: Service,
    blocks: AsyncIterator[bytes],
    *,
    name: str,
    most: int,
    length: str | None = None,
    digest: str | None = None,
) -> Received:
    """Write a body to the disk and sync it; raise Refusal when it is too large, slow or damaged.

    `length` and `digest` are the headers Content-Length and Content-Digest.
    """
    if length is not None and length.isdigit() and int(length) > most:
        raise refusal_of(too_large(name, int(length), most))
    expected = _sha256_of(digest)
    folder = service.spool / secrets.token_hex(16)
    try:
        # The scoring process may be of another user, in the same group.
        folder.mkdir(parents=True, mode=0o770)
        sha256 = await _write(blocks, folder / name, most)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        _LOG.error("an upload could not be stored: %s", error)
        raise own_fault() from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    received = Received(folder, name, sha256.hex())
    if expected is not None and sha256 != expected:
        received.remove()
        fault = Fault(
            "Content-Digest",
            f"a body with the SHA-256 {sha256.hex()}",
            f"the SHA-256 {expected.hex()}",
            "send the file again: it was changed on its way",
            code="content-digest",
        )
        raise Refusal.of(422, fault)
    return received


async def _write(blocks: AsyncIterator[bytes], path: Path, most: int) -> bytes:
    sha256, size = hashlib.sha256(), 0
    started = time.monotonic()
    with path.open("wb") as file:
        while True:
            try:
                block = await in_time(anext(blocks))
            except StopAsyncIteration:
                break
            size += len(block)
            if size > most:
                raise refusal_of(too_large(path.name, size, most))
            check_pace(size, started)
            sha256.update(block)
            file.write(block)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return sha256.digest()


async def in_time(part: Awaitable[Part]) -> Part:
    """Return the next part of a body; raise Refusal 408 when it does not come."""
    try:
        return await asyncio.wait_for(part, _SILENCE_S)
    except asyncio.TimeoutError:
        raise _too_slow() from None


def check_pace(size: int, started: float) -> None:
    """Raise Refusal 408 for a body that came in too slowly since `started`."""
    if size < _SLOWEST_BYTES * (time.monotonic() - started - _SLOW_START_S):
        raise _too_slow()


def _too_slow() -> Refusal:
    fault = Fault(
        "body",
        f"nothing for {_SILENCE_S:.0f} s, or less than {_SLOWEST_BYTES:,} bytes a second",
        "a whole file",
        "send it again over a better connection",
        code="too-slow",
    )
    return Refusal.of(408, fault, Connection="close")


def _sha256_of(header: str | None) -> bytes | None:
    """Return the SHA-256 of a header Content-Digest; raise Refusal 422 for one without it."""
    if header is None:
        return None
    found = re.findall(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):\s*(?=,|$)", header)
    if len(found) == 1:
        with suppress(ValueError):
            return base64.b64decode(found[0], validate=True)
    fault = Fault(
        "Content-Digest",
        repr(header[:100]),
        "sha-256=:BASE64: once; it is the one that is verified",
        "correct it or leave it out",
        code="content-digest",
    )
    raise Refusal.of(422, fault)


async def hand_in(
    service: Service,
    task: Task,
    received: Received,
    *,
    token: Token,
    method: str,
    note: str,
    origin: Origin,
    wait: float,
) -> tuple[int, Mapping[str, Any] | None]:
    """Put a whole file into the line and wait for its outcome so many seconds.

    Returns the number of the arrival, and the outcome, None when there is none yet.
    """
    assert token.team is not None
    team = token.team

    def store() -> int:
        ledger, known = service.ledger(), True
        try:
            share(ledger, received.file)
            arrival, known = add_arrival(
                ledger,
                team=team,
                task=task.id,
                method=method,
                note=note,
                file=received.file,
                file_sha256=received.sha256,
                data=task.data_digest,
                origin=origin,
            )
        finally:
            # Also when the line is full.
            if known:
                forget(ledger, received.file)
        return arrival

    arrival = await asyncio.to_thread(store)
    service.announce()
    return arrival, await service.outcome(arrival, team, wait)
