"""Caps of Excel workbooks: a few kilobytes can state endless rows and gigabytes of XML."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["bounded_rows", "check_workbook"]

MOST_BYTES = 1 << 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""With the others, a few bytes unpack to gigabytes in one step."""
MOST_ROWS = 1_048_576
"""As in Excel."""
MOST_CELLS = 30_000_000


def check_workbook(path: Path) -> None:
    """Raise ValueError when the parts of a workbook unpack to more than a gigabyte."""
    with zipfile.ZipFile(path) as content:
        parts = content.infolist()
    if any(part.compress_type not in _METHODS for part in parts):
        raise ValueError("it is packed in another way than Excel does")
    n_bytes = sum(part.file_size for part in parts)
    if n_bytes > MOST_BYTES:
        raise ValueError(f"it unpacks to {n_bytes:,} bytes (at most {MOST_BYTES:,})")


def bounded_rows(sheet: Any) -> Iterator[list[Any]]:
    """Yield the cells of each row, without empty ones at its end; raise ValueError at the cap.

    `sheet` is a worksheet that openpyxl reads only; rows beyond those of Excel are left out.
    """
    # The stated size of the sheet would pad each row and add missing ones.
    sheet.reset_dimensions()
    n_cells = 0
    for row in sheet.iter_rows(max_row=MOST_ROWS):
        cells = list(row)
        while cells and cells[-1].value is None:
            cells.pop()
        n_cells += len(cells)
        if n_cells > MOST_CELLS:
            raise ValueError(f"a sheet of more than {MOST_CELLS:,} cells")
        yield cells
