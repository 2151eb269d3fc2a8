"""Things with a price in the game Crossfire, read as the task crossfire-objects reads them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from challenge.prepare import RawTable, in_batches, load_converter

# A spell's value is a factor of the price of its scroll; the others are no goods.
NO_GOODS = {"spell", "skills", "gods", "player", "system", "connect", "monster", "ground", "wall"}
TEXTS = ("name", "title", "race")
NUMBERS = (
    "weight", "nrof", "food", "dam", "last_sp", "ac", "wc", "magic", "item_power", "level",
    "resist_physical", "resist_fire", "resist_cold", "resist_electricity", "resist_acid", "sp",
    "hp", "Str", "Dex", "Con", "Int", "Wis", "Pow", "Cha",
)  # fmt: skip
CATEGORIES = (
    "type", "material", "materialname", "skill", "attacktype", "weapontype", "slaying",
)  # fmt: skip


def convert(raw: Path) -> RawTable:
    sibling = load_converter(Path(__file__).parents[1] / "crossfire-objects" / "convert.py")
    game = raw / "usr" / "share" / "games" / "crossfire"
    images = sibling.read_images(game / "crossfire.0")
    goods = [
        found
        for found in sibling.read_objects(game / "archetypes")
        if found.get("face") in images and _shelf(found) not in NO_GOODS and _price(found) > 0
    ]
    columns: dict[str, Any] = {
        "key": [found["arch"] for found in goods],
        "image": pa.array([images[found["face"]] for found in goods], pa.binary()),
        "label": [math.log10(_price(found)) for found in goods],
        "shelf": [_shelf(found) for found in goods],
        "group": _groups(goods, images),
    }
    for name in (*TEXTS, *CATEGORIES):
        columns[name] = pa.array([found.get(name) or None for found in goods], pa.string())
    for name in NUMBERS:
        columns[name] = pa.array([_number(found.get(name)) for found in goods], pa.float64())
    return RawTable(batches=in_batches(pa.table(columns)), folder=raw)


def _shelf(found: dict[str, str]) -> str:
    return found.get("editor_folder", "").split("/")[0]


def _price(found: dict[str, str]) -> float:
    return _number(found.get("value")) or 0.0


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _groups(goods: list[dict[str, str]], images: dict[str, bytes]) -> list[str]:
    """Tie goods of one name, of one image, and of one series of images (`sword_1`, `sword_2`)."""
    parent: dict[object, object] = {}

    def top(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for found in goods:
        series = re.sub(r"[\d_.]+$", "", found["face"])
        for other in (("name", _name(found)), ("series", series), images[found["face"]]):
            parent[top(other)] = top(("arch", found["arch"]))
    numbers: dict[object, str] = {}
    return [
        numbers.setdefault(top(("arch", found["arch"])), f"group {len(numbers)}") for found in goods
    ]


def _name(found: dict[str, str]) -> str:
    return found.get("name", found["arch"]).casefold()
