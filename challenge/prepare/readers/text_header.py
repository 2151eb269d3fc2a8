"""The header of a delimited text file: whether there is one, and the names of the columns."""

from __future__ import annotations

import contextlib
import csv
import re
from dataclasses import replace
from pathlib import Path

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.readers.raw_file import headless
from challenge.prepare.readers.text_rows import Form, Rows, holds, lines_of
from challenge.task.date_texts import DATE_ORDERS, read_date
from challenge.task.number_texts import MISSING, NumberTally

__all__ = ["leave_out_headers", "name_columns"]


def name_columns(
    path: Path, form: Form, lines: list[str], stated: dict[str, object], notes: list[str]
) -> tuple[list[str], Form]:
    """Return the names of the columns, and the form with what the header shows of it."""
    rows: list[list[str]] = []
    top = 0
    found = Rows(iter([f"{line}\n" for line in lines]), form)
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


def leave_out_headers(path: Path, form: Form, header: str, notes: list[str]) -> Form:
    """Return the form that leaves out later lines that are the header again; note their number."""
    if header.isascii() and not any(holds(path, form.encoding, f"{end}{header}") for end in "\n\r"):
        return form
    n = sum(line.rstrip("\r\n") == header for line in lines_of(path, form)) - 1
    if n < 1:
        return form
    times = counted(n, "time")
    notes.append(f"{path.name}: the header again, {times} among the rows, was left out")
    return replace(form, again=header)
