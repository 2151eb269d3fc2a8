"""Workbooks: one sheet as a table of texts; errors, formulas and other sheets are noted."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, MissingRequirement, TaskError, counted
from challenge.prepare.readers.raw_file import ROWS, RawFile, damaged, headless
from challenge.prepare.readers.workbook_caps import bounded_rows, check_workbook
from challenge.task.definition import Raw

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_workbook"]

_PADDED = re.compile(r'0{2,}((\\?[-/ ]|"[-/ ]")0{2,})*')
"""Formats of whole numbers that are codes: a cell of 42 shows 00042, or 000-00-0042."""


def open_workbook(path: Path, raw: Raw | None = None) -> RawFile:
    """Return a sheet of a workbook: the one that `raw` names, else the first visible one.

    Error cells are missing values. Raises TaskError for a damaged file, an unknown sheet, and a
    column with values but no name; MissingRequirement without openpyxl.
    """
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
        states = {sheet.title: sheet.sheet_state for sheet in book.worksheets}
    except Exception as error:  # openpyxl raises whatever zipfile, lxml and itself raise
        raise damaged(path, error, "save the sheet as CSV") from error
    name = _sheet(path, states, None if raw is None else raw.sheet)
    notes = []
    if len(states) > 1:
        others = ", ".join(
            f"{one!r}{'' if state == 'visible' else ' (hidden)'}"
            for one, state in states.items()
            if one != name
        )
        notes.append(f"sheet {name!r} of {path.name} was read, and not {others}")
    try:
        rows = [[(_shown(one), one.data_type) for one in row] for row in bounded_rows(book[name])]
        formulas = _formulas(path, name) if _has_formulas(path) else set()
    except Exception as error:
        raise damaged(path, error, "save the sheet as CSV") from error
    places = [n for n, row in enumerate(rows) if any(value is not None for value, _ in row)]
    skip = _before_header(rows, places, None if raw is None else raw.skip)
    if skip:
        notes.append(
            f"{counted(skip, 'row', 'stands', 'stand')} before the header of {path.name}, skipped"
        )
    visible = [one for one, state in states.items() if state == "visible" and one != name]
    if (raw is None or raw.sheet is None) and visible and len(places) < skip + 2:
        raise TaskError(
            Fault(path.name, f"sheet {name!r} has no rows below a header "
                  f"(there are also: {', '.join(map(repr, visible))})", "a sheet with a table",
                  "name one as `sheet` under [raw], or --raw sheet=… with `challenge add`",
                  "raw-sheet")
        )  # fmt: skip
    named, places = _header(path, rows, places[skip:], notes)
    columns: list[list[str | None]] = []
    for index, column in named.items():
        cells = [rows[n][index] if index < len(rows[n]) else (None, "n") for n in places]
        n_errors = sum(kind == "e" for _, kind in cells)
        n_unknown = sum((n, index) in formulas for n in places)
        if n_errors:
            notes.append(
                f"column {column}: {counted(n_errors, 'error cell')}, such as #N/A, read as missing"
            )
        if n_unknown:
            notes.append(
                f"column {column}: {counted(n_unknown, 'formula')} without a stored value, read as "
                f"missing; open {path.name} in a spreadsheet program and save it to have them"
            )
        columns.append([None if kind == "e" else _cell(value) for value, kind in cells])
    names = list(named.values())
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=ROWS)

    stated: dict[str, str | int | bool] = {"sheet": name} if len(states) > 1 else {}
    return RawFile(
        path, tuple(names), batches, stated | ({"skip": skip} if skip else {}), tuple(notes)
    )


def _sheet(path: Path, states: dict[str, str], wanted: str | None) -> str:
    visible = [name for name, state in states.items() if state == "visible"]
    if wanted is None and visible:
        return visible[0]
    if wanted in states:
        return str(wanted)
    found = f"no sheet {wanted!r}" if wanted is not None else "no visible sheet"
    raise TaskError(
        Fault(path.name, f"{found} (there are: {', '.join(map(repr, states))})",
              "a sheet with a table", "name one as `sheet` under [raw]", "raw-sheet")
    )  # fmt: skip


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as content:
        sheets = [name for name in content.namelist() if name.startswith("xl/worksheets/")]
        return any(re.search(rb"<f[ >/]", content.read(name)) for name in sheets)


def _formulas(path: Path, sheet: str) -> set[tuple[int, int]]:
    """Return row and column, from 0, of each formula whose value is not stored."""
    import openpyxl

    known = openpyxl.load_workbook(path, read_only=True, data_only=True)[sheet].iter_rows()
    written = openpyxl.load_workbook(path, read_only=True)[sheet].iter_rows()
    return {
        (n, index)
        for n, (values, formulas) in enumerate(zip(known, written, strict=True))
        for index, (value, formula) in enumerate(zip(values, formulas, strict=True))
        if formula.data_type == "f" and value.value is None
    }


def _before_header(rows: list[list[tuple[Any, str]]], places: list[int], stated: int | None) -> int:
    """Return how many filled rows stand before the header: titles, with one filled cell."""
    if stated is not None:
        return stated
    filled = [sum(value is not None for value, _ in rows[n]) for n in places]
    usual = sorted(filled)[len(filled) // 2] if filled else 0
    if usual < 3:
        return 0
    return next((n for n, count in enumerate(filled) if count > 1), 0)


def _header(
    path: Path, rows: list[list[tuple[Any, str]]], places: list[int], notes: list[str]
) -> tuple[dict[int, str], list[int]]:
    """Return the names of the columns by their position, and the rows below them.

    A column without name and values is left out.
    """
    from openpyxl.utils import get_column_letter

    header = [_cell(value) for value, _ in rows[places[0]]] if places else []
    width = max((i + 1 for i, name in enumerate(header) if name), default=0)
    if width > 1 and not header[0] and all(header[1:width]) and "index" not in header:
        # pandas writes its row index this way.
        header[0] = "index"
        notes.append(f"the first column of {path.name} has no name and was named index")
    named = {i: str(name) for i, name in enumerate(header[:width]) if name}
    for n in places[1:]:
        for i, (value, _) in enumerate(rows[n]):
            if i not in named and value is not None:
                raise headless(
                    path,
                    f"a value in cell {get_column_letter(i + 1)}{n + 1}, whose column has no name",
                )
    if len(named) < width:
        letters = [get_column_letter(i + 1) for i in range(width) if i not in named]
        notes.append(
            f"column {', '.join(letters)} of {path.name} has neither name nor values, left out"
        )
    return named, places[1:]


def _shown(cell: Any) -> Any:
    """Return the value of a cell; a whole number padded by its format as the text it shows."""
    value = cell.value
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value // 1:
        return value
    form = _PADDED.fullmatch(cell.number_format or "")
    if form is None or value < 0:
        return value
    marks = form[0].replace("\\", "").replace('"', "")
    digits = f"{int(value):0{marks.count('0')}}"
    shown = []
    for mark in reversed(marks):
        shown.append(mark if mark != "0" else digits[-1])
        digits = digits if mark != "0" else digits[:-1]
    return digits + "".join(reversed(shown))


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        # Excel stores the integer 7 as 7.0.
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    return str(value)
