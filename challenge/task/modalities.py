"""Modalities of columns: one object each, with everything that depends on the modality.

To add a modality, add an object to `MODALITIES`; then let features and methods read its values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from challenge.errors import Fault, TaskError, meant

if TYPE_CHECKING:
    import pyarrow as pa

    from challenge.task.columns import Column
    from challenge.task.image_store import ImageStore
    from challenge.task.raw_values import Faults

__all__ = [
    "MODALITIES",
    "NUMBERS",
    "ColumnStatistics",
    "Modality",
    "modality_of",
    "standard_values",
]


class ColumnStatistics:
    """Card statistics of the non-missing values of a train column, updated table by table."""

    def update(self, values: pa.ChunkedArray) -> None:
        """Add values; at least one is not missing."""

    def entry(self, n_present: int) -> dict[str, object]:
        """Return the entries of the card, {} if there are none."""
        return {}


class Modality:
    """The base modality: values are texts in UTF-8."""

    name: ClassVar[str]
    is_text: ClassVar[bool] = False
    """Whether values are free text: compared by n-grams, lengths and near copies."""
    is_image: ClassVar[bool] = False
    is_datetime: ClassVar[bool] = False
    is_categorical: ClassVar[bool] = False
    """Whether values are stored as a dictionary of the distinct ones."""
    is_ordered: ClassVar[bool] = False
    """Whether values are numbers or points in time."""
    mostly_distinct: ClassVar[bool] = False
    """Whether most values are distinct, so that a long table is not counted: it costs too much."""

    def arrow_type(self, column: Column) -> pa.DataType:
        """Return the type in Parquet."""
        import pyarrow as pa

        return pa.string()

    def croissant_type(self, column: Column) -> str:
        """Return the data type in croissant.json."""
        return "sc:Text"

    def csv_text(self, array: pa.Array) -> pa.Array:
        """Return values as the texts of their CSV fields, not quoted yet; null stays null."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())

    def json_values(self, array: pa.ChunkedArray) -> list[Any]:
        """Return values as they are shown in sample rows of the card."""
        return list(array.to_pylist())

    def statistics(self) -> ColumnStatistics:
        """Return an empty collector of the card statistics of a column."""
        return ColumnStatistics()

    def read_cells(self, array: pa.Array, form: str | None = None) -> pa.Array:
        """Return the cells of a raw file as raw values; unreadable cells are unchanged.

        `form` is the format of numbers or dates.
        """
        from challenge.task.cells import cell_texts

        return cell_texts(array)

    def standard(
        self, array: pa.Array, keys: pa.Array, column: Column, images: ImageStore, faults: Faults
    ) -> dict[str, pa.Array]:
        """Return raw values as they are written to files, under the column's name.

        Categories are strings here. Wrong values are added to `faults` with their `keys`.
        """
        from challenge.task.raw_values import standard_texts

        return {column.name: standard_texts(array, keys, column, faults)}


class _Text(Modality):
    name = "text"
    is_text = True
    mostly_distinct = True

    def statistics(self) -> ColumnStatistics:
        return _Lengths()


