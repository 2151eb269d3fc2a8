"""The reading report of a task: how raw files were read, and that their books balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        lines += [f"{file['name']}: {note}" for note in file["notes"]]
    kept = [one["name"] for one in reading.get("columns", ()) if not one["parsed"]]
    if kept:
        lines.append(f"kept as they are: {', '.join(kept)}")
    for one in reading.get("columns", ()):
        if one["parsed"] or one["missing_words"]:
            missing = f", {one['missing']:,} missing" if one["missing"] else ""
            words = ", ".join(f"{word!r} {n:,}" for word, n in one["missing_words"].items())
            lines.append(
                f"{one['name']}: {one['reading']}: {one['parsed']:,} cells{missing}"
                + (f" ({words})" if words else "")
            )
    if left_out := reading.get("left_out"):
        why = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
        lines.append(f"left out: {why}")
    return lines


def _counted(dropped: Mapping[str, int]) -> list[str]:
    return [f"{n:,} dropped ({why})" for why, n in dropped.items()]
