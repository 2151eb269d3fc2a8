"""Reading raw tables as people save them: CSV of any delimiter and encoding, Parquet, JSON, Excel.

Values of text files stay texts; the modality decides later how they are read. Guesses about the
file, such as its encoding, are reported in `notes`.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, MissingRequirement, TaskError
from challenge.prepare.readers.json_files import laid_out, read_json_lines, read_json_records
from challenge.prepare.readers.workbook_caps import bounded_rows, check_workbook

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SUFFIXES", "RawFile", "find_table", "open_table", "tables_in"]

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".xlsx")
_DELIMITERS = ",;\t|"
_SAMPLE = 1 << 20
_ROWS = 16_384
_PACKED = {
    b"\x1f\x8b": "packed with gzip",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}
"""First bytes of binary files that are sometimes named like text tables."""
_LONGEST_FIELD = 16 << 20
"""Characters; the reader of the standard library stops at 128 k by default."""


@dataclass(frozen=True)
class RawFile:
    """A table on disk: its column names, its batches, and guesses about its form."""

    path: Path
    names: tuple[str, ...]
    batches: Callable[[], Iterator[pa.RecordBatch]]
    delimiter: str | None = None
    encoding: str | None = None
    notes: tuple[str, ...] = ()


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the first file `stem.<suffix>` of a known suffix, None when there is none."""
    found = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((path for path in found if path.is_file()), None)


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder by name; per stem the one that `find_table` returns."""
    stems = {path.stem for path in folder.iterdir() if path.is_file()}
    return sorted(path for stem in stems if (path := find_table(folder, stem)) is not None)


def open_table(path: Path, *, delimiter: str | None = None, encoding: str | None = None) -> RawFile:
    """Return the table of a file: Parquet, JSON, Excel by suffix, else delimited text.

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
        table = _excel(path)
    else:
        table = _delimited(path, delimiter, encoding)
    if not table.names:
        raise _headless(path, "nothing")
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


def _damaged(path: Path, error: Exception, fix: str) -> TaskError:
    return TaskError(
        Fault(
            path.name, f"unreadable: {str(error)[:300]}", "an intact table", fix, "raw-unreadable"
        )
    )


def _headless(path: Path, found: str) -> TaskError:
    return TaskError(
        Fault(path.name, found, "a header line with a name for each column",
              "name every column (pandas: to_csv(index=False))", "raw-header")
    )  # fmt: skip


def _parquet(path: Path) -> RawFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = tuple(laid_out(pq.ParquetFile(path).schema_arrow.empty_table()).column_names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error, "save it again as Parquet") from None

    def batches() -> Iterator[pa.RecordBatch]:
        read = pq.ParquetFile(path).iter_batches(batch_size=_ROWS)
        while True:
            try:
                batch = next(read, None)
            except (pa.ArrowException, OSError) as error:
                raise _damaged(path, error, "save it again as Parquet") from None
            if batch is None:
                return
            yield from laid_out(pa.Table.from_batches([batch])).to_batches()

    return RawFile(path, names, batches)


def _json(path: Path, read: Callable[[Path], pa.Table], fix: str) -> RawFile:
    try:
        table = read(path)
    except UnicodeEncodeError as error:
        raise _damaged(path, error, "remove lone surrogates from the texts") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error, fix) from None

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=_ROWS)

    return RawFile(path, tuple(table.column_names), batches)


def _excel(path: Path) -> RawFile:
    import pyarrow as pa

    try:
        import openpyxl
    except ImportError:
        raise MissingRequirement(
            Fault(path.name, "openpyxl is not installed", "the package that reads Excel files",
                  'pip install "multimodal-challenge[excel]", or save the sheet as CSV',
                  "package-missing")
        ) from None  # fmt: skip
    try:
        check_workbook(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = [[cell.value for cell in row] for row in bounded_rows(book.worksheets[0]) if row]
    except Exception as error:  # openpyxl raises whatever zipfile, lxml and itself raise
        raise _damaged(path, error, "save the first sheet as CSV") from error
    header = [_cell(value) for value in rows[0]] if rows else []
    width = max((i + 1 for i, name in enumerate(header) if name), default=0)
    if any(not name for name in header[:width]):
        raise _headless(path, "an empty name in the header")
    names = [str(name) for name in header[:width]]
    # Rows end at their last value.
    columns = [
        [_cell(row[index]) if index < len(row) else None for row in rows[1:]]
        for index in range(width)
    ]
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=_ROWS)

    notes = ("only the first sheet was read",) if len(book.worksheets) > 1 else ()
    return RawFile(path, tuple(names), batches, notes=notes)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        # Excel stores the integer 7 as 7.0.
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    return str(value)


