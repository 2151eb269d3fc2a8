"""Pairs in ditto's text form: `COL name VAL value …<tab>COL name VAL value …<tab>label` per line.

Official files: valid becomes the last fold of train, test stays test. With `by = "entity"` in
task.toml the same pairs are split again, so that no record is on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError
from challenge.prepare.build.table_checks import missing_column
from challenge.prepare.converters.table import feature_arrays
from challenge.prepare.raw import RawTable
from challenge.prepare.readers.column_readings import read_columns
from challenge.prepare.readers.image_files import open_images
from challenge.prepare.readers.raw_file import RawFile
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["convert", "ditto_table"]

_FILES = (("train", "train.txt"), ("valid", "valid.txt"), ("test", "test.txt"))
_ATTRIBUTE = re.compile(r"(?:^|(?<=\s))COL ((?:(?!(?:COL|VAL)\s).)+?) VAL(?=\s|$)")
_ROWS = 65_536


def convert(raw: Path, definition: TaskDefinition) -> RawTable:
    """Return the pairs of `train.txt`, `valid.txt` and `test.txt`, or of one file (`file`).

    Options `train`, `valid`, `test` name other files. Raises TaskError with the line of a fault.
    """
    options = definition.raw.options
    files = [
        (side, raw / str(options.get(Path(name).stem, name)))
        for side, name in ((("train", definition.raw.file),) if definition.raw.file else _FILES)
    ]
    present = [(side, file) for side, file in files if file.is_file()]
    if not present:
        raise TaskError(
            Fault(str(raw), f"none of {', '.join(file.name for _, file in files)}",
                  "files of pairs in ditto's form",
                  "correct `file`, or the options train, valid and test under [raw]",
                  "raw-file-missing")
        )  # fmt: skip
    table = ditto_table(present, definition.raw.encoding)
    names = [column.name for column in definition.feature_columns()]
    _check_columns(table, names)
    readings = read_columns(
        [(table, {name: name for name in (*names, "label")})], definition, ("key", "split")
    )
    images = open_images(raw, None)

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in table.batches():
            arrays = {name: batch.column(name) for name in ("key", "label", "split")}
            taken = {name: batch.column(name) for name in names}
            arrays |= feature_arrays(taken, definition, readings, images, arrays["key"])
            yield pa.RecordBatch.from_pydict(arrays)

    return RawTable(batches=batches, folder=raw, report=readings.report)


def ditto_table(files: Sequence[tuple[str, Path]], encoding: str | None = None) -> RawFile:
    """Return the pairs of files as one table: key, label, split and the attributes of each side.

    `files` are pairs of a side of the split and a path. Raises TaskError with the line of a fault.
    """
    names: dict[str, None] = {}
    for _, file in files:
        for number, line in _lines(file, encoding):
            names |= dict.fromkeys(_pair(file, number, line))
    if not names:
        raise TaskError(
            Fault(", ".join(file.name for _, file in files), "0 pairs", "pairs of records",
                  "check the raw data", "no-rows")
        )  # fmt: skip
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in ("key", "split", *names)])

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, str | None]] = []
        yield pa.RecordBatch.from_pylist([], schema)
        for side, file in files:
            for n_pairs, (number, line) in enumerate(_lines(file, encoding), start=1):
                key = f"{file.name}:{n_pairs}"
                rows.append({"key": key, "split": side, **_pair(file, number, line)})
                if len(rows) == _ROWS:
                    yield pa.RecordBatch.from_pylist(rows, schema)
                    rows = []
        yield pa.RecordBatch.from_pylist(rows, schema)

    return RawFile(files[0][1], tuple(schema.names), batches)


def _lines(file: Path, encoding: str | None) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers in the file."""
    # Only a line feed ends a line: a value may contain U+2028 and similar characters.
    with file.open("rb") as content:
        for number, data in enumerate(content, start=1):
            try:
                line = data.decode(encoding or ("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                raise TaskError(
                    Fault(f"{file.name}, line {number}", f"not {error.encoding}: {error.reason}",
                          "a text in UTF-8", "save it as UTF-8, or name its `encoding` under [raw]",
                          "raw-unreadable")
                ) from None  # fmt: skip
            if line.strip():
                yield number, line.rstrip("\r\n")


def _pair(file: Path, number: int, line: str) -> dict[str, str | None]:
    parts = line.split("\t")
    if len(parts) != 3 or parts[2].strip() not in ("0", "1"):
        raise TaskError(
            Fault(f"{file.name}, line {number}",
                  f"{len(parts)} fields, the last {parts[-1].strip()[:20]!r}",
                  "two records and a label 0 or 1, separated by tabs",
                  "correct the line", "ditto-line")
        )  # fmt: skip
    pair: dict[str, str | None] = {"label": parts[2].strip()}
    for side, text in (("left", parts[0]), ("right", parts[1])):
        pieces = _ATTRIBUTE.split(text)
        for name, value in zip(pieces[1::2], pieces[2::2], strict=True):
            pair[f"{side}_{name}"] = value.strip() or None
    return pair


def _check_columns(table: RawFile, columns: list[str]) -> None:
    expected, fix = "every column that task.toml declares", "take it out of task.toml"
    faults = [
        missing_column(table.path.name, name, table.names, expected, fix)
        for name in columns
        if name not in table.names
    ]
    if faults:
        raise TaskError(faults)
