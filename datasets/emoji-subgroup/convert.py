"""Emoji with their subgroup: words and facts of OpenMoji, pictures of Google."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa

from challenge.prepare.raw import RawTable, in_batches

MIN_EMOJI = 8


def convert(raw: Path) -> RawTable:
    with (raw / "0/package/data/openmoji.csv").open(encoding="utf-8", newline="") as content:
        rows = list(csv.DictReader(content))
    images = _images(raw / "1/package")
    rows = [row for row in rows if row["hexcode"] in images]
    sizes = Counter(row["subgroups"] for row in rows)
    rows = [row for row in rows if sizes[row["subgroups"]] >= MIN_EMOJI]
    table = pa.table(
        {
            "key": [row["hexcode"] for row in rows],
            "image": [images[row["hexcode"]] for row in rows],
            "openmoji_tags": [row["openmoji_tags"] or None for row in rows],
            "unicode_version": [float(row["unicode"]) if row["unicode"] else None for row in rows],
            "drawn_year": [_year(row["openmoji_date"]) for row in rows],
            "openmoji_author": [row["openmoji_author"] or None for row in rows],
            "label": [row["subgroups"] for row in rows],
            "group": [row["skintone_base_hexcode"] or row["hexcode"] for row in rows],
        }
    )
    return RawTable(batches=in_batches(table), folder=raw)


def _images(package: Path) -> dict[str, str]:
    """Return the path of Google's picture of each emoji, skin tones included."""
    found = {}
    for emoji in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        for one in (emoji, *emoji.get("skin_variations", {}).values()):
            if one["has_img_google"]:
                found[one["unified"]] = f"1/package/img/google/64/{one['image']}"
    return found


def _year(text: str) -> float | None:
    """Return a date as years, with the day as a fraction."""
    if not text:
        return None
    day = date.fromisoformat(text)
    return round(day.year + (day.timetuple().tm_yday - 1) / 365, 3)
