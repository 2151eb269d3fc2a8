"""Pairs in the form of matching tools: two tables and lists of pairs, or one flat table.

`tableA`, `tableB` with a column `id` (or what `key` names), and `train`, `valid`, `test` with
`ltable_id`, `rtable_id`, `label`; or those three with columns `left_*` and `right_*` (or
`ltable_*`, `rtable_*`) in them. Options under `[raw.options]`: `tableA`, `tableB`, `train`,
`valid`, `test` name other files (without suffix), `left_id` and `right_id` other columns of ids.
Without `tableB` both sides are records of `tableA`. The official split is kept in
`split`, whatever `by` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.table_checks import id_fix, missing_column
from challenge.prepare.converters.table import feature_arrays
from challenge.prepare.raw import RawTable
from challenge.prepare.readers.column_readings import read_columns
from challenge.prepare.readers.image_files import open_images
from challenge.prepare.readers.raw_file import RawFile
from challenge.prepare.readers.table_files import find_table, open_table
from challenge.task.cells import cell_texts
from challenge.task.columns import Column
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IDS", "LABELS", "convert"]

IDS = {"left": ("ltable_id", "left_id"), "right": ("rtable_id", "right_id")}
LABELS = ("label", "gold", "_label")
"""Label columns that are recognised without a setting."""
_FILES = (("train", "train"), ("valid", "valid"), ("test", "test"))


def convert(raw: Path, definition: TaskDefinition) -> RawTable:
    """Return the pairs of a folder; raises TaskError for an id without a record."""
    lists = [
        (side, _open(path, definition))
        for side, stem in _FILES
        if (path := find_table(raw, str(definition.raw.options.get(stem, stem)))) is not None
    ]
    if definition.raw.file:
        lists = [("train", _open(raw / definition.raw.file, definition))]
    if not lists:
        raise TaskError(
            Fault(str(raw), "no train, valid or test table", "lists of pairs",
                  "name one with `file` under [raw]", "raw-file-missing")
        )  # fmt: skip
    first = find_table(raw, str(definition.raw.options.get("tableA", "tableA")))
    if first is None:
        records = None
    else:
        second = find_table(raw, str(definition.raw.options.get("tableB", "tableB")))
        records = _Records(
            _open(first, definition),
            _open(second or first, definition),
            definition.raw.key or "id",
        )
        records.check(definition)
    images = open_images(raw, definition.raw.images.path)
    columns = definition.feature_columns()
    named = [(table, _names(table, definition, flat=records is None)) for _, table in lists]
    if records is None:
        readings = read_columns(named, definition)
    else:
        ids = {name for _, names in named for name in names.values()}
        readings = read_columns([*records.columns(columns), *named], definition, ids)

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for (side, table), (_, names) in zip(lists, named, strict=True):
            start = 0
            for batch in table.batches():
                n = batch.num_rows
                numbers = range(start + 1, start + n + 1)
                start += n
                keys = pa.array([f"{table.path.name}:{number}" for number in numbers])
                arrays: dict[str, Any] = {"key": keys, "split": pa.array([side] * n)}
                arrays["label"] = cell_texts(batch.column(names["label"]))
                if records is None:
                    taken = {
                        column.name: batch.column(names[column.name])
                        for column in columns
                        if column.name in names
                    }
                else:
                    ids = {
                        which: cell_texts(batch.column(names[f"{which}_id"])).to_pylist()
                        for which in IDS
                    }
                    taken = records.take(table.path.name, ids, definition)
                    arrays |= records.keys(ids)
                arrays |= feature_arrays(taken, definition, readings, images, keys)
                yield pa.RecordBatch.from_pydict(arrays)

    return RawTable(batches=batches, folder=raw, report=readings.report)


def _open(path: Path, definition: TaskDefinition) -> RawFile:
    return open_table(path, definition.raw)


def _names(table: RawFile, definition: TaskDefinition, *, flat: bool) -> dict[str, str]:
    """Return the raw column of the label and of each id or feature, with all faults at once."""
    label = definition.raw.label or LABELS[0]
    asked: dict[str, tuple[str, ...]] = {"label": (label, *LABELS[1:])}
    if flat:
        for column in definition.feature_columns():
            short = "l" if column.side == "left" else "r"
            asked[column.name] = (
                column.name, f"{short}table_{column.attribute}", f"{short}_{column.attribute}"
            )  # fmt: skip
    else:
        for side, usual in IDS.items():
            own = definition.raw.options.get(f"{side}_id")
            asked[f"{side}_id"] = usual if own is None else (str(own),)
    found, faults = {}, []
    for name, choices in asked.items():
        hit = next((choice for choice in choices if choice in table.names), None)
        if hit is not None:
            found[name] = hit
        else:
            faults.append(_missing(table, choices[0]))
    if faults:
        raise TaskError(faults)
    return found


def _missing(table: RawFile, name: str) -> Fault:
    expected = "the columns of the deepmatcher form, and those that task.toml declares"
    return missing_column(
        table.path.name, name, table.names, expected, "correct the table or task.toml"
    )


class _Records:
    """The two record tables in memory, by their column `key`."""

    def __init__(self, left: RawFile, right: RawFile, key: str) -> None:
        import pyarrow as pa

        self._key = key
        self._files = {"left": left, "right": right}
        self._prefix = {
            "left": "l", "right": "l" if left.path == right.path else "r"
        }  # fmt: skip
        self._tables = {}
        self._rows = {}
        faults = []
        for side, file in self._files.items():
            if key not in file.names:
                faults.append(_missing(file, key))
                continue
            self._tables[side] = pa.Table.from_batches(list(file.batches()))
            ids = cell_texts(self._tables[side][key].combine_chunks()).to_pylist()
            self._rows[side] = {one: row for row, one in enumerate(ids)}
            if len(self._rows[side]) < len(ids):
                n = len(ids) - len(self._rows[side])
                faults.append(
                    Fault(file.path.name, counted(n, "repeated id"), "unique ids",
                          "number the records", "key-twice", n=n)
                )  # fmt: skip
        if faults:
            raise TaskError(faults)

    def columns(self, columns: Sequence[Column]) -> list[tuple[RawFile, dict[str, str]]]:
        """Return the record tables with the raw column of each feature."""
        return [
            (
                file,
                {one.name: one.attribute for one in columns if one.side == side}
                | {"key": self._key},
            )
            for side, file in self._files.items()
        ]

    def check(self, definition: TaskDefinition) -> None:
        """Raise TaskError for declared columns that a record table does not have."""
        faults = [
            _missing(self._files[column.side or "left"], column.attribute)
            for column in definition.feature_columns()
            if column.attribute not in self._files[column.side or "left"].names
        ]
        if faults:
            raise TaskError(faults)

    def keys(self, ids: dict[str, list[str | None]]) -> dict[str, pa.Array]:
        """Return the record keys of both sides, in one namespace."""
        import pyarrow as pa

        return {
            f"{side}_key": pa.array([f"{self._prefix[side]}:{one}" for one in ids[side]])
            for side in ids
        }

    def take(
        self, file: str, ids: dict[str, list[str | None]], definition: TaskDefinition
    ) -> dict[str, Any]:
        """Return the features of the pairs; raise TaskError for an id without a record."""
        import pyarrow as pa

        rows = {}
        for side, asked in ids.items():
            known = self._rows[side]
            missing = [str(one) for one in asked if one not in known]
            if missing:
                fix = id_fix(missing, known, "add the records, or remove these pairs")
                raise TaskError(
                    Fault(file, f"{side} ids without a record in {self._files[side].path.name}",
                          "ids of the record tables", fix,
                          "record-missing", n=len(missing), first=tuple(missing[:5]))
                )  # fmt: skip
            rows[side] = pa.array([known[one] for one in asked], pa.int64())
        return {
            column.name: self._tables[column.side or "left"][column.attribute]
            .take(rows[column.side or "left"])
            .combine_chunks()
            for column in definition.feature_columns()
        }