class _Lengths(ColumnStatistics):
    def __init__(self) -> None:
        self._length = 0

    def update(self, values: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        self._length += pc.sum(pc.utf8_length(values)).as_py()

    def entry(self, n_present: int) -> dict[str, object]:
        return {"mean_length": round(self._length / n_present, 2)} if n_present else {}


class _Numeric(Modality):
    name = "numeric"
    is_ordered = True
    mostly_distinct = True

    def arrow_type(self, column: Column) -> pa.DataType:
        import pyarrow as pa

        return pa.int64() if column.integer else pa.float64()

    def croissant_type(self, column: Column) -> str:
        return "sc:Integer" if column.integer else "sc:Float"

    def statistics(self) -> ColumnStatistics:
        return _Range()

    def read_cells(self, array: pa.Array, form: str | None = None) -> pa.Array:
        from challenge.task.cells import cell_numbers

        return cell_numbers(array, form)

    def standard(
        self, array: pa.Array, keys: pa.Array, column: Column, images: ImageStore, faults: Faults
    ) -> dict[str, pa.Array]:
        from challenge.task.raw_values import standard_numbers

        return {column.name: standard_numbers(array, keys, column, faults)}


class _Range(ColumnStatistics):
    def __init__(self) -> None:
        self._least: float | None = None
        self._most: float | None = None
        self._sum = 0.0

    def update(self, values: pa.ChunkedArray) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        ends = pc.min_max(values).as_py()
        least, most = ends["min"], ends["max"]
        self._least = least if self._least is None else min(self._least, least)
        self._most = most if self._most is None else max(self._most, most)
        self._sum += pc.sum(pc.cast(values, pa.float64(), safe=False)).as_py()

    def entry(self, n_present: int) -> dict[str, object]:
        if not n_present:
            return {}
        # Sums depend on the batch size in their last digits; nine digits do not.
        mean = self._sum / n_present
        return {
            "min": self._least,
            "max": self._most,
            "mean": float(f"{mean:.9g}") if abs(mean) < 1e300 else None,
        }


class _Categorical(Modality):
    name = "categorical"
    is_categorical = True

    def arrow_type(self, column: Column) -> pa.DataType:
        import pyarrow as pa

        return pa.dictionary(pa.int32(), pa.string())


class _Image(Modality):
    name = "image"
    is_image = True

    def read_cells(self, array: pa.Array, form: str | None = None) -> pa.Array:
        import pyarrow as pa

        return array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array

    def standard(
        self, array: pa.Array, keys: pa.Array, column: Column, images: ImageStore, faults: Faults
    ) -> dict[str, pa.Array]:
        from challenge.task.image_store import PIXELS, standard_images

        paths, pixels = standard_images(array, keys, column, images, faults)
        return {column.name: paths, PIXELS + column.name: pixels}


class _Datetime(Modality):
    name = "datetime"
    is_datetime = True
    is_ordered = True
    mostly_distinct = True

    def arrow_type(self, column: Column) -> pa.DataType:
        import pyarrow as pa

        return pa.timestamp("us", "UTC")

    def croissant_type(self, column: Column) -> str:
        return "sc:DateTime"

    def csv_text(self, array: pa.Array) -> pa.Array:
        from challenge.task.datetimes import iso_texts

        return iso_texts(array)

    def json_values(self, array: pa.ChunkedArray) -> list[Any]:
        return list(self.csv_text(array).to_pylist())

    def statistics(self) -> ColumnStatistics:
        return _Moments()

    def read_cells(self, array: pa.Array, form: str | None = None) -> pa.Array:
        from challenge.task.datetimes import cell_datetimes

        return cell_datetimes(array, form)

    def standard(
        self, array: pa.Array, keys: pa.Array, column: Column, images: ImageStore, faults: Faults
    ) -> dict[str, pa.Array]:
        from challenge.task.datetimes import standard_datetimes

        return {column.name: standard_datetimes(array, keys, column, faults)}


class _Moments(ColumnStatistics):
    """The first, the lower median and the last point in time, as in CSV."""

    def __init__(self) -> None:
        self._chunks: list[pa.Array] = []

    def update(self, values: pa.ChunkedArray) -> None:
        self._chunks += values.drop_null().chunks

    def entry(self, n_present: int) -> dict[str, object]:
        import numpy as np
        import pyarrow as pa

        from challenge.task.datetimes import iso_texts

        if not n_present:
            return {}
        moments = np.sort(pa.chunked_array(self._chunks).cast(pa.int64()).to_numpy())
        shown = moments[[0, (len(moments) - 1) // 2, -1]]
        texts = iso_texts(pa.array(shown).cast(pa.timestamp("us", "UTC")))
        return dict(zip(("min", "median", "max"), texts.to_pylist(), strict=True))


MODALITIES: Mapping[str, Modality] = {
    one.name: one for one in (_Text(), _Numeric(), _Categorical(), _Image(), _Datetime())
}
"""Every modality by its name, in the order of pages."""


NUMBERS = _Numeric.name
"""The modality of labels that are numbers."""


def modality_of(name: str, where: str = "modality") -> Modality:
    """Return a modality by its name; `where` is the first part of a fault.

    Raises TaskError when there is no such modality.
    """
    if name not in MODALITIES:
        raise TaskError(
            Fault(
                where,
                f"unknown modality {name!r}",
                f"one of {', '.join(MODALITIES)}",
                meant(name, list(MODALITIES), "write one of these"),
                code="modality-unknown",
            )
        )
    return MODALITIES[name]


def standard_values(
    batch: pa.RecordBatch,
    keys: pa.Array,
    columns: Sequence[Column],
    images: ImageStore,
    faults: Faults,
) -> dict[str, pa.Array]:
    """Return the features of a raw batch as they are written to the files.

    Categories are plain strings here; an image column has its pixel digests beside it.
    """
    values: dict[str, pa.Array] = {}
    for column in columns:
        modality = modality_of(column.modality)
        values |= modality.standard(batch.column(column.name), keys, column, images, faults)
    return values
