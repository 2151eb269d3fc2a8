"""The fast CSV reader: it accepts clean files only and raises NotClean otherwise.

Each line feed must end a record and each comma a field, so a quote is allowed only where none is
needed. Ids and labels are compared with the known ones as 64-bit words, without parsing. Numbers
are parsed by Arrow's CSV reader; the result is used only if rows, fields and ids are right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.scoring.reading.alignment import Aligned, Aligner, NotClean, scatter
from challenge.scoring.reading.byte_words import LONGEST, Fields, WordIndex, fields_of_arrow
from challenge.scoring.reading.label_codes import LabelCodes
from challenge.scoring.reading.layout import Layout, read_layout
from challenge.scoring.reading.spill import MemoryColumns, empty_array
from challenge.scoring.reading.strict_csv import read_header
from challenge.task import Task

__all__ = ["read_fast_csv"]

_TEXT_CHUNK = 1 << 19
_PARSE_CHUNK = 1 << 21
_BLOCK = 1 << 20
_HOT = 1 << 16
_LF, _CR, _QUOTE, _COMMA = 10, 13, 34, 44
_Span = tuple[int, int, int]
"""Start, stop and number of lines of a piece of whole lines."""
_IS_EDGE = np.zeros(256, np.bool_)
_IS_EDGE[[_LF, _CR, _COMMA]] = True


def read_fast_csv(task: Task, data: bytes, index: WordIndex) -> Aligned:
    """Return the aligned content of a clean file; raise NotClean otherwise."""
    header = read_header(data)
    if header is None or header[1] >= len(data):
        raise NotClean
    try:
        names = [name.decode() for name in header[0]]
    except UnicodeDecodeError:
        raise NotClean from None
    layout, faults = read_layout(task, names, "")
    if faults or layout.id is None or layout.form is None:
        raise NotClean
    body = header[1]
    quoted = data.find(b'"', body) >= 0
    if not layout.numbers and layout.width == 2:
        if quoted:
            data, body = b"".join(_without_quotes(data, body)), 0
        return _read_labels(task, data, body, layout, index)
    if quoted:
        _require_plain_quotes(data, body)
    return _read_numbers(task, data, body, layout, index)


def _without_quotes(data: bytes, body: int) -> Iterator[bytes]:
    """Yield the records without their quotes; raise NotClean unless none was needed."""
    for text, size in _pieces(data, body, _TEXT_CHUNK):
        lines = text[:size]
        _require_needless(lines)
        yield lines.tobytes().translate(None, b'"')


def _require_plain_quotes(data: bytes, body: int) -> None:
    for text, size in _pieces(data, body, _TEXT_CHUNK):
        _require_needless(text[:size])


def _require_needless(lines: NDArray[np.uint8]) -> None:
    """Raise NotClean unless each quote is at an edge of a field with no special character.

    Then the text has the same fields without its quotes, and Arrow cannot misread it.
    """
    quotes = np.flatnonzero(lines == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    if len(quotes) % 2:
        raise NotClean
    before = opening[opening > 0] - 1
    edges = np.concatenate([lines[before], lines[closing + 1]])
    if not bool(_IS_EDGE[edges].all()):
        raise NotClean
    gap = closing - opening - 1
    for offset in range(1, int(gap.max(initial=0)) + 1):
        if offset > LONGEST:
            raise NotClean
        inside = gap >= offset
        if not bool(inside.all()):
            opening, gap = opening[inside], gap[inside]
        if bool(_IS_EDGE[lines[opening + offset]].any()):
            raise NotClean


def _read_labels(task: Task, data: bytes, body: int, layout: Layout, index: WordIndex) -> Aligned:
    """Read two columns, id and label in either order."""
    classes = LabelCodes(task)
    returns = data.find(b"\r") >= 0
    aligner = Aligner(index)
    codes = np.empty(len(index), np.int32)
    n = 0
    length = index.texts.shape[1] if index.texts is not None and layout.id == 0 else None
    for text, size in _pieces(data, body, _TEXT_CHUNK):
        if length is not None:
            left, right = _id_of_one_length(text, size, length, returns)
        else:
            left, right = _two_fields(text, size, returns)
        ids, labels = (left, right) if layout.id == 0 else (right, left)
        if n + len(ids) > len(codes):
            raise NotClean
        aligner.add(ids)
        codes[n : n + len(ids)] = classes.find(labels)
        n += len(ids)
    return Aligned(layout, scatter(codes, aligner.rows()), None)


def _pieces(data: bytes, body: int, size: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield (buffer, size): pieces of whole lines, each ending with a line feed.

    The buffer continues after the piece, since words are read past the end of a short field.
    """
    end = len(data)
    whole = np.frombuffer(data, np.uint8)
    start = body
    while start < end:
        stop = data.rfind(b"\n", start, min(start + size, end)) + 1
        if not stop:
            stop = data.find(b"\n", start) + 1 or end
        if stop + 8 <= end:
            yield whole[start : stop + 8], stop - start
        else:
            # The last line may have no line feed.
            tail = data[start:stop] + (b"" if data[stop - 1] == _LF else b"\n")
            yield np.frombuffer(tail + bytes(8), np.uint8), len(tail)
        start = stop


