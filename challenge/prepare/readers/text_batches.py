"""The rows of a delimited text file as batches of texts, by the fast reader where it is safe."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.readers.raw_file import ROWS, damaged
from challenge.prepare.readers.text_rows import Form, Rows, holds, lines_of, undecoded

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["batches_of"]


def batches_of(
    path: Path, names: Sequence[str], form: Form
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Return the opener of all rows: columns as texts, empty fields as null.

    pyarrow's CSV reader is fast but accepts an unclosed quote. It reads only files without any
    quote; the strict reader of the standard library reads the rest and reports faulty lines.
    """
    usual = Form("utf-8", form.delimiter, skip=form.skip, header=form.header, top=form.top)
    plain = form == usual and form.delimiter != " " and form.delimiter.isascii()
    if plain and not holds(path, "utf-8", '"'):
        return lambda: _plain_batches(path, names, form)
    return _stored(lambda: _strict_batches(path, names, form))


def _stored(
    opened: Callable[[], Iterator[pa.RecordBatch]],
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Return an opener that parses once: what it yielded to the end is kept in a temporary file."""
    import pyarrow as pa

    kept: list[IO[bytes]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        if kept:
            kept[0].seek(0)
            yield from pa.ipc.open_stream(kept[0])
            return
        # Closed, and so deleted, with the last reference to it.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        writer: pa.RecordBatchStreamWriter | None = None
        for batch in opened():
            writer = writer or pa.ipc.new_stream(file, batch.schema)
            writer.write_batch(batch)
            yield batch
        if writer is not None:
            writer.close()
            kept.append(file)

    return batches


def _plain_batches(path: Path, names: Sequence[str], form: Form) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv as fast

    n_given = 0
    try:
        for batch in fast.open_csv(
            path,
            read_options=fast.ReadOptions(column_names=list(names), skip_rows=form.top),
            parse_options=fast.ParseOptions(delimiter=form.delimiter, quote_char=False),
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
        for batch in _strict_batches(path, names, form):
            rest = batch.slice(n_given)
            n_given = max(0, n_given - batch.num_rows)
            yield rest


def _strict_batches(path: Path, names: Sequence[str], form: Form) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in names])
    rows = Rows(lines_of(path, form), form, marked=holds(path, form.encoding, "\x1a"))
    width = len(names) + form.drops_last
    # One flat list: the garbage collector would look at each row that is kept.
    cells: list[str] = []
    try:
        for n, row in enumerate(rows):
            if n == 0 and form.header:
                continue
            if len(row) != width:
                raise _ragged(path, rows.line, len(row), width)
            if form.drops_last and row[-1]:
                raise _ragged(path, rows.line, width, len(names))
            cells += row[:-1] if form.drops_last else row
            if len(cells) == ROWS * len(names):
                yield _batch(cells, schema)
                cells = []
    except csv.Error as error:
        raise damaged(
            path,
            f"line {rows.line}: {error}",
            "close the quote, and double quotes inside a quoted field; or state `quote` under "
            "[raw]",
        ) from None
    except UnicodeError as error:
        raise undecoded(path, form, rows.line, error) from None
    yield _batch(cells, schema)


def _ragged(path: Path, line: int, n: int, width: int) -> TaskError:
    return TaskError(
        Fault(
            f"{path.name}, line {line}",
            counted(n, "field"),
            f"{counted(width, 'field')}, as in the header",
            "quote fields that contain the delimiter or a line break; `skip`, `comment` and "
            "`delimiter` under [raw] say which lines and characters are none",
            code="raw-ragged",
        )
    )


def _batch(cells: list[str], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers
    columns = [pa.array(cells[start :: len(schema)], pa.string()) for start in range(len(schema))]
    filled = [pc.if_else(pc.equal(one, ""), None, one) for one in columns]
    return pa.record_batch(filled, schema=schema)
