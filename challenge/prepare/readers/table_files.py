"""Reading raw tables as people save them: CSV of any delimiter and encoding, Parquet, JSON, Excel.

Values of text files stay texts; the modality decides later how they are read. Guesses about the
file, such as its encoding, are reported in `notes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.readers.arrow_types import plain_columns
from challenge.prepare.readers.encodings import find_shared_encoding
from challenge.prepare.readers.excel_files import open_workbook
from challenge.prepare.readers.json_files import read_json_lines, read_json_records
from challenge.prepare.readers.raw_file import ROWS, RawFile, damaged, headless
from challenge.prepare.readers.text_files import open_text
from challenge.task.definition import Raw

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SUFFIXES", "find_table", "open_files", "open_table", "shards_in", "tables_in"]

_SHARD = re.compile(r"(?P<stem>.*?)[0-9]+(?:-of-(?P<of>[0-9]+))?(?P<rest>\.[a-z]+)", re.IGNORECASE)
"""The name of a part of a table, such as train-00000-of-00002.parquet or part-3.csv."""
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".xlsx")


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the first file `stem.<suffix>` of a known suffix, None when there is none."""
    found = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((path for path in found if path.is_file()), None)


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder by name; per stem the one that `find_table` returns."""
    stems = {path.stem for path in folder.iterdir() if path.is_file()}
    return sorted(path for stem in stems if (path := find_table(folder, stem)) is not None)


def shards_in(paths: Sequence[Path]) -> str | None:
    """Return the pattern of files that are the numbered parts of one table, else None.

    Raises TaskError when `-of-` names more parts than there are.
    """
    found = [_SHARD.fullmatch(path.name) for path in paths]
    parts = [one for one in found if one is not None]
    if len(parts) < max(2, len(paths)) or len({(one["stem"], one["rest"]) for one in parts}) > 1:
        return None
    wanted = {int(one["of"]) for one in parts if one["of"]}
    if wanted and wanted != {len(parts)}:
        raise TaskError(
            Fault(str(paths[0].parent), f"{counted(len(parts), 'part')} of {max(wanted)}",
                  "all parts of the table", "add the others", "raw-file-missing")
        )  # fmt: skip
    return f"{parts[0]['stem']}*{parts[0]['rest']}"


def open_files(folder: Path, file: str, raw: Raw | None = None) -> RawFile:
    """Return the table of a file, or of all files that a pattern with `*` matches, joined.

    Raises TaskError when there is none, and when the files do not all have the same columns.
    """
    if "*" not in file:
        return open_table(folder / file, raw)
    paths = sorted(path for path in folder.glob(file) if path.is_file())
    if not paths:
        return open_table(folder / file, raw)
    stated = dict.fromkeys(paths, raw)
    shared = None
    if raw is None or raw.encoding is None:
        shared = find_shared_encoding([path for path in paths if _is_text(path)])
    if shared is not None:
        known = (raw or Raw(format="table")).model_copy(update={"encoding": shared[1]})
        stated |= dict.fromkeys(shared[0], known)
    tables = [open_table(path, stated[path]) for path in paths]
    faults = []
    for table in tables[1:]:
        if set(table.names) != set(tables[0].names):
            only = sorted(set(table.names) ^ set(tables[0].names))
            faults.append(
                Fault(table.path.name, f"other columns than {paths[0].name}: {', '.join(only)}",
                      "the same columns in every part", "correct it, or name the files apart",
                      "parts-differ")
            )  # fmt: skip
    if faults:
        raise TaskError(faults)
    names = tables[0].names

    def batches() -> Iterator[pa.RecordBatch]:
        for table in tables:
            for batch in table.batches():
                yield batch.select(list(names))

    notes = [
        f"{counted(len(paths), 'file')} read as one table, {paths[0].name} to {paths[-1].name}"
    ]
    notes += [] if shared is None else [shared[2]]
    notes += dict.fromkeys(note for table in tables for note in table.notes)
    # What parts do not share is found anew in each: stated for all, it would alter the others.
    common = {
        name: value
        for name, value in tables[0].stated.items()
        if all(table.stated.get(name) == value for table in tables)
    }
    return RawFile(folder / file, names, batches, common, tuple(notes))


def _is_text(path: Path) -> bool:
    """Whether `open_table` reads the file as delimited text."""
    return path.suffix.lower() not in SUFFIXES or path.suffix.lower() in (".csv", ".tsv", ".txt")


def open_table(path: Path, raw: Raw | None = None) -> RawFile:
    """Return the table of a file: Parquet, JSON, Excel by suffix, else delimited text.

    `raw` states what is known of its form.

    Raises TaskError for a missing or damaged file, no header, and duplicate column names.
    """
    if not path.is_file():
        raise TaskError(
            Fault(str(path), "no such file", "a raw table", "correct `file` under [raw]",
                  "raw-file-missing")
        )  # fmt: skip
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        table = _parquet(path)
    elif suffix in (".jsonl", ".ndjson"):
        table = _json(path, read_json_lines, "write one JSON object per line")
    elif suffix == ".json":
        table = _json(path, read_json_records, "write an array of objects, or one object per line")
    elif suffix == ".xlsx":
        table = open_workbook(path, raw)
    else:
        table = open_text(path, raw)
    if not table.names:
        raise headless(path, "nothing")
    twice = sorted({name for name in table.names if table.names.count(name) > 1})
    if twice:
        raise TaskError(
            Fault(
                path.name,
                f"column {', '.join(map(repr, twice))} occurs more than once in the header",
                "each column name once",
                "rename or remove the others",
                code="column-twice",
                n=len(twice),
            )
        )
    return table


def _parquet(path: Path) -> RawFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = tuple(plain_columns(pq.ParquetFile(path).schema_arrow.empty_table()).column_names)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error, "save it again as Parquet") from None

    def batches() -> Iterator[pa.RecordBatch]:
        read = pq.ParquetFile(path).iter_batches(batch_size=ROWS)
        while True:
            try:
                batch = next(read, None)
            except (pa.ArrowException, OSError) as error:
                raise damaged(path, error, "save it again as Parquet") from None
            if batch is None:
                return
            yield from plain_columns(pa.Table.from_batches([batch])).to_batches()

    return RawFile(path, names, batches)


def _json(path: Path, read: Callable[[Path], pa.Table], fix: str) -> RawFile:
    try:
        table = read(path)
    except UnicodeEncodeError as error:
        raise damaged(path, error, "remove lone surrogates from the texts") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error, fix) from None

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=ROWS)

    return RawFile(path, tuple(table.column_names), batches)
