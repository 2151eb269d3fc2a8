"""Statistics of train for card.json: missing and distinct values of each column, sample rows."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.task.columns import Column
from challenge.task.modalities import modality_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["N_SAMPLES", "TrainStatistics", "thumbnail"]

N_SAMPLES = 8
THUMBNAIL_SIDE = 64
_MOST_DISTINCT = 100_000


class _Distinct:
    """Counts distinct values up to a limit; nulls are not counted."""

    def __init__(self) -> None:
        self._chunks: list[pa.Array] | None = []
        self._held = 0

    def update(self, values: pa.ChunkedArray) -> None:
        """Add values."""
        import pyarrow.compute as pc

        if self._chunks is None:
            return
        fresh = pc.unique(values).drop_null()
        self._chunks.append(fresh)
        self._held += len(fresh)
        if self._held > 2 * _MOST_DISTINCT:
            known = self._merged(self._chunks)
            self._chunks, self._held = [known], len(known)
            if self._held > _MOST_DISTINCT:
                self.give_up()

    def give_up(self) -> None:
        """Stop counting: there are too many distinct values."""
        self._chunks = None

    def count(self) -> int | None:
        """Return the number of distinct values; None above the limit."""
        if self._chunks is None:
            return None
        n = len(self._merged(self._chunks)) if self._chunks else 0
        return n if n <= _MOST_DISTINCT else None

    @staticmethod
    def _merged(chunks: list[pa.Array]) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.unique(pa.chunked_array(chunks))


class TrainStatistics:
    """Collects the statistics for card.json, table by table, from train rows only."""

    def __init__(self, columns: Sequence[Column], samples: bool) -> None:
        self._columns = tuple(columns)
        self._samples = samples
        self._rows: list[dict[str, Any]] = []
        self._n = 0
        self._missing = dict.fromkeys((column.name for column in columns), 0)
        self._distinct: dict[str, _Distinct] = {column.name: _Distinct() for column in columns}
        self._facts = {column.name: modality_of(column.modality).statistics() for column in columns}

    def update(self, table: pa.Table) -> None:
        """Add train rows."""
        if self._samples and len(self._rows) < N_SAMPLES:
            names = [*(column.name for column in self._columns), "label"]
            rows = table.select(["id", *names]).slice(0, N_SAMPLES - len(self._rows))
            shown = {name: rows[name].to_pylist() for name in rows.column_names}
            shown |= {
                column.name: modality_of(column.modality).json_values(rows[column.name])
                for column in self._columns
            }
            self._rows += [
                dict(zip(shown, values, strict=True))
                for values in zip(*shown.values(), strict=True)
            ]
        self._n += table.num_rows
        for column in self._columns:
            values = table[column.name]
            self._missing[column.name] += values.null_count
            if self._n > _MOST_DISTINCT and modality_of(column.modality).mostly_distinct:
                # Counting these values would cost more than all other statistics.
                self._distinct[column.name].give_up()
            else:
                self._distinct[column.name].update(values)
            if values.null_count < len(values):
                self._facts[column.name].update(values)

    def columns(self) -> list[dict[str, object]]:
        """Return per column: missing share, distinct values (None above the limit), range."""
        entries = []
        for column in self._columns:
            name = column.name
            present = self._n - self._missing[name]
            entries.append(
                {
                    "name": name,
                    "missing_share": round(self._missing[name] / max(1, self._n), 6),
                    "n_distinct": self._distinct[name].count(),
                    **self._facts[name].entry(present),
                }
            )
        return entries

    def samples(self, public: Path) -> list[dict[str, object]]:
        """Return the sample rows, each image with a thumbnail as base64 of a PNG."""
        images = [c.name for c in self._columns if modality_of(c.modality).is_image]
        rows: list[dict[str, object]] = []
        for values in self._rows:
            shown = {
                name: thumbnail(public / values[name])
                for name in images
                if values.get(name) is not None
            }
            values = {
                name: value
                if not isinstance(value, str) or len(value) <= 2000
                else value[:2000] + "…"
                for name, value in values.items()
            }
            rows.append({"values": values, "thumbnails": shown})
        return rows


def thumbnail(path: Path) -> str:
    """Return an image at most 64 pixels wide and high, as base64 of a PNG."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        target = io.BytesIO()
        small.save(target, "PNG", compress_level=9)
    return base64.b64encode(target.getvalue()).decode()
