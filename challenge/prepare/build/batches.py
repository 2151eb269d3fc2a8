"""Checks of a converter's result, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.prepare.build.label_numbers import is_number_type
from challenge.prepare.raw import RawRecords, RawTable
from challenge.task.definition import TaskDefinition
from challenge.task.raw_values import is_text_type
from challenge.task.splits import SPLIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["checked"]

_TEXTS = (
    "key", "label", "subset", "left_key", "right_key", "left_entity", "right_entity", "entity",
    "table", *(name for name, ordered in SPLIT_COLUMNS.items() if not ordered),
)  # fmt: skip


def checked(raw: RawTable | RawRecords, definition: TaskDefinition) -> RawTable | RawRecords:
    """Return `raw` with batches that are checked as they are read; a wrong one raises TaskError.

    Only schemas are checked, so the cost does not grow with the rows.
    """
    form = type(raw).__name__
    where = f"{definition.id}, raw {'records' if isinstance(raw, RawRecords) else 'table'}"
    if not callable(raw.batches) or not isinstance(raw.folder, Path):
        wrong = "folder" if callable(raw.batches) else "batches"
        raise _broken(
            where,
            f"`{wrong}` is a {type(getattr(raw, wrong)).__name__}",
            f"{form}(batches, folder): a function that opens the batches, and a Path",
        )

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        names: list[str] | None = None
        for batch in raw.batches():
            if not isinstance(batch, pa.RecordBatch):
                raise _broken(where, f"a batch is a {type(batch).__name__}", "a pa.RecordBatch")
            if names is None:
                names = batch.schema.names
                _check_types(batch.schema, definition, where)
            elif batch.schema.names != names:
                raise _broken(
                    where,
                    f"a later batch has the columns {', '.join(batch.schema.names)}",
                    f"those of the first batch: {', '.join(names)}",
                )
            yield batch

    return replace(raw, batches=batches)


def _check_types(schema: pa.Schema, definition: TaskDefinition, where: str) -> None:
    faults = []
    for field in schema:
        number = field.name == "label" and definition.kind.label == "number"
        if field.name not in _TEXTS or (is_number_type if number else is_text_type)(field.type):
            continue
        faults.append(
            Fault(
                f"{where}, column {field.name}",
                f"values of type {field.type}",
                "numbers" if number else "texts, whole numbers or booleans",
                f"convert them to {'numbers' if number else 'texts'} in the converter",
                code="label-number" if number else "text-type",
            )
        )
    if faults:
        raise TaskError(faults)


def _broken(where: str, found: str, expected: str) -> TaskError:
    return TaskError(Fault(where, found, expected, "correct the converter", "converter-result"))
