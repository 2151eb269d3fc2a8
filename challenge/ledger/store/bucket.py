"""A bucket of an S3-compatible store, for files of the ledger that several hosts share.

`CHALLENGE_BUCKET` names it; address and keys of the store are the variables of its client, such
as AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID. By the protocol an object is there whole or not at all.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from challenge.errors import Fault, LedgerError, MissingRequirement

__all__ = ["Bucket", "open_bucket"]

_CONFIG = {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[\w.-]+)*")


class Bucket:
    """The objects below `s3://bucket/folder`; each method raises LedgerError when it fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = url.removeprefix("s3://")
        self._client: tuple[int, Any] | None = None

    def where(self, name: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{name}"

    def put(self, path: Path, name: str) -> None:
        """Store a file under this name, in place of an older object."""
        with self._faults():
            self._open().put_file(str(path), f"{self._root}/{name}")

    def get(self, name: str, path: Path) -> bool:
        """Write an object to a file; False when there is no such object."""
        try:
            with self._faults():
                self._open().get_file(f"{self._root}/{name}", str(path))
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is removed already."""
        with self._faults():
            self._open().rm_file(f"{self._root}/{name}")

    def names(self, folder: str) -> set[str]:
        """Return the names of all objects of a folder, without the folder."""
        with self._faults():
            found = self._open().find(f"{self._root}/{folder}")
        return {str(name).removeprefix(f"{self._root}/{folder}/") for name in found}

    def _open(self) -> Any:
        """Return the client of this process: its thread does not survive a fork."""
        if self._client is None or self._client[0] != os.getpid():
            import fsspec

            client = fsspec.filesystem(
                "s3", skip_instance_cache=True, use_listings_cache=False, config_kwargs=_CONFIG
            )
            self._client = os.getpid(), client
        return self._client[1]

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Raise FileNotFoundError for an object that is not there, LedgerError for the rest."""
        try:
            yield
        except (OSError, asyncio.TimeoutError) as error:
            local = getattr(error, "filename", None) is not None
            full = getattr(error, "errno", None) in _FULL
            if local or full or _code(error) == "NoSuchKey":
                raise
            raise self._lost(error) from error
        except Exception as error:
            # Its client raises classes of botocore and aiohttp, which share no other parent.
            if type(error).__module__.partition(".")[0] not in ("botocore", "aiohttp"):
                raise
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LedgerError:
        return LedgerError(
            Fault(
                self.url,
                f"the bucket does not respond as it should: {error or type(error).__name__}",
                "a bucket that exists, and a key that may read, write, list and delete in it",
                "check CHALLENGE_BUCKET, AWS_ENDPOINT_URL and the key; nothing was stored",
                code="bucket",
            )
        )


def open_bucket(url: str | None) -> Bucket | None:
    """Return the bucket at `s3://…`, None without a URL.

    Raises LedgerError for another URL, MissingRequirement without the extra `s3`.
    """
    if not url:
        return None
    if not _URL.fullmatch(url):
        raise LedgerError(
            Fault(
                "CHALLENGE_BUCKET",
                repr(url),
                "s3://bucket or s3://bucket/folder",
                "correct it, or unset CHALLENGE_BUCKET to keep predictions in submissions/",
                code="bucket-url",
            )
        )
    if importlib.util.find_spec("s3fs") is None:
        raise MissingRequirement(
            Fault(
                "CHALLENGE_BUCKET",
                "s3fs is not installed",
                "the extra `s3`",
                "pip install 'multimodal-challenge[s3]'",
            )
        )
    return Bucket(url)


def _code(error: BaseException) -> str:
    """Return the code that the store gave for an error, where there is one."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
