"""One table, one record or flat pair per row: CSV, TSV, Parquet, JSON lines or Excel, and images.

Options under `[raw.options]`:
- `from_<column>`: the raw column of a feature, for example one called `id` or `label`;
- `date_<column>`: the format of its dates, as `format` under `[columns.<column>]`;
- `split`, `subset`: the raw columns of an official split;
- `left_key`, `right_key`: the raw columns that identify the records of a pair;
- `role`: the raw column that says `query` or `gallery`;
- `missing`: one more text that marks a missing value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError
from challenge.prepare.build.table_checks import missing_column
from challenge.prepare.raw import RawTable
from challenge.prepare.readers.column_readings import Readings, present, read_columns
from challenge.prepare.readers.image_files import ImageFolder, open_images
from challenge.prepare.readers.raw_file import RawFile
from challenge.prepare.readers.table_files import open_files, shards_in, tables_in
from challenge.task.cells import cell_numbers, cell_texts
from challenge.task.columns import MOST_DIMENSIONS, vector_columns
from challenge.task.date_texts import DATE_ORDERS, read_date
from challenge.task.datetimes import cell_datetimes
from challenge.task.definition import TaskDefinition
from challenge.task.modalities import modality_of
from challenge.task.number_texts import NUMBER_FORMATS
from challenge.task.splits import SPLIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["convert", "feature_arrays", "label_array", "split_arrays", "table_rows"]


def convert(raw: Path, definition: TaskDefinition) -> RawTable:
    """Return the rows of the table `file` (default: the one table of the raw folder)."""
    table = open_files(raw, definition.raw.file or _only_table(raw), definition.raw)
    return table_rows(raw, table, definition)


def _only_table(raw: Path) -> str:
    """Return the name of the one table of a folder, or the pattern of its numbered parts."""
    found = tables_in(raw)
    if (pattern := shards_in(found)) is not None:
        return pattern
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise TaskError(
            Fault(str(raw), f"tables: {names}", "one table, or the name of one",
                  "write `file = …` under [raw]", "raw-file-missing")
        )  # fmt: skip
    return found[0].name


def table_rows(raw: Path, table: RawFile, definition: TaskDefinition) -> RawTable:
    """Return a flat table as raw rows: features, label, and columns for the split."""
    wanted = _wanted(table, definition)
    vector = set(vector_columns(MOST_DIMENSIONS))
    images = open_images(raw, definition.raw.images.path)
    readings = read_columns([(table, wanted)], definition)

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        start = 0
        for batch in table.batches():
            taken = {
                name: present(batch.column(source), definition.raw)
                for name, source in wanted.items()
            }
            keys = _keys(taken.get("key"), start, batch.num_rows)
            start += batch.num_rows
            arrays: dict[str, Any] = {"key": keys}
            arrays["label"] = label_array(taken["label"], readings)
            for name in ("subset", "left_key", "right_key", "role", *definition.kind.log_columns):
                if name in taken:
                    arrays[name] = cell_texts(taken[name])
            if definition.kind.has_things:
                arrays |= {name: cell_texts(taken[name]) for name in taken if name in vector}
            arrays |= split_arrays(table.path.name, taken, definition, readings)
            arrays |= feature_arrays(taken, definition, readings, images, keys)
            yield pa.RecordBatch.from_pydict(arrays)

    return RawTable(batches=batches, folder=raw, report=readings.report)


def _wanted(table: RawFile, definition: TaskDefinition) -> dict[str, str]:
    """Return the source column of each column of the raw rows; raise all faults at once."""
    raw, split, options = definition.raw, definition.split, definition.raw.options
    asked: dict[str, tuple[str, str]] = {
        "label": (raw.label or "label", f"label = {(raw.label or 'label')!r} under [raw]")
    }
    if raw.key:
        asked["key"] = (raw.key, f"key = {raw.key!r} under [raw]")
    for by, named in definition.split_columns.items():
        asked[by] = (named, f"{by} = {named!r} under [split]")
    if split.rule.column == "split" or "split" in options:
        asked["split"] = (str(options.get("split", "split")), "the official split")
    for name in ("subset", "left_key", "right_key"):
        if name in options:
            asked[name] = (str(options[name]), f"{name} under [raw.options]")
    if definition.kind.has_things:
        asked["role"] = (str(options.get("role", "role")), "role under [raw.options]")
        vector = set(vector_columns(MOST_DIMENSIONS))
        asked |= {name: (name, "the vector") for name in table.names if name in vector}
    for name in definition.kind.log_columns:
        asked[name] = (str(options.get(name, name)), f"{name} under [raw.options]")
    for column in definition.feature_columns():
        source = str(options.get(f"from_{column.name}", column.name))
        if modality_of(column.modality).is_image and source not in table.names and raw.images.path:
            # Image features without a raw column are found by the row's key.
            continue
        asked[column.name] = (source, f"column {column.name!r}")
    expected, fix = "every column that task.toml names", "correct the name in task.toml"
    faults = [
        missing_column(table.path.name, source, table.names, expected, fix, use=f" for {use}")
        for source, use in asked.values()
        if source not in table.names
    ]
    if faults:
        raise TaskError(faults)
    return {name: source for name, (source, _) in asked.items()}


def _keys(given: Any, start: int, n: int) -> pa.Array:
    import pyarrow as pa

    if given is None:
        return pa.array([f"row {number}" for number in range(start + 1, start + n + 1)])
    return cell_texts(given)


def label_array(array: Any, readings: Readings) -> pa.Array:
    """Return labels as texts, or as numbers where they are written otherwise than in Python."""
    form = readings.forms.get("label")
    if form in (None, NUMBER_FORMATS[0]):
        return readings.join("label", cell_texts(array))
    return cell_numbers(array, form)


def split_arrays(
    file: str, taken: Mapping[str, Any], definition: TaskDefinition, readings: Readings
) -> dict[str, pa.Array]:
    """Return the columns of a batch that split rules read: texts, or values to sort."""
    return {
        name: _moments(file, taken[name], definition, readings)
        if ordered
        else readings.join(name, cell_texts(taken[name]))
        for name, ordered in SPLIT_COLUMNS.items()
        if name in taken
    }


def _moments(file: str, array: Any, definition: TaskDefinition, readings: Readings) -> pa.Array:
    """Return numbers, points in time, or texts that are sorted later.

    Raises TaskError for a text that is not in the format of the column.
    """
    import pyarrow as pa

    form = readings.forms["time"]
    if form is None or not pa.types.is_string(array.type):
        return cell_numbers(array) if not pa.types.is_temporal(array.type) else array
    if form in DATE_ORDERS:
        return cell_datetimes(array, form)
    moments = cell_numbers(array, form)
    if not pa.types.is_string(moments.type):
        return moments
    column = str(definition.split.time)
    texts = [text for text in moments.to_pylist() if text is not None]
    wrong = [text for text in texts if read_date(text, form) is None]
    raise TaskError(
        Fault(f"{file}, column {column}", f"{wrong[0]!r} is not a time that can be sorted",
              f"dates written {form}", "correct the dates, or their format in task.toml",
              "time-value", n=len(wrong), first=tuple(wrong[:5]))
    )  # fmt: skip


def feature_arrays(
    taken: Mapping[str, Any],
    definition: TaskDefinition,
    readings: Readings,
    images: ImageFolder,
    keys: pa.Array,
) -> dict[str, pa.Array]:
    """Return the features of a batch, each in the form that its modality reads."""
    arrays: dict[str, pa.Array] = {}
    for column in definition.feature_columns():
        values = taken.get(column.name)
        if values is not None:
            values = present(values, definition.raw)
        modality = modality_of(column.modality)
        if modality.is_image:
            texts = (keys if values is None else modality.read_cells(values)).to_pylist()
            if values is not None and any(isinstance(text, bytes) for text in texts):
                arrays[column.name] = values
            elif values is None:
                found = [key if images.candidates(key) else None for key in texts]
                arrays[column.name] = images.column(column.name, found, keys)
            else:
                arrays[column.name] = images.column(column.name, texts, keys)
        else:
            arrays[column.name] = modality.read_cells(values, readings.forms[column.name])
    return arrays
