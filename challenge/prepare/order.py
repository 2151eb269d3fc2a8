"""Rows in the order of their ids, within little memory: buckets by id, spilled to the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from challenge.prepare.ids import id_strings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HELD_BYTES", "ROW", "SortedRows"]

ROW = "row number"
"""Column with the position of a row among the rows that were added."""

_NUMBER = "id number"
_BUCKETS = 64
HELD_BYTES = 128 << 20


class SortedRows:
    """Takes tables in any order of ids and gives their rows back sorted, with their ids.

    `letter` is the first of each id. Ids are drawn as numbers and written out only at the end:
    moving strings costs more than making them.
    Up to `held_bytes` stay in memory; more goes to Arrow files, one a bucket of ids, so that only
    one bucket has to be sorted at a time.
    """

    def __init__(
        self, folder: Path, letter: Literal["r", "p"], held_bytes: int = HELD_BYTES
    ) -> None:
        self._folder = folder
        self._letter = letter
        self._limit = held_bytes
        self._held: list[pa.Table] = []
        self._bytes = 0
        self._rows = 0
        self._writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}

    def add(self, table: pa.Table, numbers: np.ndarray) -> None:
        """Take in rows, with the number of the id of each."""
        import pyarrow as pa

        rows = pa.array(np.arange(self._rows, self._rows + table.num_rows, dtype=np.int64))
        table = table.append_column(_NUMBER, pa.array(numbers)).append_column(ROW, rows)
        self._rows += table.num_rows
        self._held.append(table)
        self._bytes += table.nbytes
        if self._bytes > self._limit:
            self._spill()

    def _spill(self) -> None:
        import pyarrow as pa

        whole = pa.concat_tables(self._held).combine_chunks()
        self._held, self._bytes = [], 0
        shift = np.uint64(64 - _BUCKETS.bit_length() + 1)
        # Bytes are sorted by counting them, ten times as fast as words.
        buckets = (whole[_NUMBER].to_numpy() >> shift).astype(np.uint8)
        order = np.argsort(buckets, kind="stable")
        ends = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1, dtype=np.uint8))
        for bucket in range(_BUCKETS):
            part = whole.take(pa.array(order[ends[bucket] : ends[bucket + 1]]))
            if bucket not in self._writers:
                self._writers[bucket] = pa.ipc.new_file(self._path(bucket), part.schema)
            self._writers[bucket].write_table(part)
        del whole
        # Freed pages that the allocator keeps would count twice: here, and for the next spill.
        pa.default_memory_pool().release_unused()

    def _path(self, bucket: int) -> str:
        return str(self._folder / f"rows-{bucket:02d}.arrow")

    def tables(self) -> Iterator[pa.Table]:
        """Give all rows in ascending order of the ids; call it once, after the last `add`."""
        import pyarrow as pa

        if not self._writers:
            held, self._held = self._held, []
            if held:
                yield self._sorted(pa.concat_tables(held))
            return
        if self._held:
            self._spill()
        for writer in self._writers.values():
            writer.close()
        for bucket in range(_BUCKETS):
            with pa.OSFile(self._path(bucket)) as file:
                table = pa.ipc.open_file(file).read_all()
            Path(self._path(bucket)).unlink()
            yield self._sorted(table)

    def _sorted(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        numbers = table[_NUMBER].to_numpy()
        order = np.argsort(numbers, kind="stable")
        rows = table.drop_columns([_NUMBER]).combine_chunks().take(pa.array(order))
        return rows.append_column("id", id_strings(numbers[order], self._letter))
