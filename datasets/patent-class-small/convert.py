"""Fifty patents of each class: a balanced sample of the task patent-class beside this one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from challenge.prepare.raw import RawTable

PER_CLASS = 50


def convert(raw: Path) -> RawTable:
    file = Path(__file__).resolve().parents[1] / "patent-class" / "convert.py"
    spec = importlib.util.spec_from_file_location("patent_class_convert", file)
    assert spec is not None
    assert spec.loader is not None
    whole = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(whole)
    table: RawTable = whole.read_patents(raw, per_class=PER_CLASS)
    return table
