"""One table, one record or flat pair per row: CSV, TSV, Parquet, JSON lines or Excel, and images.

Options under `[raw.options]`:
- `from_<column>`: the raw column of a feature, for example one called `id` or `label`;
- `date_<column>`: the format of its dates;
- `split`, `subset`: the raw columns of an official split;
- `left_key`, `right_key`: the raw columns that identify the records of a pair;
- `missing`: the text that marks a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError
from challenge.prepare.build.table_checks import missing_column
from challenge.prepare.raw import RawTable
from challenge.prepare.readers.image_files import ImageFolder, open_images
from challenge.prepare.readers.table_files import RawFile, open_table, tables_in
from challenge.task.cells import cell_numbers, cell_texts, date_format
from challenge.task.columns import Column
from challenge.task.definition import TaskDefinition
from challenge.task.modalities import modality_of
from challenge.task.splits import SPLIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["convert", "feature_arrays", "split_arrays", "table_rows"]

_YEAR_FIRST = re.compile(r"\d{4}([-/.]?\d{2}([-/.]?\d{2}([T ]?\d{2}.*)?)?)?")
"""Dates whose order as texts equals their order in time."""


def convert(raw: Path, definition: TaskDefinition) -> RawTable:
    """Return the rows of the table `file` (default: the one table of the raw folder)."""
    path = raw / definition.raw.file if definition.raw.file else _only_table(raw)
    table = open_table(path, delimiter=definition.raw.delimiter, encoding=definition.raw.encoding)
    return table_rows(raw, table, definition)


def _only_table(raw: Path) -> Path:
    found = tables_in(raw)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise TaskError(
            Fault(str(raw), f"tables: {names}", "one table, or the name of one",
                  "write `file = …` under [raw]", "raw-file-missing")
        )  # fmt: skip
    return found[0]


def table_rows(raw: Path, table: RawFile, definition: TaskDefinition) -> RawTable:
    """Return a flat table as raw rows: features, label, and columns for the split."""
    wanted = _wanted(table, definition)
    columns = definition.feature_columns()
    images = open_images(raw, definition.raw.images.path)

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        start = 0
        for batch in table.batches():
            taken = {
                name: _present(batch.column(source), definition) for name, source in wanted.items()
            }
            keys = _keys(taken.get("key"), start, batch.num_rows)
            start += batch.num_rows
            arrays: dict[str, Any] = {"key": keys}
            for name in ("label", "subset", "left_key", "right_key"):
                if name in taken:
                    arrays[name] = cell_texts(taken[name])
            arrays |= split_arrays(table.path.name, taken, definition)
            arrays |= feature_arrays(taken, columns, definition, images, keys)
            yield pa.RecordBatch.from_pydict(arrays)

    return RawTable(batches=batches, folder=raw)


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


def _present(array: Any, definition: TaskDefinition) -> Any:
    """Return texts with the missing value marker (option `missing`) as null."""
    import pyarrow as pa

    marker = definition.raw.options.get("missing")
    if marker is None or not pa.types.is_string(array.type):
        return array
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(array, str(marker)), pa.scalar(None, pa.string()), array)


def split_arrays(
    file: str, taken: Mapping[str, Any], definition: TaskDefinition
) -> dict[str, pa.Array]:
    """Return the columns of a batch that split rules read: texts, or values to sort."""
    return {
        name: _moments(file, taken[name], definition.split_columns[name], definition)
        if ordered
        else cell_texts(taken[name])
        for name, ordered in SPLIT_COLUMNS.items()
        if name in taken
    }


def _moments(file: str, array: Any, column: str, definition: TaskDefinition) -> pa.Array:
    """Return numbers, or texts that sort by time; raise TaskError for other date formats."""
    import pyarrow as pa

    option = f"date_{column}"
    pattern = definition.raw.options.get(option)
    moments = cell_numbers(array, None if pattern is None else str(pattern))
    if not pa.types.is_string(moments.type):
        return moments
    texts = [text for text in moments.to_pylist() if text is not None]
    if pattern is None:
        wrong = [text for text in texts if not _YEAR_FIRST.fullmatch(text)]
        guess = date_format(texts[:1000])
        fix = f'write `{option} = "{guess or "%d.%m.%Y"}"` under [raw.options]'
    else:
        wrong = [text for text in texts if date_format([text], [str(pattern)]) is None]
        fix = f"correct the dates, or `{option}` under [raw.options]"
    if not wrong:
        return moments
    expected = "numbers, or dates with the year first (2024-01-31)"
    raise TaskError(
        Fault(f"{file}, column {column}", f"{wrong[0]!r} is not a time that can be sorted",
              expected if pattern is None else f"dates written {pattern}", fix, "time-value",
              n=len(wrong), first=tuple(wrong[:5]))
    )  # fmt: skip


def feature_arrays(
    taken: Mapping[str, Any],
    columns: tuple[Column, ...],
    definition: TaskDefinition,
    images: ImageFolder,
    keys: pa.Array,
) -> dict[str, pa.Array]:
    """Return the features of a batch, each in the form that its modality reads."""
    arrays: dict[str, pa.Array] = {}
    for column in columns:
        pattern = definition.raw.options.get(f"date_{column.name}")
        values = taken.get(column.name)
        if values is not None:
            values = _present(values, definition)
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
            arrays[column.name] = modality.read_cells(
                values, None if pattern is None else str(pattern)
            )
    return arrays