def _id_of_one_length(
    text: NDArray[np.uint8], size: int, length: int, returns: bool
) -> tuple[Fields, Fields]:
    """Split lines after an id of known length; what follows is a label only if it is a known one.

    A second comma needs no check: no label that is compared here has one.
    """
    feeds = np.flatnonzero(text[:size] == _LF)
    starts = np.empty_like(feeds)
    starts[0] = 0
    starts[1:] = feeds[:-1] + 1
    stops = feeds - (text[feeds - 1] == _CR) if returns else feeds
    labels = starts + (length + 1)
    lengths = stops - labels
    if int(lengths.min()) < 0 or bool((text[labels - 1] != _COMMA).any()):
        raise NotClean
    first = int(lengths[0])
    same = bool((lengths == first).all())
    return Fields(text, starts, length), Fields(text, labels, first if same else lengths)


def _two_fields(text: NDArray[np.uint8], size: int, returns: bool) -> tuple[Fields, Fields]:
    """Split lines of exactly two fields; raise NotClean when a line has another number."""
    lines = text[:size]
    ends = np.flatnonzero((lines == _LF) | (lines == _COMMA))
    commas, feeds = ends[0::2], ends[1::2]
    if len(ends) % 2 or bool((text[commas] != _COMMA).any()) or bool((text[feeds] != _LF).any()):
        raise NotClean
    starts = np.empty_like(feeds)
    starts[0] = 0
    starts[1:] = feeds[:-1] + 1
    stops = feeds - (text[feeds - 1] == _CR) if returns else feeds
    return _fields(text, starts, commas), _fields(text, commas + 1, stops)


def _fields(text: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Fields:
    lengths = stops - starts
    first = int(lengths[0])
    return Fields(text, starts, first if bool((lengths == first).all()) else lengths)


def _read_numbers(task: Task, data: bytes, body: int, layout: Layout, index: WordIndex) -> Aligned:
    """Read numbers, and a label beside them, with Arrow's reader."""
    import pyarrow as pa
    import pyarrow.csv as pc

    n = len(index)
    if data.find(b"\r") >= 0 and data.count(b"\r") != data.count(b"\r\n"):
        raise NotClean
    names = [str(position) for position in range(layout.width)]
    types = dict.fromkeys(names, pa.float64())
    types[names[layout.id or 0]] = pa.binary()
    if layout.label is not None:
        types[names[layout.label]] = pa.binary()
    convert = pc.ConvertOptions(column_types=types, null_values=[], check_utf8=False)
    parse = pc.ParseOptions(ignore_empty_lines=False)
    # Arrow fails when a line does not fit into a block.
    block = max(_BLOCK, 64 * layout.width)
    # Threads of Arrow that are still alive after the read can abort the process when it exits.
    read = pc.ReadOptions(column_names=names, block_size=block, use_threads=False)
    aligner = Aligner(index)
    numbers = empty_array((len(layout.numbers), n), np.dtype(np.float64))
    labels = None if layout.label is None else LabelCodes(task)
    codes = np.empty(n, np.int32)
    whole = pa.py_buffer(data)
    done = 0

    def parsed(span: _Span) -> pa.Table:
        start, stop, n_lines = span
        try:
            source = pa.BufferReader(whole.slice(start, stop - start))
            table = pc.read_csv(source, read, parse, convert)
        except (pa.ArrowException, ValueError):
            raise NotClean from None
        if table.num_rows != n_lines:
            raise NotClean
        return table

    spans = list(_spans(data, body, max(_PARSE_CHUNK, 2 * block)))
    for table in _in_order(parsed, spans, pa.cpu_count()):
        if done + table.num_rows > n:
            raise NotClean
        for batch in table.to_batches():
            aligner.add(fields_of_arrow(batch.column(layout.id)))
            rows = slice(done, done + batch.num_rows)
            for row_of_numbers, position in zip(numbers, layout.numbers, strict=True):
                row_of_numbers[rows] = _doubles(batch.column(position))
            if labels is not None:
                codes[rows] = labels.find(fields_of_arrow(batch.column(layout.label)))
            done += batch.num_rows
    order = aligner.rows()
    if order is not None:
        for values in numbers:
            values[order] = values.copy()
    aligned = None if labels is None else scatter(codes, order)
    return Aligned(layout, aligned, MemoryColumns(numbers))


def _in_order(parse: Callable[[_Span], Any], spans: list[_Span], n_threads: int) -> Iterator[Any]:
    """Yield the tables of the spans in order, a few parsed ahead by threads that end here."""
    if min(len(spans), n_threads) < 2:
        yield from map(parse, spans)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(n_threads) as pool:
        ahead: deque[Any] = deque()
        for span in spans:
            ahead.append(pool.submit(parse, span))
            if len(ahead) > n_threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _spans(data: bytes, body: int, size: int) -> Iterator[_Span]:
    """Yield (start, stop, number of lines) of pieces of whole lines."""
    end = len(data)
    whole = np.frombuffer(data, np.uint8)
    start = body
    while start < end:
        stop = data.rfind(b"\n", start, min(start + size, end)) + 1
        if not stop or start + size >= end:
            stop = end
        feeds = (
            np.count_nonzero(whole[at : min(at + _HOT, stop)] == _LF)
            for at in range(start, stop, _HOT)
        )
        n_lines = int(sum(feeds)) + (data[stop - 1] != _LF)
        yield start, stop, n_lines
        start = stop


def _doubles(column: Any) -> NDArray[np.float64]:
    # An Arrow array's own to_numpy() may load pandas.
    return np.frombuffer(column.buffers()[1], np.float64, len(column), 8 * column.offset)
