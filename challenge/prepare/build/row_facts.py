"""Per-row codes and distinct categories, kept in memory while a table is streamed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Categories", "RowFacts"]


class Categories:
    """The distinct values of each categorical column, collected batch by batch."""

    def __init__(self, columns: Sequence[str]) -> None:
        import pyarrow as pa

        self._known: dict[str, pa.Array] = {name: pa.array([], pa.string()) for name in columns}

    def update(self, values: dict[str, pa.Array]) -> None:
        """Add the values of a batch."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for name, known in self._known.items():
            fresh = pc.unique(values[name]).drop_null()
            unseen = fresh.filter(pc.invert(pc.is_in(fresh, value_set=known)))
            if len(unseen):
                self._known[name] = pa.concat_arrays([known, unseen])

    def sorted(self) -> dict[str, pa.Array]:
        """Return the values of each column, ascending by code point."""
        import pyarrow.compute as pc

        return {name: known.take(pc.sort_indices(known)) for name, known in self._known.items()}


class RowFacts:
    """Raw columns that are not features, kept in memory as codes or texts per row."""

    def __init__(self) -> None:
        self._chunks: defaultdict[str, list[pa.Array]] = defaultdict(list)

    def add(self, name: str, values: pa.Array) -> None:
        """Add the values of a batch; columns whose codes are needed become dictionaries."""
        self._chunks[name].append(values)

    def __contains__(self, name: str) -> bool:
        return bool(self._chunks.get(name))

    def codes(self, *names: str) -> tuple[list[NDArray[np.int64]], list[str]]:
        """Return codes of several columns over one list of distinct values; null is -1."""
        import pyarrow as pa

        chunks = [chunk for name in names for chunk in self._chunks[name]]
        whole = pa.chunked_array(chunks).unify_dictionaries()
        values = whole.chunk(0).dictionary.to_pylist() if whole.num_chunks else []
        indices = [chunk.indices.fill_null(-1).to_numpy() for chunk in whole.chunks]
        every = np.concatenate(indices).astype(np.int64) if indices else np.zeros(0, np.int64)
        return list(np.split(every, len(names))), values

    def array(self, name: str) -> pa.ChunkedArray:
        """Return the values of a column as they were added."""
        import pyarrow as pa

        return pa.chunked_array(self._chunks[name])
