"""Keyed ids that reveal nothing about a row, and keyed random draws for the split.

HMAC-SHA256(secret, raw key) gives 32 bytes. The first 8 are the id. The others are independent
of it and decide side, subset and fold: neither ids nor their order reveal the split.
The same secret and key give the same draw on every machine and library version.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from challenge.task.digests import text_bytes
from challenge.task.files import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["SECRET_BYTES", "KeyedDraws", "id_strings", "keyed_digest", "keyed_draws", "read_secret"]

SECRET_BYTES = 32
_BLOCK = 64
_ID_LENGTH = 17


@dataclass(frozen=True)
class KeyedDraws:
    """Per row: `number` (the id as an unsigned integer) and two independent random integers.

    `split` decides the side, `place` the subset of a test row or the fold of a train row.
    """

    number: NDArray[np.uint64]
    split: NDArray[np.uint64]
    place: NDArray[np.uint64]


def read_secret(private: Path, seed: int | None, task_id: str) -> bytes:
    """Return the task's secret: derived from a seed if given, else the stored one, else a new one.

    A new secret is stored before its first use, mode 0600 in a folder of mode 0700.
    """
    path = private / "secret"
    if seed is not None:
        secret = hashlib.sha256(f"{task_id} {seed}".encode()).digest()
    elif path.is_file() and path.stat().st_size == SECRET_BYTES:
        return path.read_bytes()
    else:
        secret = secrets.token_bytes(SECRET_BYTES)
    private.mkdir(parents=True, exist_ok=True)
    private.chmod(0o700)
    if not path.is_file() or path.read_bytes() != secret:
        write_atomically(path, secret, mode=0o600)
    return secret


def keyed_digest(secret: bytes, purpose: str, message: bytes) -> bytes:
    """Return HMAC-SHA256 of a message under the secret, 32 bytes, different for each purpose."""
    return hmac.digest(secret, purpose.encode() + b"\0" + message, "sha256")


def keyed_draws(secret: bytes, purpose: str, keys: Sequence[str] | pa.Array) -> KeyedDraws:
    """Return the draws of the raw keys; equal keys have equal draws.

    An Arrow array must hold strings without nulls.
    """
    inner, outer = _primed(secret)
    inner.update(purpose.encode() + b"\0")
    digests: list[bytes] = []
    # Copying the initial hash states is three times as fast as hmac.digest.
    copy_inner, copy_outer, keep = inner.copy, outer.copy, digests.append
    for key in _as_bytes(keys):
        first = copy_inner()
        first.update(key)
        second = copy_outer()
        second.update(first.digest())
        keep(second.digest())
    integers = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 4).astype(np.uint64)
    return KeyedDraws(*(np.ascontiguousarray(integers[:, column]) for column in range(3)))


def _as_bytes(keys: Sequence[str] | pa.Array) -> list[bytes]:
    import pyarrow as pa

    if not isinstance(keys, pa.Array):
        return [key.encode() for key in keys]
    import pyarrow.compute as pc

    # One call splits keys without a newline; slicing each costs twice as much.
    whole = pa.ListArray.from_arrays(pa.array([0, len(keys)], pa.int32()), keys)
    parts = bytes(text_bytes(pc.binary_join(whole, "\n"))[1]).split(b"\n")
    if len(parts) == len(keys):
        return parts
    lengths, values = text_bytes(keys)
    data = bytes(values)
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _primed(secret: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
    key = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
    return inner, outer


def id_strings(numbers: NDArray[np.uint64], character: Literal["r", "p", "t"]) -> pa.Array:
    """Return `character` and 16 hex digits for each number; byte order equals numeric order.

    >>> id_strings(np.array([10, 255], dtype=np.uint64), "r").to_pylist()
    ['r000000000000000a', 'r00000000000000ff']
    """
    import pyarrow as pa

    count = len(numbers)
    characters = np.empty((count, _ID_LENGTH), dtype=np.uint8)
    characters[:, 0] = ord(character)
    pairs = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
    big_endian = numbers.astype(">u8").view(np.uint8).reshape(count, 8)
    characters[:, 1:] = pairs[big_endian].view(np.uint8).reshape(count, 16)
    offsets = np.arange(count + 1, dtype=np.int32) * _ID_LENGTH
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(characters)]
    )
