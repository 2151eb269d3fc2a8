"""Icons with exactly one tag, drawn at 48 pixels, out of the npm package @mdi/svg."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from challenge.prepare.raw import RawTable, in_batches
from challenge.task.images import draw_svg

MIN_ICONS = 20
PIXELS = 48


def convert(raw: Path) -> RawTable:
    package = raw / "package"
    icons = json.loads((package / "meta.json").read_text(encoding="utf-8"))
    icons = [icon for icon in icons if len(icon["tags"]) == 1]
    sizes = Counter(icon["tags"][0] for icon in icons)
    icons = [icon for icon in icons if sizes[icon["tags"][0]] >= MIN_ICONS]
    files = [package / "svg" / f"{icon['name']}.svg" for icon in icons]
    table = pa.table(
        {
            "key": [icon["id"] for icon in icons],
            "image": pa.array([_drawing(file) for file in files], pa.binary()),
            "aliases": [", ".join(icon["aliases"]) or None for icon in icons],
            "styles": [" ".join(sorted(icon["styles"])) or None for icon in icons],
            "author": [icon["author"] for icon in icons],
            "release": [_release(icon["version"]) for icon in icons],
            "codepoint": [int(icon["codepoint"], 16) for icon in icons],
            "svg_bytes": [file.stat().st_size for file in files],
            "label": [icon["tags"][0] for icon in icons],
            "group": [icon["baseIconId"] for icon in icons],
        }
    )
    return RawTable(batches=in_batches(table), folder=raw)


def _drawing(file: Path) -> bytes:
    return draw_svg(file.read_bytes(), PIXELS, PIXELS)


def _release(version: str) -> float:
    major, minor = version.split(".")[:2]
    return int(major) + int(minor) / 10
