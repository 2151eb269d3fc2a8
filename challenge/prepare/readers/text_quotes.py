"""What quotes and backslashes of a delimited text file mean: one meaning must explain all lines.

Where several do and give different cells, the organiser is asked.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.readers.text_rows import Form, Rows, holds, lines_of, undecoded

__all__ = ["choose_quotes"]

_LINES = 1000
"""Lines with quotes that are looked at together."""
_LITERAL = "\t|"
"""Delimiters of files whose quotes may be characters like others."""


def choose_quotes(path: Path, form: Form, stated: dict[str, object], notes: list[str]) -> Form:
    """Return the form with the meaning of quotes that explains the whole file.

    Raises TaskError when quotes may enclose fields with line breaks, or be characters like
    others, and the rows differ.
    """
    quote = stated.get("quote")
    if quote is not None:
        return replace(form, quote=str(quote))
    if form.delimiter == " " or not holds(path, form.encoding, '"'):
        return form
    if form.delimiter not in _LITERAL and _has_whole_fields(path, form):
        return form
    literal = _literal(path, form)
    if literal is not None and not (literal.odd or literal.inside or literal.partly):
        return form
    first_break, joined = _strict_break(path, form)
    if first_break is None:
        _ask_backslash(path, form)
        if literal is not None and literal.partly and not joined:
            notes.append(
                f"{path.name}, {literal.partly}: quotes were taken to enclose the field; write "
                'quote = "none" under [raw] if they belong to the texts'
            )
        if literal is not None and joined:
            raise TaskError(
                Fault(
                    f"{path.name}, {joined}",
                    "a quote that may enclose a field, or be a character of it: both explain all "
                    "lines, and the cells differ",
                    "one meaning of quotes",
                    'write quote = "double" (they enclose fields) or quote = "none" (they are '
                    "characters like others) under [raw], or --raw with `challenge add`",
                    code="quote-open",
                )
            )
        return form
    breaks = [f"quotes doubled: {first_break}"]
    fitting = []
    if literal is not None and not literal.enclosed and form.delimiter in _LITERAL:
        # Elsewhere an unclosed quote is damage.
        fitting.append("none")
    if holds(path, form.encoding, '\\"'):
        escaped, _ = _strict_break(path, replace(form, quote="backslash"))
        if escaped is None:
            fitting.append("backslash")
        else:
            breaks.append(f"quotes after a backslash: {escaped}")
    if len(fitting) == 1:
        how = {
            "none": "quotes are characters like others",
            "backslash": "a backslash stands before a quote or another special character",
        }[fitting[0]]
        notes.append(f"{path.name}: {how}, since with doubled quotes {first_break}")
        return replace(form, quote=fitting[0])
    if not fitting and len(breaks) == 1:
        # The rows report the line.
        return form
    raise TaskError(
        Fault(
            f"{path.name}, {first_break.split(':')[0]}",
            f"unreadable: {'; '.join(breaks)}",
            "an intact table",
            "close the quote, and double quotes inside a quoted field; or write quote = "
            '"backslash" or quote = "none" under [raw]',
            code="raw-unreadable",
        )
    )


def _ask_backslash(path: Path, form: Form) -> None:
    """Raise TaskError where a backslash before a quote may escape it, or be a character."""
    if not holds(path, form.encoding, '\\"'):
        return
    lines = enumerate(lines_of(path, form), start=1)
    line = next((number for number, text in lines if '\\"' in text), None)
    if line is None:
        return
    broken, _ = _strict_break(path, replace(form, quote="backslash"))
    if broken is None:
        raise TaskError(
            Fault(
                f"{path.name}, line {line}",
                'a backslash before a quote, which may escape it (\\" is ") or be a character of '
                'the text (\\" is \\"): both explain all lines',
                "one meaning of backslashes",
                'write quote = "backslash" or quote = "double" under [raw], or --raw with '
                "`challenge add`",
                code="quote-open",
            )
        )


@dataclass
class _Literal:
    """What a file shows whose lines all have the same number of delimiters.

    `odd`: a line with an odd number of quotes. `inside`: a quote that does not touch a delimiter.
    Between tabs or bars only: `enclosed`, a column whose texts are all in quotes; `partly`, the
    line of a quoted text in a column that has others without quotes, although it needs none.
    """

    odd: bool = False
    inside: bool = False
    enclosed: bool = False
    partly: str = ""


def _has_whole_fields(path: Path, form: Form) -> bool:
    """Whether all quotes are in pairs within a line, each beside a delimiter or the end of a line.

    Then they enclose fields. False where a look at the bytes does not show it.
    """
    if form.encoding != "utf-8" or not form.delimiter.isascii():
        return False
    rest = b""
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            head, line_end, rest = (rest + block).rpartition(b"\n")
            if not line_end or not _is_whole(head, ord(form.delimiter)):
                return False
    return _is_whole(rest, ord(form.delimiter))


def _is_whole(lines: bytes, delimiter: int) -> bool:
    import numpy as np

    lines = lines.replace(b"\r\n", b"\n")
    if b"\r" in lines or b'\\"' in lines:
        return False
    data = np.frombuffer(b"\n" + lines + b"\n", dtype=np.uint8)
    places = np.flatnonzero(data == ord('"'))
    edges = (data == delimiter) | (data == ord("\n"))
    touching = edges[places - 1] | edges[places + 1]
    of_line = np.searchsorted(places, np.flatnonzero(data == ord("\n")))
    return bool(touching.all() and not (np.diff(of_line) % 2).any())


def _literal(path: Path, form: Form) -> _Literal | None:
    """Return what quotes as mere characters would give, None when lines are then ragged."""
    mark = re.escape(form.delimiter)
    inside = re.compile(rf'(?<=[^{mark}\n])"(?=[^{mark}\r\n])')
    of_cells = form.delimiter in _LITERAL
    found = _Literal()
    width: int | None = None
    quoted: list[list[int]] = []
    block: list[str] = []

    def close_block() -> None:
        found.inside = found.inside or inside.search("\n".join(block)) is not None
        block.clear()

    for number, line in enumerate(lines_of(path, form), start=form.skip + 1):
        line = line.rstrip("\r\n")
        if not line.strip():
            continue
        if width is None:
            width = line.count(form.delimiter)
            quoted = [[0, 0, 0] for _ in range(width + 1)]
            continue
        if line.count(form.delimiter) != width:
            return None
        n_quotes = line.count('"')
        found.odd |= n_quotes % 2 == 1
        if n_quotes:
            block.append(line)
        if len(block) == _LINES:
            close_block()
        if not of_cells:
            continue
        for counts, cell in zip(quoted, line.split(form.delimiter), strict=True):
            if cell:
                wrapped = len(cell) > 1 and cell[0] == cell[-1] == '"'
                counts[0] += 1
                counts[1] += wrapped
                if wrapped and not counts[2]:
                    counts[2] = number
    if not width:
        return None
    close_block()
    found.enclosed = any(0 < n == n_wrapped for n, n_wrapped, _ in quoted)
    partly = [line for n, n_wrapped, line in quoted if 0 < n_wrapped < n]
    found.partly = f"line {min(partly)}" if partly else ""
    return found


def _strict_break(path: Path, form: Form) -> tuple[str | None, str]:
    """Return the first line that a form does not explain, and one with a break in a field."""
    rows = Rows(lines_of(path, form), form, marked=holds(path, form.encoding, "\x1a"))
    joined = ""
    try:
        before, width = form.skip, 0
        for row in rows:
            if not joined and any("\n" in cell or "\r" in cell for cell in row):
                joined = f"line {before + 1}"
            before = rows.line
            width = width or len(row)
            if row and len(row) != width and width > 1:
                return f"line {rows.line}: {counted(len(row), 'field')}, {width} expected", joined
    except csv.Error as error:
        return f"line {rows.line}: {error}", joined
    except UnicodeError as error:
        raise undecoded(path, form, rows.line, error) from None
    return None, joined
