"""The form of a delimited text file, and its lines and rows in that form."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from challenge.errors import TaskError
from challenge.prepare.readers.raw_file import damaged

__all__ = ["Form", "Rows", "holds", "lines_of", "undecoded"]

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
"""What MySQL writes after a backslash; any other character means itself."""
_HELD = 0xF0000
"""Start of a private range of Unicode: escaped characters are moved there while rows are cut."""


@dataclass(frozen=True)
class Form:
    """How the lines of a file become rows of fields.

    `drops_last`: each row ends with a delimiter, so that its last field is empty. `top` counts the
    lines down to the header, or those that are skipped where there is none. `again` is the line of
    the header if it occurs in the rows, too, as in files that were put together.
    """

    encoding: str
    delimiter: str = ","
    quote: str = "double"
    skip: int = 0
    header: bool = True
    comment: str | None = None
    padded: bool = False
    drops_last: bool = False
    top: int = 0
    again: str | None = None


class Rows:
    """The rows of lines in a form.

    Blank lines, comments and the end-of-file mark of DOS are left out. `marked`: such a mark may
    occur.
    """

    def __init__(self, lines: Iterator[str], form: Form, marked: bool = True) -> None:
        self._line = 0
        self._form = form
        changed = form.skip or form.comment or form.again or form.quote == "backslash"
        self._is_direct = not (marked or changed or form.delimiter == " ")
        delimiter = form.delimiter
        self._reader = csv.reader(
            lines if self._is_direct else self._counted(lines),
            delimiter=delimiter,
            quoting=csv.QUOTE_NONE if form.quote == "none" else csv.QUOTE_MINIMAL,
            strict=True,
            skipinitialspace=form.padded or delimiter == " ",
        )

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self._reader.line_num if self._is_direct else self._line

    def _counted(self, lines: Iterator[str]) -> Iterator[str]:
        form = self._form
        spaced, escaped = form.delimiter == " ", form.quote == "backslash"
        for self._line, line in enumerate(lines, start=1):
            if self._line <= form.skip or (form.comment and line.startswith(form.comment)):
                continue
            if line.startswith("\x1a") and not line.strip("\x1a\r\n"):
                continue
            if self._line > form.top and line.rstrip("\r\n") == form.again:
                continue
            if spaced:
                line = line.replace("\t", " ").strip()
            if escaped and "\\" in line:
                while line.rstrip("\r\n").endswith("\\") and _ends_open(line):
                    line = line.rstrip("\r\n")[:-1] + chr(_HELD + 10) + next(lines, "")
                    self._line += 1
                line = _hold(line, form.delimiter)
            yield line

    def __iter__(self) -> Iterator[list[str]]:
        if self._form.quote == "backslash":
            return ([_release(cell) for cell in row] for row in self._reader if row)
        return filter(None, self._reader)


def _ends_open(line: str) -> bool:
    """Whether the line break after a line is escaped: an odd number of backslashes before it."""
    plain = line.rstrip("\r\n")
    return (len(plain) - len(plain.rstrip("\\"))) % 2 == 1


def _hold(line: str, delimiter: str) -> str:
    r"""Return a line whose escaped characters are held apart; a field that is `\N` is empty."""

    def held(found: re.Match[str]) -> str:
        before, after = line[: found.start()][-1:], line[found.end() :][:1]
        if found[1] == "N" and before in ("", delimiter) and after in ("", "\r", "\n", delimiter):
            return ""
        return (
            chr(_HELD + ord(_ESCAPES.get(found[1], found[1]))) if ord(found[1]) < 128 else found[0]
        )

    return re.sub(r"\\(.)", held, line)


def _release(cell: str) -> str:
    return re.sub("[\U000f0000-\U000f007f]", lambda found: chr(ord(found[0]) - _HELD), cell)


def lines_of(path: Path, form: Form) -> Iterator[str]:
    """Yield the lines with their ends; a byte order mark of UTF-8 is no character."""
    encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
    with path.open(encoding=encoding, newline="") as file:
        yield from file


def holds(path: Path, encoding: str, text: str) -> bool:
    """Whether the characters occur in the file; some character of them is ASCII."""
    sought = text.encode("ascii")
    if encoding.startswith(("utf-16", "utf-32")):
        return True
    with path.open("rb") as file:
        rest = b""
        for block in iter(lambda: file.read(1 << 22), b""):
            if sought in rest + block:
                return True
            rest = block[-len(sought) :]
    return False


def undecoded(path: Path, form: Form, line: int, error: UnicodeError) -> TaskError:
    """Return the fault of bytes that are none of the encoding."""
    why = getattr(error, "reason", error)
    text = f"not {form.encoding} near line {line}: {why}"
    return damaged(path, text, "name the encoding under [raw]")
