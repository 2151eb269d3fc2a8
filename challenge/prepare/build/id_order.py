"""Sorts rows by id with bounded memory: buckets of ids, spilled to disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from challenge.prepare.build.ids import id_strings
from challenge.prepare.build.integer_ranks import order_by_word

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HELD_BYTES", "ROW", "SortedRows"]

ROW = "row number"
"""Column with the position of a row among the rows that were added."""

_NUMBER = "id number"
_BUCKETS = 64
HELD_BYTES = 128 << 20
_SPILLED_BYTES = 16 << 20


class SortedRows:
    """Collects tables in any order and yields their rows sorted by id, with their ids.

    `character` is the first of each id. Ids stay numbers until the end:
    moving strings costs more than formatting them.
    Up to `held_bytes` stay in memory; more goes to Arrow files, one per bucket of ids.
    Only one bucket is sorted at a time. Rows are spilled in pieces that fit the
    processor's cache.
    """

    def __init__(
        self, folder: Path, character: Literal["r", "p"], held_bytes: int = HELD_BYTES
    ) -> None:
        self._folder = folder
        self._character = character
        self._limit = held_bytes
        self._held: list[pa.Table] = []
        self._bytes = 0
        self._rows = 0
        self._writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}

    def add(self, table: pa.Table, numbers: np.ndarray) -> None:
        """Add rows, with the number of the id of each."""
        import pyarrow as pa

        rows = pa.array(np.arange(self._rows, self._rows + table.num_rows, dtype=np.int64))
        table = table.append_column(_NUMBER, pa.array(numbers)).append_column(ROW, rows)
        self._rows += table.num_rows
        self._held.append(table)
        self._bytes += table.nbytes
        if self._bytes > self._limit:
            self._spill()
            self._limit = min(self._limit, _SPILLED_BYTES)

    def _spill(self) -> None:
        import pyarrow as pa

        piece: list[pa.Table] = []
        n_bytes = 0
        held, self._held, self._bytes = self._held[::-1], [], 0
        while held:
            piece.append(held.pop())
            n_bytes += piece[-1].nbytes
            if n_bytes > _SPILLED_BYTES or not held:
                self._spill_piece(pa.concat_tables(piece))
                piece, n_bytes = [], 0

    def _spill_piece(self, whole: pa.Table) -> None:
        import pyarrow as pa

        shift = np.uint64(64 - _BUCKETS.bit_length() + 1)
        # NumPy sorts bytes by counting, ten times as fast as 64-bit integers.
        buckets = (whole[_NUMBER].to_numpy() >> shift).astype(np.uint8)
        order = np.argsort(buckets, kind="stable")
        ends = np.cumsum(np.bincount(buckets, minlength=_BUCKETS)).tolist()
        whole = whole.take(pa.array(order)).combine_chunks()
        for bucket, (start, end) in enumerate(pairwise([0, *ends])):
            part = whole.slice(start, end - start)
            if bucket not in self._writers:
                self._writers[bucket] = pa.ipc.new_file(self._path(bucket), part.schema)
            self._writers[bucket].write_table(part)

    def _path(self, bucket: int) -> str:
        return str(self._folder / f"rows-{bucket:02d}.arrow")

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows in ascending order of the ids; call it once, after the last `add`."""
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
            with pa.memory_map(self._path(bucket)) as file:
                yield self._sorted(pa.ipc.open_file(file).read_all())
            Path(self._path(bucket)).unlink()

    def _sorted(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        numbers = table[_NUMBER].to_numpy()
        order = order_by_word(numbers)
        rows = table.drop_columns([_NUMBER]).take(pa.array(order))
        return rows.append_column("id", id_strings(numbers[order], self._character))
