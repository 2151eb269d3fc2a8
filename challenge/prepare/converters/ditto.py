"""Pairs in ditto's text form: `COL name VAL value …<tab>COL name VAL value …<tab>label` per line.

Official files: valid becomes the last fold of train, test stays test. With `by = "entity"` in
task.toml the same pairs are split again, so that no record is on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError, nearest
from challenge.prepare.raw import RawTable
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["convert"]

_FILES = (("train", "train.txt"), ("valid", "valid.txt"), ("test", "test.txt"))
_ATTRIBUTE = re.compile(r"(?:^|(?<=\s))COL (\S+) VAL(?=\s|$)")
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
    columns = [column.name for column in definition.feature_columns()]

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        names = ["key", *columns, "label", "split"]
        schema = pa.schema([(name, pa.string()) for name in names])
        rows: list[dict[str, str | None]] = []
        yield pa.RecordBatch.from_pylist([], schema)
        for side, file in present:
            for n_pairs, (number, line) in enumerate(_lines(file), start=1):
                pair = _pair(file, number, line)
                if n_pairs == 1:
                    _check_columns(file, number, pair, columns)
                key = f"{file.name}:{n_pairs}"
                rows.append({"key": key, "split": side, **pair})
                if len(rows) == _ROWS:
                    yield pa.RecordBatch.from_pylist(rows, schema)
                    rows = []
        yield pa.RecordBatch.from_pylist(rows, schema)

    return RawTable(batches=batches, folder=raw)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers in the file."""
    # Only a line feed ends a line: a value may contain U+2028 and similar characters.
    with file.open("rb") as content:
        for number, data in enumerate(content, start=1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise TaskError(
                    Fault(f"{file.name}, line {number}", f"not UTF-8: {error.reason}",
                          "a text in UTF-8", "save it as UTF-8", "raw-unreadable")
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


def _check_columns(
    file: Path, number: int, pair: dict[str, str | None], columns: list[str]
) -> None:
    faults = []
    for name in columns:
        if name not in pair:
            guess = nearest(name, pair)
            found = ", ".join(one for one in pair if one != "label")
            faults.append(
                Fault(
                    f"{file.name}, line {number}",
                    f"no attribute for column {name!r} (there are: {found})",
                    "every column that task.toml declares",
                    f"did you mean {guess!r}?" if guess else "take it out of task.toml",
                    code="column-missing",
                )
            )
    if faults:
        raise TaskError(faults)