def _delimited(path: Path, delimiter: str | None, encoding: str | None) -> RawFile:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    for mark, form in _PACKED.items():
        if sample.startswith(mark):
            fix = "unpack it, or save it as CSV, and name that file"
            raise _damaged(path, ValueError(form), fix)
    notes = []
    if encoding is None:
        encoding = _encoding(path, sample)
        if encoding != "utf-8":
            notes.append(f"{path.name} was read as {encoding}, guessed from its bytes")
    # A character or a line may be cut at the end of the sample.
    try:
        "".encode(encoding)
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample)
    except (LookupError, UnicodeError) as error:
        raise _damaged(path, error, "correct `encoding` under [raw], or leave it out") from None
    csv.field_size_limit(_LONGEST_FIELD)
    whole = len(sample) < _SAMPLE
    lines = text.splitlines()[: None if whole else -1]
    if delimiter is None:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(lines)
        if delimiter != ",":
            shown = "tab" if delimiter == "\t" else repr(delimiter)
            notes.append(f"fields of {path.name} were taken to be separated by {shown}")
    names = next(csv.reader(lines, delimiter=delimiter), [])
    names = [name.lstrip("\ufeff") for name in names]
    padded = len(names) > 1 and all(name.startswith(" ") for name in names[1:])
    if padded:
        names = [name.lstrip(" ") for name in names]
        notes.append(f"blanks after the separators of {path.name} were removed")
    if len(names) > 1 and not names[0] and "index" not in names:
        # pandas writes its row index this way.
        names[0] = "index"
        notes.append(f"the first column of {path.name} has no name and was named index")
    if not names or any(not name.strip() for name in names):
        raise _headless(path, "an empty name in the header" if names else "nothing")
    return RawFile(
        path,
        tuple(names),
        lambda: _text_batches(path, names, delimiter, encoding, padded),
        delimiter,
        encoding,
        tuple(notes),
    )


def _text_batches(
    path: Path, names: Sequence[str], delimiter: str, encoding: str, padded: bool
) -> Iterator[pa.RecordBatch]:
    """Yield all columns as texts, empty fields as null.

    pyarrow's CSV reader is fast but accepts an unclosed quote. It reads only files without any
    quote; the strict reader of the standard library reads the rest and reports faulty lines.
    """
    plain = encoding == "utf-8" and delimiter.isascii() and not padded
    if plain and not _has_quotes(path):
        yield from _plain_batches(path, names, delimiter)
    else:
        yield from _strict_batches(path, names, delimiter, encoding, padded=padded)


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b'"' in block for block in iter(lambda: file.read(1 << 22), b""))


def _plain_batches(path: Path, names: Sequence[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv as fast

    n_given = 0
    try:
        for batch in fast.open_csv(
            path,
            read_options=fast.ReadOptions(column_names=list(names), skip_rows=1),
            parse_options=fast.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=fast.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        ):
            n_given += batch.num_rows
            yield batch
    except pa.ArrowInvalid:
        # The strict reader reports faults; a row longer than a block is not one.
        for batch in _strict_batches(path, names, delimiter, "utf-8"):
            rest = batch.slice(n_given)
            n_given = max(0, n_given - batch.num_rows)
            yield rest


def _strict_batches(
    path: Path, names: Sequence[str], delimiter: str, encoding: str, *, padded: bool = False
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in names])
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=padded)
        columns: list[list[str | None]] = [[] for _ in names]
        try:
            next(reader)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(names):
                    raise TaskError(
                        Fault(
                            f"{path.name}, line {reader.line_num}",
                            f"{len(row)} fields",
                            f"{len(names)} fields, as in the header",
                            "quote fields that contain the delimiter or a line break",
                            code="raw-ragged",
                        )
                    )
                for column, value in zip(columns, row, strict=True):
                    column.append(value or None)
                if len(columns[0]) == _ROWS:
                    yield pa.record_batch(_arrays(columns), schema=schema)
                    columns = [[] for _ in names]
        except csv.Error as error:
            raise _damaged(
                path,
                ValueError(f"line {reader.line_num}: {error}"),
                "close the quote, and double quotes inside a quoted field",
            ) from None
        except UnicodeError as error:
            why = getattr(error, "reason", error)
            raise _damaged(
                path,
                ValueError(f"not {encoding} near line {reader.line_num}: {why}"),
                "name the encoding under [raw]",
            ) from None
        yield pa.record_batch(_arrays(columns), schema=schema)


def _arrays(columns: list[list[str | None]]) -> list[pa.Array]:
    import pyarrow as pa

    return [pa.array(column, pa.string()) for column in columns]


def _encoding(path: Path, sample: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if sample.startswith(mark):
            return "utf-8" if name == "utf-8-sig" else name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    # charset_normalizer is a dependency of requests, and requests of pooch.
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None:
        raise _damaged(
            path, ValueError("neither UTF-8 nor another text encoding"), "save it as UTF-8"
        )
    return str(best.encoding)


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter that gives most lines as many fields as the header, at least two."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(lines[:200], delimiter=delimiter) if row]
        if not rows or len(rows[0]) < 2:
            continue
        even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        if (even, len(rows[0])) > best_score:
            best, best_score = delimiter, (even, len(rows[0]))
    return best
