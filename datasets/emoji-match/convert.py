"""The same emoji drawn by two vendors; pairs are made after the split."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from challenge.prepare.raw import RawRecords, in_batches
from challenge.task.images import draw_svg

PIXELS = 72
SKIN_TONES = {f"1F3F{tone}" for tone in "BCDEF"}
GENDERS = {"2640", "2642"}
GLUE = {"200D", "FE0F"}
NEITHER_PERSON = {"1F468": "1F9D1", "1F469": "1F9D1"}


def convert(raw: Path) -> RawRecords:
    with (raw / "0/package/data/openmoji.csv").open(encoding="utf-8", newline="") as content:
        openmoji = {_plain(row["hexcode"]): row for row in csv.DictReader(content)}
    google = _google(raw / "1/package")
    rows: list[dict[str, Any]] = []
    subgroups = {}
    for code in sorted(openmoji.keys() & google.keys()):
        ours, theirs = openmoji[code], google[code]
        if ours["group"] == "component":
            continue
        subgroups[code] = ours["subgroups"]
        common = {"entity": code, "group": _family(code)}
        rows.append(
            {
                **common,
                "key": f"google {code}",
                "table": "left",
                "image": (raw / f"1/package/img/google/64/{theirs['image']}").read_bytes(),
                "short_names": theirs["names"],
                "unicode_version": float(theirs["added_in"]),
            }
        )
        drawing = raw / f"0/package/color/svg/{ours['hexcode']}.svg"
        rows.append(
            {
                **common,
                "key": f"openmoji {code}",
                "table": "right",
                "image": _drawing(drawing),
                "tags": ours["openmoji_tags"] or None,
                "author": ours["openmoji_author"] or None,
                "drawn_year": _year(ours["openmoji_date"]),
            }
        )
    names = ("key", "entity", "group", "table", "image", "short_names", "unicode_version", "tags",
             "author", "drawn_year")  # fmt: skip
    numbers = {"unicode_version": pa.float64(), "drawn_year": pa.float64(), "image": pa.binary()}
    schema = pa.schema([(name, numbers.get(name, pa.string())) for name in names])
    table = pa.Table.from_pylist(rows, schema)

    def candidates(records: pa.Table) -> NDArray[np.int64]:
        return _hard_negatives(records, subgroups)

    return RawRecords(batches=in_batches(table), candidates=candidates, folder=raw)


def _google(package: Path) -> dict[str, dict[str, str]]:
    found = {}
    for emoji in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        words = ", ".join(name.replace("-", " ").replace("_", " ") for name in emoji["short_names"])
        for one in (emoji, *emoji.get("skin_variations", {}).values()):
            if one["has_img_google"]:
                found[_plain(one["unified"])] = {
                    "image": one["image"],
                    "names": words,
                    "added_in": one["added_in"],
                }
    return found


def _plain(code: str) -> str:
    return "-".join(part for part in code.split("-") if part != "FE0F")


def _family(code: str) -> str:
    """Return the code without skin tones and man or woman signs: variants share it."""
    parts = [part for part in code.split("-") if part not in SKIN_TONES | GENDERS | GLUE]
    return "-".join(NEITHER_PERSON.get(part, part) for part in parts)


def _drawing(file: Path) -> bytes:
    return draw_svg(file.read_bytes(), PIXELS, PIXELS)


def _year(text: str) -> float | None:
    """Return a date as years, with the day as a fraction."""
    if not text:
        return None
    day = date.fromisoformat(text)
    return round(day.year + (day.timetuple().tm_yday - 1) / 365, 3)


def _hard_negatives(records: pa.Table, subgroups: dict[str, str]) -> NDArray[np.int64]:
    """Pair each left picture with a variant of its family and with another of its subgroup."""
    codes = records["entity"].to_pylist()
    families = records["group"].to_pylist()
    right: dict[tuple[str, str], list[int]] = defaultdict(list)
    lefts = []
    for row, side in enumerate(records["table"].to_pylist()):
        if side == "left":
            lefts.append(row)
        else:
            right["family", families[row]].append(row)
            right["subgroup", subgroups[codes[row]]].append(row)
    pairs = []
    for left in lefts:
        variants = [row for row in right["family", families[left]] if codes[row] != codes[left]]
        others = [
            row
            for row in right["subgroup", subgroups[codes[left]]]
            if families[row] != families[left]
        ]
        for choice in (variants, others):
            if choice:
                word = hashlib.sha256(codes[left].encode()).digest()
                pairs.append((left, choice[int.from_bytes(word[:8], "big") % len(choice)]))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
