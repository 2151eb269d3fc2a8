"""Fifty patents of each class: a balanced sample of the task patent-class beside this one."""

from __future__ import annotations

from pathlib import Path

from challenge.prepare import RawTable, load_converter

PER_CLASS = 50


def convert(raw: Path) -> RawTable:
    whole = load_converter(Path(__file__).parents[1] / "patent-class" / "convert.py")
    table: RawTable = whole.read_patents(raw, per_class=PER_CLASS)
    return table
