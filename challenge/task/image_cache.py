"""Decoded images of a task, kept between builds by the content of the raw file.

Each entry carries a keyed digest, so one that was changed, or made by others, is not used. The key
lies under `private/`. What a build did not use is deleted at its end.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import blake2b
from pathlib import Path

from challenge.task.files import write_atomically

__all__ = ["ImageCache"]

_MOST_BYTES = 4 << 30
"""Bytes that one build adds at most."""
_DIGEST_BYTES = 32
_KEY_BYTES = 32


class ImageCache:
    """Results by the text that describes how they were made, in `folder`.

    `key_file` is created when it is missing. A folder that cannot be written keeps nothing.
    """

    def __init__(self, folder: Path, key_file: Path) -> None:
        self._folder = folder
        self._key = _read_key(key_file)
        self._used: set[str] = set()
        self._added = 0

    def get(self, made_from: bytes) -> bytes | None:
        """Return the kept result, None when there is none or its digest is wrong."""
        path = self._path(made_from)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                content = file.read()
        except OSError:
            return None
        result = content[_DIGEST_BYTES:]
        if not hmac.compare_digest(content[:_DIGEST_BYTES], self._digest(made_from, result)):
            return None
        self._used.add(path.name)
        return result

    def put(self, made_from: bytes, result: bytes) -> None:
        """Keep a result; replaces an entry that `get` refused."""
        path = self._path(made_from)
        self._added += len(result)
        if self._added > _MOST_BYTES:
            return
        temporary = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                file.write(self._digest(made_from, result) + result)
            temporary.replace(path)
        except OSError:
            return
        self._used.add(path.name)

    def forget_unused(self) -> None:
        """Delete what was neither read nor written since the start."""
        try:
            for path in self._folder.iterdir():
                if path.name not in self._used:
                    path.unlink()
        except OSError:
            return

    def _path(self, made_from: bytes) -> Path:
        name = blake2b(made_from, key=self._key, person=b"name", digest_size=20)
        return self._folder / name.hexdigest()

    def _digest(self, made_from: bytes, result: bytes) -> bytes:
        length = len(made_from).to_bytes(8, "big")
        digest = blake2b(key=self._key, person=b"entry", digest_size=_DIGEST_BYTES)
        digest.update(length + made_from)
        digest.update(result)
        return digest.digest()


def _read_key(path: Path) -> bytes:
    if path.is_file() and path.stat().st_size == _KEY_BYTES:
        return path.read_bytes()
    key = secrets.token_bytes(_KEY_BYTES)
    write_atomically(path, key, mode=0o600)
    return key
