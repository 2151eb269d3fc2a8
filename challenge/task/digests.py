"""Digests of values: the same for the same data on every version of our libraries.

File bytes are never hashed. A column is hashed as the lengths of its values, then their bytes (a
null has length -1); an image as its decoded pixels. The size of blocks does not matter.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "ColumnDigest",
    "TableDigest",
    "data_digest",
    "digest_document",
    "join_digests",
    "salted",
    "text_bytes",
]


class ColumnDigest:
    """The digest of one column, fed block by block."""

    def __init__(self) -> None:
        self._lengths = hashlib.sha256()
        self._values = hashlib.sha256()

    def update(self, array: pa.Array) -> None:
        """Add the values of an array of strings, binaries, integers or doubles."""
        import numpy as np
        import pyarrow as pa

        if len(array) == 0:
            return
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        if pa.types.is_string(array.type) or pa.types.is_binary(array.type):
            lengths, values = text_bytes(array.drop_null() if array.null_count else array)
            placed = np.full(len(array), -1, dtype="<i4")
            placed[valid] = lengths
            self._lengths.update(placed.tobytes())
            self._values.update(values)
            return
        values = array.drop_null().to_numpy(zero_copy_only=False)
        kind = "<f8" if values.dtype.kind == "f" else "<i8"
        self._lengths.update(np.where(valid, 8, -1).astype("<i4").tobytes())
        self._values.update(values.astype(kind).tobytes())

    def digest(self) -> bytes:
        """Return the digest of the values so far, 32 bytes."""
        return hashlib.sha256(self._lengths.digest() + self._values.digest()).digest()


def text_bytes(array: pa.Array) -> tuple[NDArray[np.int32], pa.Buffer | bytes]:
    """Return the lengths of strings or binaries without nulls, and all their bytes."""
    import numpy as np

    offsets_buffer, data = array.buffers()[1:]
    if len(array) == 0 or data is None:
        return np.zeros(len(array), dtype=np.int32), b""
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    return np.diff(offsets), data.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))


class TableDigest:
    """The digest of one table: its name, its number of rows, and each column with its modality.

    `modalities` maps each column to the name of its modality, in column order.
    """

    def __init__(self, name: str, modalities: Mapping[str, str]) -> None:
        self._name = name
        self._modalities = dict(modalities)
        self._columns = {column: ColumnDigest() for column in modalities}
        self._rows = 0

    def update(self, arrays: Mapping[str, pa.Array]) -> None:
        """Add a block: for each column the array to hash (pixel digests for images)."""
        for column, digest in self._columns.items():
            digest.update(arrays[column])
        self._rows += len(next(iter(arrays.values())))

    def digest(self) -> bytes:
        """Return the digest, 32 bytes."""
        parts = [self._name.encode(), str(self._rows).encode()]
        for column, modality in self._modalities.items():
            parts += [column.encode(), modality.encode(), self._columns[column].digest()]
        return join_digests(parts)


def join_digests(parts: Sequence[bytes]) -> bytes:
    """Return the digest of a list of byte strings, each prefixed with its length."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()


def data_digest(kind: str, classes: Sequence[str], tables: Sequence[TableDigest]) -> str:
    """Return the digest of a task's public data, of train and test in this order, 64 hex digits."""
    names = join_digests([name.encode() for name in classes])
    return join_digests([b"1", kind.encode(), names, *(table.digest() for table in tables)]).hex()


def salted(secret: bytes, digest: bytes) -> str:
    """Return a digest keyed with the secret, so that guesses cannot be checked, 64 hex digits."""
    return hmac.digest(secret, b"solution\0" + digest, "sha256").hex()


def digest_document(document: object) -> str:
    """Return the digest of plain JSON values, independent of key order, 64 hex digits."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
