"""A table on disk as the readers hand it on, and the faults that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ROWS", "RawFile", "damaged", "headless"]

ROWS = 16_384
"""Rows of a batch."""


@dataclass(frozen=True)
class RawFile:
    """A table on disk: its column names, its batches, and how its bytes were understood.

    `stated` are the keys of `[raw]` that give the same reading again, where it is not the default;
    `notes` are sentences on what was found.
    """

    path: Path
    names: tuple[str, ...]
    batches: Callable[[], Iterator[pa.RecordBatch]]
    stated: Mapping[str, str | int | bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def damaged(path: Path, error: Exception | str, fix: str) -> TaskError:
    """Return the error of a file that cannot be read as a table."""
    return TaskError(
        Fault(
            path.name, f"unreadable: {str(error)[:300]}", "an intact table", fix, "raw-unreadable"
        )
    )


def headless(path: Path, found: str) -> TaskError:
    """Return the error of a table without a name for each column."""
    return TaskError(
        Fault(path.name, found, "a header line with a name for each column",
              "name every column (pandas: to_csv(index=False)), or write `skip` or `header` "
              "under [raw]", "raw-header")
    )  # fmt: skip
