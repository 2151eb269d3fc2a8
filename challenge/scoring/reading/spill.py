"""Columns of numbers for many rows: in memory, or in a temporary file when they are large.

The file has no name, so no other process can change it, and it is removed when the process ends.
It is read with plain calls and not mapped, since mapped pages count as memory of the process.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.reading.intake import temporary_file

__all__ = ["Columns", "MemoryColumns", "SpilledColumns", "empty_array", "make_columns"]

_MOST_BYTES = 96 << 20


class Columns(Protocol):
    """k columns of n numbers of one type."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def put(self, column: int, start: int, values: NDArray[Any]) -> None:
        """Write values into a column from row `start` on."""

    def fill(self, rows: slice, block: NDArray[Any]) -> None:
        """Copy the rows of all columns into a (rows, k) block."""

    def column(self, column: int, rows: slice) -> NDArray[Any]:
        """Return the rows of one column."""


class MemoryColumns:
    """Columns in a (k, n) array."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape: tuple[int, int] = (array.shape[0], array.shape[1])
        self.dtype: np.dtype[Any] = array.dtype

    def put(self, column: int, start: int, values: NDArray[Any]) -> None:
        """Write values into a column from row `start` on."""
        self._array[column, start : start + len(values)] = values

    def fill(self, rows: slice, block: NDArray[Any]) -> None:
        """Copy the rows of all columns into a (rows, k) block."""
        block[...] = self._array[:, rows].T

    def column(self, column: int, rows: slice) -> NDArray[Any]:
        """Return the rows of one column."""
        values: NDArray[Any] = self._array[column, rows]
        return values


class SpilledColumns:
    """Columns in a temporary file, one after the other."""

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._file = temporary_file(shape[0] * shape[1] * dtype.itemsize)
        self._scratch = np.empty((shape[0], 0), dtype)

    def _offset(self, column: int, row: int) -> int:
        return (column * self.shape[1] + row) * self.dtype.itemsize

    def put(self, column: int, start: int, values: NDArray[Any]) -> None:
        """Write values into a column from row `start` on."""
        view = np.ascontiguousarray(values, self.dtype).data.cast("B")
        offset = self._offset(column, start)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[written:], offset + written

    def fill(self, rows: slice, block: NDArray[Any]) -> None:
        """Copy the rows of all columns into a (rows, k) block."""
        n = len(block)
        if self._scratch.shape[1] < n:
            # Rows of 2^m bytes would map to the same lines of the CPU cache.
            self._scratch = np.empty((self.shape[0], n + 16), self.dtype)
        for column, buffer in enumerate(self._scratch):
            self._read(column, rows.start, buffer[:n])
        block[...] = self._scratch[:, :n].T

    def column(self, column: int, rows: slice) -> NDArray[Any]:
        """Return the rows of one column."""
        values: NDArray[Any] = np.empty(rows.stop - rows.start, self.dtype)
        self._read(column, rows.start, values)
        return values

    def _read(self, column: int, row: int, buffer: NDArray[Any]) -> None:
        view = buffer.data.cast("B")
        offset = self._offset(column, row)
        while view:
            got = os.preadv(self._file.fileno(), [view], offset)
            if not got:
                raise EOFError("the temporary file of the probabilities was cut off")
            view, offset = view[got:], offset + got


def make_columns(k: int, n: int, dtype: np.dtype[Any]) -> Columns:
    """Return storage for k columns of n numbers, on disk when it takes more than 96 MB."""
    if k * n * dtype.itemsize <= _MOST_BYTES:
        return MemoryColumns(empty_array((k, n), dtype))
    return SpilledColumns((k, n), dtype)


def empty_array(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array in memory of Arrow, which is faster to allocate when it is large."""
    import pyarrow as pa

    size = shape[0] * shape[1] * dtype.itemsize
    return np.frombuffer(pa.allocate_buffer(size), dtype).reshape(shape)
