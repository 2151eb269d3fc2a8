"""Delimited text: which delimiter, quotes and header explain the whole file.

What `[raw]` states is taken. Else each choice is made from the bytes: what explains all lines is
taken and noted, and where several readings do and give different cells, the organiser is asked.
Values stay texts; the modality decides later how they are read.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from challenge.prepare.readers.encodings import find_encoding
from challenge.prepare.readers.raw_file import RawFile, damaged
from challenge.prepare.readers.text_batches import batches_of
from challenge.prepare.readers.text_header import leave_out_headers, name_columns
from challenge.prepare.readers.text_quotes import choose_quotes
from challenge.prepare.readers.text_rows import Form, Rows
from challenge.task.definition import Raw

__all__ = ["open_text"]

_DELIMITERS = ",;\t| "
_SAMPLE = 1 << 20
_LINES = 1000
"""Lines in which the delimiter and the header are looked for; all lines must then fit."""
_PRELUDE = 40
"""Most lines before the header."""
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


def open_text(path: Path, raw: Raw | None = None) -> RawFile:
    """Return the table of a delimited text file; `raw` states what is known of its form.

    Raises TaskError for a file that no reading explains, or several.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    for mark, packed in _PACKED.items():
        if sample.startswith(mark):
            raise damaged(path, packed, "unpack it, or save it as CSV, and name that file")
    notes: list[str] = []
    stated = raw.model_dump() if raw is not None else {}
    encoding = stated.get("encoding")
    if encoding is None:
        encoding, remark = find_encoding(path, sample)
        notes += [remark] if remark else []
    # A character or a line may be cut at the end of the sample.
    try:
        "".encode(encoding)
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample)
    except (LookupError, UnicodeError) as error:
        raise damaged(path, error, "correct `encoding` under [raw], or leave it out") from None
    csv.field_size_limit(_LONGEST_FIELD)
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    if len(sample) == _SAMPLE and len(lines) > 1:
        lines.pop()
    form = Form(encoding, comment=stated.get("comment"))
    form = _lay_out(path, form, lines[:_LINES], stated, notes)
    form = choose_quotes(path, form, stated, notes)
    names, form = name_columns(path, form, lines[:_LINES], stated, notes)
    if form.header and len(names) > 1 and 0 < form.top <= len(lines):
        form = leave_out_headers(path, form, lines[form.top - 1], notes)
    found = {
        "encoding": None if encoding == "utf-8" else encoding,
        "delimiter": None if form.delimiter == "," else form.delimiter,
        "quote": None if form.quote == "double" else form.quote,
        "skip": form.skip or None,
        "header": None if form.header else False,
        "comment": form.comment,
    }
    return RawFile(
        path,
        tuple(names),
        batches_of(path, names, form),
        {name: value for name, value in found.items() if value is not None},
        tuple(notes),
    )


def _lay_out(
    path: Path, form: Form, lines: list[str], stated: dict[str, object], notes: list[str]
) -> Form:
    """Return the form with its delimiter, and with the lines to skip before the header."""
    skip = stated.get("skip")
    delimiter = stated.get("delimiter")
    start = int(str(skip)) if skip is not None else 0
    told = re.fullmatch(r"sep=(.)", lines[0].strip('\ufeff"')) if lines and skip is None else None
    if told:
        start, delimiter = 1, delimiter or told[1]
        notes.append(f"line 1 of {path.name} names the delimiter and was skipped")
    form = replace(form, skip=start)
    if delimiter is None:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(lines, form)
        if delimiter != ",":
            notes.append(f"fields of {path.name} were taken to be separated by {_shown(delimiter)}")
    form = replace(form, delimiter=str(delimiter))
    if skip is not None or told:
        return form
    widths = _widths(lines, form)
    usual = _usual_width(widths)
    n = 0
    for n, (width, filled, _) in enumerate(widths):
        named = width in (usual, usual - 1) and width > 1 and (filled > 1 or usual == 2)
        if usual < 2 or named or n == _PRELUDE:
            break
    if n == 0 or n == _PRELUDE or widths[n][0] not in (usual, usual - 1):
        return form
    line = widths[n][2]
    shown = next(one for one in lines if one.strip())
    what = "line 1" if line == 1 else f"lines 1 to {line}"
    notes.append(f"{what} of {path.name}, before the header, skipped: {shown[:60]!r}")
    return replace(form, skip=line)


def _shown(delimiter: str) -> str:
    return {"\t": "tab", " ": "blanks"}.get(delimiter, repr(delimiter))


def _widths(lines: Sequence[str], form: Form) -> list[tuple[int, int, int]]:
    """Return of each row: its fields, those that are not empty, and the lines before it."""
    found: list[tuple[int, int, int]] = []
    for quote in dict.fromkeys((form.quote, "none")):
        found = []
        try:
            rows = Rows(iter([f"{line}\n" for line in lines]), replace(form, quote=quote))
            for row in rows:
                before = rows.line - 1 - sum(cell.count("\n") for cell in row)
                found.append((len(row), sum(map(bool, row)), before))
            return found
        except csv.Error:
            # Quotes may be characters like others, or the sample ends within a field.
            if len(found) > 1:
                return found
    return found


def _usual_width(widths: Sequence[tuple[int, int, int]]) -> int:
    """Return the number of fields of most rows of the later half."""
    later = widths[len(widths) // 2 :]
    return Counter(width for width, *_ in later).most_common(1)[0][0] if later else 0


def _delimiter(lines: list[str], form: Form) -> str:
    """Return the delimiter that gives most rows the same number of fields, at least two."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        if delimiter == " " and best_score[0] > 0.9:
            # Texts have blanks, too.
            continue
        widths = _widths(lines[:200], replace(form, delimiter=delimiter))
        usual = _usual_width(widths)
        if usual < 2:
            continue
        even = sum(width == usual for width, *_ in widths) / len(widths)
        if delimiter == " " and even < 1:
            continue
        if (even, usual) > best_score:
            best, best_score = delimiter, (even, usual)
    return best
