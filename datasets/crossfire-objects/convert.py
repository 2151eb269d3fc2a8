"""The object catalogue of the game Crossfire, out of the Debian package crossfire-common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from challenge.prepare.raw import RawTable, in_batches

MIN_OBJECTS = 15
TEXTS = ("name", "msg", "race")
NUMBERS = (
    "weight", "value", "level", "dam", "hp", "maxhp", "sp", "maxsp", "exp", "speed", "ac", "wc",
    "food", "nrof", "Str", "Dex", "Con", "Int", "Wis", "Pow", "smoothlevel", "glow_radius", "magic",
)  # fmt: skip
CATEGORIES = (
    "material", "materialname", "skill", "attacktype", "move_block", "move_type", "slaying",
    "no_pick", "no_drop", "alive", "invisible", "is_floor", "blocksview",
)  # fmt: skip


def convert(raw: Path) -> RawTable:
    game = raw / "usr" / "share" / "games" / "crossfire"
    images = read_images(game / "crossfire.0")
    objects = []
    for found in read_objects(game / "archetypes"):
        folder = found.get("editor_folder", "").split("/")[0]
        if folder and found.get("face") in images:
            objects.append((found, "wall" if folder == "planes" else folder))
    sizes = Counter(label for _, label in objects)
    objects = [(found, label) for found, label in objects if sizes[label] >= MIN_OBJECTS]
    columns: dict[str, Any] = {
        "key": [found["arch"] for found, _ in objects],
        "image": pa.array([images[found["face"]] for found, _ in objects], pa.binary()),
        "label": [label for _, label in objects],
        "group": _groups(objects, images),
    }
    for name in (*TEXTS, *CATEGORIES):
        columns[name] = pa.array([found.get(name) or None for found, _ in objects], pa.string())
    for name in NUMBERS:
        columns[name] = pa.array([_number(found.get(name)) for found, _ in objects], pa.float64())
    return RawTable(batches=in_batches(pa.table(columns)), folder=raw)


def read_objects(file: Path) -> Iterator[dict[str, str]]:
    """Yield the keys of each object; further pieces of a big one (`More`) are passed over."""
    found: dict[str, str] = {}
    message: list[str] | None = None
    further = False
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        if message is not None:
            if line == "endmsg":
                found["msg"], message = " ".join(message), None
            else:
                message.append(line.strip())
        elif line == "msg":
            message = []
        elif line == "More":
            further = True
        elif line == "end":
            if not further:
                yield found
            found, further = {}, False
        else:
            key, _, value = line.partition(" ")
            found.setdefault("arch" if key == "Object" else key, value.strip())


def read_images(file: Path) -> dict[str, bytes]:
    """Return the PNG of each face: after a line `IMAGE <bytes> <path>` stands the file itself."""
    content = file.read_bytes()
    images = {}
    place = 0
    while place < len(content):
        end = content.index(b"\n", place)
        _, size, path = content[place:end].decode().split(" ")
        place = end + 1 + int(size)
        images[path.rsplit("/", 1)[-1]] = content[end + 1 : place]
    return images


def _groups(objects: list[tuple[dict[str, str], str]], images: dict[str, bytes]) -> list[str]:
    """Tie objects of one shelf and name, of one picture, and of one series of pictures."""
    parent: dict[object, object] = {}

    def top(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for found, label in objects:
        series = re.sub(r"[\d_.]+$", "", found["face"])
        node = top((label, "name", found.get("name", found["arch"])))
        for other in ((label, "series", series), images[found["face"]]):
            parent[top(other)] = node
    numbers: dict[object, str] = {}
    return [
        numbers.setdefault(
            top((label, "name", found.get("name", found["arch"]))), f"group {len(numbers)}"
        )
        for found, label in objects
    ]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
