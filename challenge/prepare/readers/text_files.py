"""Delimited text: which delimiter, quotes and header explain the whole file, and its rows.

What `[raw]` states is taken. Else each choice is made from the bytes: what explains all lines is
taken and noted, and where several readings do and give different cells, the organiser is asked.
Values stay texts; the modality decides later how they are read.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.readers.encodings import find_encoding
from challenge.prepare.readers.raw_file import ROWS, RawFile, damaged, headless
from challenge.task.date_texts import DATE_ORDERS, read_date
from challenge.task.definition import Raw
from challenge.task.number_texts import MISSING, NumberTally

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_text"]

_DELIMITERS = ",;\t| "
_LITERAL = "\t|"
"""Delimiters of files whose quotes may be characters like others."""
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
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
"""What MySQL writes after a backslash; any other character means itself."""
_HELD = 0xF0000
"""Start of a private range of Unicode: escaped characters are moved there while rows are cut."""


@dataclass(frozen=True)
class _Form:
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
    form = _Form(encoding, comment=stated.get("comment"))
    form = _lay_out(path, form, lines[:_LINES], stated, notes)
    form = _choose_quotes(path, form, stated, notes)
    names, form = _name_columns(path, form, lines[:_LINES], stated, notes)
    if form.header and len(names) > 1 and 0 < form.top <= len(lines):
        form = _leave_out_headers(path, form, lines[form.top - 1], notes)
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
        _batches(path, names, form),
        {name: value for name, value in found.items() if value is not None},
        tuple(notes),
    )


def _leave_out_headers(path: Path, form: _Form, header: str, notes: list[str]) -> _Form:
    """Return the form that leaves out later lines that are the header again; note their number."""
    if header.isascii() and not any(_has(path, form.encoding, f"{end}{header}") for end in "\n\r"):
        return form
    n = sum(line.rstrip("\r\n") == header for line in _lines(path, form)) - 1
    if n < 1:
        return form
    times = counted(n, "time")
    notes.append(f"{path.name}: the header again, {times} among the rows, was left out")
    return replace(form, again=header)


def _lay_out(
    path: Path, form: _Form, lines: list[str], stated: dict[str, object], notes: list[str]
) -> _Form:
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


def _widths(lines: Sequence[str], form: _Form) -> list[tuple[int, int, int]]:
    """Return of each row: its fields, those that are not empty, and the lines before it."""
    found: list[tuple[int, int, int]] = []
    for quote in dict.fromkeys((form.quote, "none")):
        found = []
        try:
            rows = _Rows(iter([f"{line}\n" for line in lines]), replace(form, quote=quote))
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


def _delimiter(lines: list[str], form: _Form) -> str:
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


def _choose_quotes(path: Path, form: _Form, stated: dict[str, object], notes: list[str]) -> _Form:
    """Return the form with the meaning of quotes that explains the whole file.

    Raises TaskError when quotes may enclose fields with line breaks, or be characters like
    others, and the rows differ.
    """
    quote = stated.get("quote")
    if quote is not None:
        return replace(form, quote=str(quote))
    if form.delimiter == " " or not _has(path, form.encoding, '"'):
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
    if _has(path, form.encoding, '\\"'):
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


def _ask_backslash(path: Path, form: _Form) -> None:
    """Raise TaskError where a backslash before a quote may escape it, or be a character."""
    if not _has(path, form.encoding, '\\"'):
        return
    lines = enumerate(_lines(path, form), start=1)
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


def _has_whole_fields(path: Path, form: _Form) -> bool:
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


def _literal(path: Path, form: _Form) -> _Literal | None:
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

    for number, line in enumerate(_lines(path, form), start=form.skip + 1):
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


def _strict_break(path: Path, form: _Form) -> tuple[str | None, str]:
    """Return the first line that a form does not explain, and one with a break in a field."""
    rows = _Rows(_lines(path, form), form, marked=_has(path, form.encoding, "\x1a"))
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
        raise _undecoded(path, form, rows.line, error) from None
    return None, joined


def _name_columns(
    path: Path, form: _Form, lines: list[str], stated: dict[str, object], notes: list[str]
) -> tuple[list[str], _Form]:
    """Return the names of the columns, and the form with what the header shows of it."""
    rows: list[list[str]] = []
    top = 0
    found = _Rows(iter([f"{line}\n" for line in lines]), form)
    # The sample may end within a field; the rows report such a fault.
    with contextlib.suppress(csv.Error):
        for row in found:
            top = top or found.line
            rows.append(row)
    if not rows or not any(rows[0]):
        raise headless(path, "nothing")
    names = rows[0]
    widths = {len(row) for row in rows[1:]}
    header = stated.get("header")
    if header is None:
        header = _has_header(path, rows, notes)
    form = replace(form, top=top if header else form.skip)
    if not header:
        form = replace(form, header=False)
        return [f"column_{number}" for number in range(1, len(names) + 1)], form
    if len(names) > 1 and widths == {len(names) + 1}:
        last = {row[-1] for row in rows[1:]}
        if last == {""}:
            form = replace(form, drops_last=True)
            notes.append(f"rows of {path.name} end with a delimiter; the empty field was dropped")
        else:
            _refuse_split_fields(path, rows[1:], form.delimiter)
            names = ["index", *names]
            notes.append(f"the first column of {path.name} has no name and was named index")
    elif len(names) > 2 and not names[-1] and all(row[-1] == "" for row in rows[1:]):
        names = names[:-1]
        form = replace(form, drops_last=True)
        notes.append(f"rows of {path.name} end with a delimiter; the empty field was dropped")
    if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
        form = replace(form, padded=True)
        names = [name.lstrip(" ") for name in names]
        notes.append(f"blanks after the separators of {path.name} were removed")
    if len(names) > 1 and not names[0] and "index" not in names:
        # pandas writes its row index this way.
        names[0] = "index"
        notes.append(f"the first column of {path.name} has no name and was named index")
    if any(not name.strip() for name in names):
        raise headless(path, "an empty name in the header")
    return names, form


def _refuse_split_fields(path: Path, rows: list[list[str]], delimiter: str) -> None:
    """Raise TaskError where a field more than the header names need not be an index.

    It is an index if it counts up, or differs in every row and nothing else explains the field: a
    number with a decimal comma, or a text with the delimiter between single quotes.
    """
    first = [row[0] for row in rows]
    if any(first == [str(n) for n in range(start, start + len(rows))] for start in (0, 1)):
        return
    split = None
    for index in range(len(rows[0]) - 1):
        pairs = [(row[index], row[index + 1]) for row in rows]
        number = delimiter == "," and all(
            re.fullmatch(r"[-+]?[0-9]+", a) and re.fullmatch(r"[0-9]+", b) for a, b in pairs
        )
        text = all(a.lstrip().startswith("'") and b.rstrip().endswith("'") for a, b in pairs)
        if number or text:
            split = f"{pairs[0][0]}{delimiter}{pairs[0][1]}"
            break
    if split is None and len(set(first)) == len(first):
        return
    other = f", or {split!r} one value" if split is not None else ", but its values recur"
    raise TaskError(
        Fault(
            path.name,
            f"rows have a field more than the header: the first may be an index{other}",
            "a name for each column",
            "give the first column a name, or put double quotes around values that contain the "
            "delimiter",
            code="raw-index",
        )
    )


def _has_header(path: Path, rows: list[list[str]], notes: list[str]) -> bool:
    """Whether the first row has names: what it shows in each column, compared with the others.

    A number above numbers, or a text that recurs below, is a value; another text above numbers
    or above few texts that recur is a name.
    """
    first = rows[0]
    rest = [row for row in rows[1:] if row != first] or rows[1:]
    if len(rest) < 2 or first == [str(number) for number in range(len(first))]:
        return True
    values = names = recurring = 0
    for index, name in enumerate(first):
        below = [row[index] for row in rest if index < len(row)]
        below = [text for text in below if text.strip().casefold() not in MISSING]
        if not below or not name:
            continue
        distinct = set(below)
        if _all_typed(distinct):
            values, names = (values + 1, names) if _all_typed({name}) else (values, names + 1)
        elif name in distinct:
            recurring += 1
        elif len(distinct) <= max(2, 0.3 * len(below)):
            names += 1
    if names or not values + recurring:
        return True
    if recurring or values == len(first):
        notes.append(
            f"{path.name} has no header: its first line {', '.join(first[:4])!r} looks like the "
            "others; write header = true under [raw] if it has the names"
        )
        return False
    notes.append(
        f"the first line of {path.name}, {', '.join(first[:4])!r}, was taken for the header; "
        "write header = false under [raw] if it is a row"
    )
    return True


def _all_typed(texts: set[str]) -> bool:
    """Whether all texts are numbers, or all are dates of one order."""
    import pyarrow as pa

    numbers = NumberTally()
    numbers.update(pa.array(sorted(texts), pa.string()))
    if numbers.forms and numbers.n:
        return True
    return any(all(read_date(text, order) is not None for text in texts) for order in DATE_ORDERS)


class _Rows:
    """The rows of lines in a form.

    Blank lines, comments and the end-of-file mark of DOS are left out. `marked`: such a mark may
    occur.
    """

    def __init__(self, lines: Iterator[str], form: _Form, marked: bool = True) -> None:
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


def _lines(path: Path, form: _Form) -> Iterator[str]:
    """Yield the lines with their ends; a byte order mark of UTF-8 is no character."""
    encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
    with path.open(encoding=encoding, newline="") as file:
        yield from file


def _has(path: Path, encoding: str, text: str) -> bool:
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


def _batches(
    path: Path, names: Sequence[str], form: _Form
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Return the opener of all rows: columns as texts, empty fields as null.

    pyarrow's CSV reader is fast but accepts an unclosed quote. It reads only files without any
    quote; the strict reader of the standard library reads the rest and reports faulty lines.
    """
    usual = _Form("utf-8", form.delimiter, skip=form.skip, header=form.header, top=form.top)
    plain = form == usual and form.delimiter != " " and form.delimiter.isascii()
    if plain and not _has(path, "utf-8", '"'):
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


def _plain_batches(path: Path, names: Sequence[str], form: _Form) -> Iterator[pa.RecordBatch]:
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


def _strict_batches(path: Path, names: Sequence[str], form: _Form) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in names])
    rows = _Rows(_lines(path, form), form, marked=_has(path, form.encoding, "\x1a"))
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
        raise _undecoded(path, form, rows.line, error) from None
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


def _undecoded(path: Path, form: _Form, line: int, error: UnicodeError) -> TaskError:
    why = getattr(error, "reason", error)
    text = f"not {form.encoding} near line {line}: {why}"
    return damaged(path, text, "name the encoding under [raw]")


def _batch(cells: list[str], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers
    columns = [pa.array(cells[start :: len(schema)], pa.string()) for start in range(len(schema))]
    filled = [pc.if_else(pc.equal(one, ""), None, one) for one in columns]
    return pa.record_batch(filled, schema=schema)
