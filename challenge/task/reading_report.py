"""The reading report of a task: how raw files were read, and that their books balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenge.errors import counted

__all__ = ["reading_document", "report_lines"]


def reading_document(
    report: Mapping[str, Any], n_built: int, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the report of a converter with the balance of the rows: raw = built + dropped."""
    dropped = {"no label": facts.get("n_unlabelled"), "across the split": facts.get("n_crossing")}
    return {
        **report,
        "rows": {
            "raw": facts["n_raw"],
            "built": n_built,
            "dropped": {why: n for why, n in dropped.items() if n},
        },
    }


def report_lines(reading: Mapping[str, Any]) -> list[str]:
    """Return the report as short lines: rows, columns that were parsed, and what was left out."""
    lines = []
    if rows := reading.get("rows"):
        parts = [f"{rows['built']:,} built", *_counted(rows["dropped"])]
        lines.append(f"rows: {rows['raw']:,} raw = {' + '.join(parts)}")
    for file in reading.get("files", ()):
        if columns := file.get("columns"):
            lines.append(
                f"{file['name']}: {counted(columns['raw'], 'raw column')}"
                f" = {columns['built']:,} built"
                f" + {columns['used']:,} for label, key or split"
                f" + {columns['left_out']:,} left out"
            )
        lines += [f"{file['name']}: {note}" for note in file["notes"]]
    columns = reading.get("columns", ())
    if kept := [_name(one) for one in columns if not one["parsed"] and not one["missing_words"]]:
        lines.append(f"kept as they are: {', '.join(kept)}")
    for one in columns:
        if one["parsed"] or one["missing_words"]:
            words = ", ".join(f"{word!r} {n:,}" for word, n in one["missing_words"].items())
            cells = [(one["parsed"], "parsed"), (one["kept"], "kept"), (one["missing"], "missing")]
            lines.append(
                f"{one['name']}: {one['reading']}: "
                + ", ".join(f"{n:,} {what}" for n, what in cells if n or what == "parsed")
                + (f" ({words})" if words else "")
            )
    for name, n in reading.get("joined", {}).items():
        lines.append(f"{name}: {counted(n, 'cell')} joined with another form of the same value")
    if left_out := reading.get("left_out"):
        why = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
        lines.append(f"left out: {why}")
    # One table may hold both records of a pair; a name may hold a line break.
    return [line.replace("\n", "\\n") for line in dict.fromkeys(lines)]


def _name(column: Mapping[str, Any]) -> str:
    missing = f" ({column['missing']:,} missing)" if column["missing"] else ""
    return f"{column['name']}{missing}"


def _counted(dropped: Mapping[str, int]) -> list[str]:
    return [f"{n:,} dropped ({why})" for why, n in dropped.items()]
