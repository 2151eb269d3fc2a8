"""Compares random cells of a built task with its raw file, which another library reads.

    python -m benchmarks.cells datasets/TASK --cells 1000 --seed 2

For tables of CSV or JSON: pandas and `json` read the raw file as task.toml states it, `hmac` finds
the built row. Images are not compared. Exit 1 when a cell is wrong or the rows do not balance.
"""

from __future__ import annotations

import argparse
import csv
import hmac
import io
import json
import random
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from challenge.task.definition import Raw, TaskDefinition, read_definition

Row = dict[str, Any]


def _present(fields: list[tuple[str, Any]]) -> Row:
    return {name: value for name, value in fields if value is not None}


def raw_rows(folder: Path, definition: TaskDefinition) -> Iterator[Row]:
    """Yield the raw rows by column name, in the order of the files."""
    raw = definition.raw
    source = definition.source[0].path
    assert source and raw.file, "only tasks with a `path` and a `file`"
    for path in sorted((folder / source).glob(raw.file)):
        if path.suffix in (".jsonl", ".ndjson"):
            lines = path.read_bytes().splitlines()
            yield from (_flat(json.loads(line)) for line in lines if line.strip())
        elif path.suffix == ".json":
            yield from map(_flat, json.loads(path.read_text(encoding="utf-8")))
        else:
            yield from _delimited(path, raw)


def _flat(record: Row, outer: str = "") -> Row:
    flat: Row = {}
    for name, value in record.items():
        inner = isinstance(value, dict)
        flat |= _flat(value, f"{outer}{name}.") if inner else {f"{outer}{name}": value}
    return flat


def _delimited(path: Path, raw: Raw) -> Iterator[Row]:
    text = path.read_bytes().decode(raw.encoding or "utf-8-sig")
    lines = io.StringIO(text, newline="").readlines()[raw.skip or 0 :]
    kept = [line for line in lines if not raw.comment or not line.startswith(raw.comment)]
    table = pd.read_csv(
        io.StringIO("".join(kept), newline=""),
        sep=raw.delimiter or ",",
        engine="c",
        dtype=str,
        keep_default_na=False,
        header=None if raw.header is False else 0,
        quoting=csv.QUOTE_NONE if raw.quote == "none" else csv.QUOTE_MINIMAL,
        escapechar="\\" if raw.quote == "backslash" else None,
    )
    if raw.header is False:
        table.columns = [f"column_{number + 1}" for number in range(table.shape[1])]
    yield from (
        {str(name): value for name, value in row.items()} for row in table.to_dict("records")
    )


def expected(value: Any, reading: str, missing: set[str]) -> Any:
    """Return what a raw cell means under a reading: text, number, time, or "" for missing."""
    if isinstance(value, list):
        return value or ""
    if value is None or value != value or value in missing:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text or reading == "as it is":
        return text[:-2] if isinstance(value, float) and text.endswith(".0") else text
    if reading.startswith("numbers written "):
        marks = [sign for sign in reading.removeprefix("numbers written ") if not sign.isdecimal()]
        plain = text.strip().strip("%$\u20ac\u00a3 ").replace("\u2212", "-")
        plain = plain.replace(marks[0], "") if len(marks) == 2 else plain
        return float(Decimal(plain.replace(marks[-1], ".")))
    form, _, zone = reading.removeprefix("dates written ").partition(", without a zone in ")
    pattern = form if "%" in form else None
    moment = pd.to_datetime(text, format=pattern, dayfirst=form == "dmy", yearfirst=form == "ymd")
    return moment if moment.tzinfo is not None else moment.tz_localize(zone or "UTC")


def same(built: str, wanted: Any) -> bool:
    """Whether a built cell of the CSV export has the expected value."""
    if isinstance(wanted, float):
        return built != "" and float(built) == wanted
    if isinstance(wanted, datetime):
        return built != "" and bool(pd.Timestamp(built) == wanted)
    if isinstance(wanted, list):
        plain = json.loads(json.dumps(wanted), object_pairs_hook=_present)
        return built in (json.dumps(plain, ensure_ascii=False), ", ".join(map(str, wanted)))
    return bool(built == wanted)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("task", type=Path)
    options.add_argument("--cells", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    definition = read_definition(asked.task)
    raw = definition.raw
    report = json.loads((asked.task / "public" / "task.json").read_text("utf-8"))["reading"]
    secret = (asked.task / "private" / "secret").read_bytes()
    built: dict[str, Row] = {}
    for side in ("train", "test"):
        text = (asked.task / "public" / f"{side}.csv").read_bytes().decode()
        built |= {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    images = [one.name for one in definition.feature_columns() if one.modality == "image"]
    readings = {one["name"]: one for one in report["columns"] if one["name"] not in images}
    pairs: list[tuple[int, Row, Row]] = []
    n_raw = n_unlabelled = 0
    for n_raw, row in enumerate(raw_rows(asked.task, definition), start=1):
        key = f"row {n_raw}" if raw.key is None else str(row[raw.key])
        digest = hmac.digest(secret, b"row\0" + key.encode(), "sha256")
        if (found := built.pop(f"r{digest[:8].hex()}", None)) is not None:
            pairs.append((n_raw, row, found))
        n_unlabelled += expected(row.get(raw.label or "label"), "as it is", set(raw.missing)) == ""
    balanced = not built and n_raw == len(pairs) + n_unlabelled == report["rows"]["raw"]
    chance, wrong = random.Random(asked.seed), 0
    for _ in range(asked.cells):
        (number, row, found), name = chance.choice(pairs), chance.choice(list(readings))
        text = row.get(str(raw.options.get(f"from_{name}", name)))
        words = {*raw.missing, *readings[name]["missing_words"]}
        wanted = expected(text, readings[name]["reading"], words)
        if not same(found[name], wanted):
            wrong += 1
            print(f"row {number}, column {name}: raw {text!r}, built {found[name]!r}")
    print(f"{n_raw:,} raw rows, {len(pairs):,} built; {asked.cells:,} cells, {wrong} wrong")
    sys.exit(int(wrong > 0 or not balanced))


if __name__ == "__main__":
    main()
