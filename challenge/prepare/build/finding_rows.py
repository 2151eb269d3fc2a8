"""Names the raw rows of audit findings: their numbers, keys and image files, for the organiser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from challenge.prepare.audit import AuditReport
from challenge.prepare.build.ids import id_strings, keyed_draws
from challenge.prepare.build.image_headers import image_columns
from challenge.prepare.raw import RawRecords, RawTable
from challenge.task.definition import TaskDefinition
from challenge.task.raw_values import text_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RawRow", "find_raw_rows", "rows_as_csv", "rows_as_json"]


@dataclass(frozen=True)
class RawRow:
    """A row of the raw data: its number, from 1, its key and the files of its images.

    A pair made of two records has both, joined by ` + `.
    """

    number: str = ""
    key: str = ""
    images: str = ""


def find_raw_rows(
    report: AuditReport,
    raw: RawTable | RawRecords,
    definition: TaskDefinition,
    secret: bytes,
    public: Path,
) -> dict[str, RawRow]:
    """Return the raw row of each id that a report lists; reads the raw data once more."""
    ids = {name for finding in report.findings for pair in finding.rows for name in pair if name}
    if not ids:
        return {}
    if isinstance(raw, RawTable):
        prefix: Literal["p", "r"] = "p" if definition.kind.paired else "r"
        return _read(raw, definition, secret, ids, "row", prefix)
    pairs = _records_of(ids, public)
    records = {name for pair in pairs.values() for name in pair}
    found = _read(raw, definition, secret, records, "record", "r")
    return {name: _joined([found[record] for record in pair]) for name, pair in pairs.items()}


def _records_of(ids: set[str], public: Path) -> dict[str, tuple[str, str]]:
    """Return the ids of both records of each pair."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = {}
    for side in ("train", "test"):
        table = pq.read_table(public / f"{side}.parquet", columns=["id", "left_id", "right_id"])
        table = table.filter(pc.is_in(table["id"], value_set=pa.array(sorted(ids))))
        for name, left, right in zip(*(one.to_pylist() for one in table.columns), strict=True):
            found[name] = (left, right)
    return found


def _read(
    raw: RawTable | RawRecords,
    definition: TaskDefinition,
    secret: bytes,
    ids: set[str],
    purpose: str,
    prefix: Literal["p", "r"],
) -> dict[str, RawRow]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted, columns = pa.array(sorted(ids)), image_columns(raw, definition)
    found: dict[str, RawRow] = {}
    start = 1
    for batch in raw.batches():
        keys = text_values(batch.column("key")).fill_null("")
        names = id_strings(keyed_draws(secret, purpose, keys).number, prefix)
        for row in pc.indices_nonzero(pc.is_in(names, value_set=wanted)).to_pylist():
            files = [str(value) for value in _images(batch, columns, row)]
            found[names[row].as_py()] = RawRow(
                str(start + row), keys[row].as_py(), "; ".join(files)
            )
        start += batch.num_rows
    return found


def _images(batch: pa.RecordBatch, columns: list[str], row: int) -> Iterable[str]:
    for name in columns:
        value = batch.column(name)[row].as_py() if name in batch.schema.names else None
        if isinstance(value, str) and value:
            yield value


def _joined(records: list[RawRow]) -> RawRow:
    return RawRow(
        " + ".join(one.number for one in records),
        " + ".join(one.key for one in records),
        " + ".join(one.images for one in records if one.images),
    )


def rows_as_csv(report: AuditReport, rows: Mapping[str, RawRow]) -> str:
    """Return one line for each row of each finding, with its partner."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = ("id", "row", "key", "images")
    writer.writerow(["finding", "severity", *fields, *(f"partner_{name}" for name in fields)])
    for finding in report.findings:
        for pair in finding.rows:
            cells = []
            for name in pair:
                row = rows.get(name, RawRow())
                cells += [name, row.number, row.key, row.images]
            writer.writerow([finding.name, finding.severity, *cells])
    return text.getvalue()


def rows_as_json(rows: Mapping[str, RawRow]) -> dict[str, dict[str, str]]:
    """Return number, key and images of each row by its id."""
    return {
        name: {"row": row.number, "key": row.key, "images": row.images}
        for name, row in sorted(rows.items())
    }
