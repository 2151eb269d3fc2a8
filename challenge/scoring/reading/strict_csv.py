"""The strict CSV reader, which defines the grammar: RFC 4180, UTF-8, comma, LF or CRLF.

It finds every fault of the text with its line, and continues after each one. So the same run also
finds the faults of the values. Its time is linear in the size of any file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from challenge.errors import Fault
from challenge.scoring.reading.faults import Tally, fault, shown

__all__ = ["CsvText", "open_text", "read_header"]

_QUOTE = b'"'
_LF = 10
_FEEDS = re.compile(rb"\n+")
_RESAVE = "save it as UTF-8 text, comma between fields"


@dataclass
class CsvText:
    """The records of a CSV text; reading them fills the tallies of its faults."""

    name: str
    data: bytes
    start: int
    delimiter: bytes
    faults: list[Fault]
    _quotes: Tally = field(default_factory=Tally)
    _unclosed: Tally = field(default_factory=Tally)
    _blank: Tally = field(default_factory=Tally)

    def records(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield (line number, fields), the header first; malformed ones yield what they have."""
        data, delimiter = self.data, self.delimiter
        position, line, end = self.start, 1, len(self.data)
        blank = 0
        while position < end:
            if data[position] == _LF:
                run = _FEEDS.match(data, position)
                n_feeds = run.end() - position if run else 0
                position, line, blank = position + n_feeds, line + n_feeds, blank + n_feeds
                continue
            stop = data.find(b"\n", position)
            stop = end if stop < 0 else stop
            text = data[position:stop]
            if _QUOTE in text:
                fields, after, n_lines = self._quoted(position, line)
            else:
                fields, after, n_lines = text.removesuffix(b"\r").split(delimiter), stop + 1, 1
            if fields == [b""] and _QUOTE not in text:
                blank += 1
            else:
                # Blank lines are a fault between records only; at the end they are ignored.
                for one in range(line - blank, line - blank + min(blank, 5)):
                    self._blank.add(f"line {one}")
                self._blank.n += max(blank - 5, 0)
                blank = 0
                yield line, fields
            position, line = after, line + n_lines

    def _quoted(self, position: int, line: int) -> tuple[list[bytes], int, int]:
        """Parse one record that has a quote: (fields, position after it, number of lines)."""
        data, delimiter, end = self.data, self.delimiter, len(self.data)
        fields: list[bytes] = []
        n_lines = 1
        stop = _line_end(data, position)
        while True:
            if data[position : position + 1] != _QUOTE:
                comma = data.find(delimiter, position, stop)
                field_end = stop if comma < 0 else comma
                value = data[position:field_end]
                if comma < 0:
                    value = value.removesuffix(b"\r")
                if _QUOTE in value:
                    self._quotes.add(f"line {line + n_lines - 1}: {shown(value)}")
                fields.append(value)
                if comma < 0:
                    return fields, stop + 1, n_lines
                position = comma + 1
                continue
            close = _closing_quote(data, position)
            if close < 0:
                self._unclosed.add(f"line {line + n_lines - 1}")
                fields.append(data[position + 1 : stop].removesuffix(b"\r"))
                return fields, stop + 1, n_lines
            value = data[position + 1 : close]
            fields.append(value.replace(b'""', _QUOTE))
            inner = value.count(b"\n")
            if inner:
                n_lines += inner
                stop = _line_end(data, close)
            position = close + 1
            if position >= stop or data[position:stop] == b"\r":
                return fields, stop + 1, n_lines
            if data.startswith(delimiter, position):
                position += 1
                if position > end:
                    return fields, stop + 1, n_lines
                continue
            self._quotes.add(f"line {line + n_lines - 1}: text after a closing quote")
            return fields, stop + 1, n_lines

    def grammar_faults(self) -> Iterator[Fault]:
        """Yield the faults that reading the records has found; call it after the last record."""
        if self._quotes.n:
            yield fault(
                "csv-quote",
                self.name,
                f"{self._quotes.n} misplaced quote(s)",
                'a field with a quote inside is quoted, and its quotes doubled: "5"" disk"',
                "write it with a CSV library instead of joining text",
                self._quotes.n,
                self._quotes.first,
            )
        if self._unclosed.n:
            yield fault(
                "csv-unclosed-quote",
                self.name,
                "a quote that is never closed",
                "a closing quote before the next comma or line end",
                "close it, or write the file with a CSV library",
                self._unclosed.n,
                self._unclosed.first,
            )
        if self._blank.n:
            yield fault(
                "csv-blank-line",
                self.name,
                f"{self._blank.n} blank line(s)",
                "one row per line",
                "remove them",
                self._blank.n,
                self._blank.first,
            )


