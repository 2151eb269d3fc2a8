"""Arrays kept in a file, used only when their hash matches.

The seal is a SHA-256 over what the arrays were made from and over every byte of them; a quick one
is over sums of them. A file that they were made from need not be hashed again while the file
system says that nobody touched it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.errors import MissingRequirement, machine_fault
from challenge.task import atomic_file, sha256_of_file

__all__ = ["SourceStamp", "load_arrays", "store_arrays"]

_SEAL_BYTES = 32
_ALIGN = 64
_LANES = 512
_QUIET_NS = 3_000_000_000
"""The clocks of file systems tick: a change this soon after another may not show."""


@dataclass(frozen=True)
class SourceStamp:
    """The file that arrays were made from: its SHA-256, and its stamp if that is to be relied on.

    The stamp changes with any write to the file. Its time of change (ctime), unlike the time of
    modification, cannot be set by hand; a file changed just before it was hashed has none.
    """

    sha256: str
    stamp: tuple[int, ...] | None

    @classmethod
    def of(cls, path: Path) -> SourceStamp:
        """Hash the file."""
        now, stamp = time.time_ns(), _stamp(path)
        quiet = max(stamp[3:]) < now - _QUIET_NS
        return cls(sha256_of_file(path), stamp if quiet else None)

    def is_stamp_of(self, path: Path) -> bool:
        """Whether the file is known to be the one that was hashed."""
        return self.stamp is not None and self.stamp == _stamp(path)


def _seal(body: NDArray[np.uint8], *, quick: bool) -> bytes:
    """Return the SHA-256 of the bytes, or quickly of sums by row and by lane.

    The sums are cheap, and any one damaged byte shows.
    """
    if not quick:
        return hashlib.sha256(body.data).digest()
    whole = len(body) // (8 * _LANES) * 8 * _LANES
    lanes = np.frombuffer(body[:whole].data, np.uint64).reshape(-1, _LANES)
    digest = hashlib.sha256(np.add.reduce(lanes, axis=0).data)
    digest.update(np.add.reduce(lanes, axis=1).data)
    digest.update(body[whole:].data)
    return digest.digest()


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def load_arrays(
    path: Path, identity: Mapping[str, object], *, quick: bool = False
) -> tuple[dict[str, NDArray[Any]], SourceStamp | None] | None:
    """Return the arrays stored under `identity` and what they were made from.

    None when the file is missing, stale or damaged.
    The arrays are views of one buffer: copy what you change.
    """
    try:
        with path.open("rb") as file:
            whole = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
            if file.readinto(whole.data) != len(whole):
                return None
    except OSError:
        return None
    if _seal(whole[_SEAL_BYTES:], quick=quick) != whole[:_SEAL_BYTES].tobytes():
        return None
    # From here on these are bytes that store_arrays wrote.
    length = int(whole[_SEAL_BYTES : _SEAL_BYTES + 8].view("<u8")[0])
    at = _SEAL_BYTES + 8
    head = json.loads(whole[at : at + length].tobytes())
    if head["identity"] != dict(identity):
        return None
    at += length
    arrays = {}
    for name, kind, shape in head["arrays"]:
        at += -at % _ALIGN
        size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
        arrays[name] = whole[at : at + size].view(kind).reshape(shape)
        at += size
    made = head["made"]
    if made is None:
        return arrays, None
    return arrays, SourceStamp(made["sha256"], made["stamp"] and tuple(made["stamp"]))


def store_arrays(
    path: Path,
    identity: Mapping[str, object],
    arrays: Mapping[str, NDArray[Any]],
    made: SourceStamp | None = None,
    *,
    quick: bool = False,
    mode: int = 0o600,
) -> None:
    """Write arrays with their seal, by default readable by the owner only."""
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    kinds = [[name, array.dtype.str, list(array.shape)] for name, array in solid.items()]
    document = {"identity": dict(identity), "arrays": kinds, "made": made and vars(made)}
    head = json.dumps(document, sort_keys=True).encode()
    parts: list[Any] = [len(head).to_bytes(8, "little"), head]
    at = _SEAL_BYTES + 8 + len(head)
    for array in solid.values():
        parts += [bytes(-at % _ALIGN), array.reshape(-1).data]
        at += -at % _ALIGN + array.nbytes
    body = b"".join(parts)
    try:
        with atomic_file(path, mode=mode) as file:
            file.write(_seal(np.frombuffer(body, np.uint8), quick=quick))
            file.write(body)
    except OSError as error:
        fault = machine_fault(error, str(path), code="private-unwritable")
        if fault is None:
            raise
        raise MissingRequirement(replace(fault, where=str(path))) from None