def _line_end(data: bytes, position: int) -> int:
    stop = data.find(b"\n", position)
    return len(data) if stop < 0 else stop


def _closing_quote(data: bytes, opening: int) -> int:
    at = opening + 1
    while True:
        at = data.find(_QUOTE, at)
        if at < 0 or data[at + 1 : at + 2] != _QUOTE:
            return at
        at += 2


def read_header(data: bytes) -> tuple[list[bytes], int] | None:
    """Return the fields of the first record and where the next begins; None when it is faulty."""
    start = 3 if data.startswith(codecs.BOM_UTF8) else 0
    text = CsvText("", data, start, b",", [])
    if data.find(b"\n", start) < 0:
        return None
    if data.find(_QUOTE, start, _line_end(data, start)) < 0:
        stop = _line_end(data, start)
        return data[start:stop].removesuffix(b"\r").split(b","), stop + 1
    fields, after, _ = text._quoted(start, 1)
    return None if any(text.grammar_faults()) else (fields, after)


def open_text(name: str, data: bytes) -> CsvText | list[Fault]:
    """Return the text with the faults of its encoding, or only faults when it is not text."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return [fault("text-encoding", name, "UTF-16, at byte 0", "UTF-8", "save it as UTF-8 text")]
    start = 3 if data.startswith(codecs.BOM_UTF8) else 0
    nul = data.find(b"\0", 0, 1 << 16)
    if nul >= 0:
        found = f"binary data: a zero byte at byte {nul}"
        return [fault("text-encoding", name, found, "UTF-8 text or Parquet", _RESAVE)]
    faults: list[Fault] = []
    bad = _first_invalid(data)
    if bad is not None:
        line = data.count(b"\n", 0, bad) + 1
        faults.append(
            fault(
                "text-encoding",
                name,
                f"byte 0x{data[bad]:02x} at byte {bad}, line {line}",
                "UTF-8",
                "save it as UTF-8 text",
            )
        )
    if b"\n" not in data and b"\r" in data:
        faults.append(
            fault(
                "text-line-end",
                name,
                "lines that end with a carriage return alone",
                "lines that end with \\n or \\r\\n",
                "save it with Unix or Windows line ends",
            )
        )
        data = data.replace(b"\r", b"\n")
    delimiter = _delimiter(data[start:][: 1 << 16].split(b"\n", 1)[0])
    if delimiter != b",":
        shown_delimiter = "a tab" if delimiter == b"\t" else repr(delimiter.decode())
        faults.append(
            fault(
                "csv-delimiter",
                name,
                f"{shown_delimiter} between fields",
                "a comma between fields",
                'write with sep=","',
            )
        )
    return CsvText(name, data, start, delimiter, faults)


def _delimiter(header: bytes) -> bytes:
    if b"," in header:
        return b","
    others = [other for other in (b";", b"\t", b"|") if other in header]
    return max(others, key=header.count) if others else b","


def _first_invalid(data: bytes) -> int | None:
    """Return the offset of the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    step = 1 << 20
    for at in range(0, len(data), step):
        before = len(decoder.getstate()[0])
        try:
            decoder.decode(data[at : at + step], final=at + step >= len(data))
        except UnicodeDecodeError as error:
            return at - before + error.start
    return None
