"""Draw parcels: sticker, note, weight and place, and the handling that a rule gives them."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image, ImageDraw

from challenge.prepare import RawTable

N_ROWS = 3_600
CLASSES = ("cold", "express", "fragile", "heavy", "standard")
SHAPES = ("circle", "square", "triangle", "cross")
PLACES = ("airport", "harbour", "kiosk", "office", "station")
NOTES = {
    "fragile": ("glass inside", "please do not drop", "grandmother's teapot", "old mirror"),
    "cold": ("keep it cool", "ice cream", "fresh fish", "vaccines"),
    "": ("books", "a pullover", "thank you", "spare parts", "birthday present", ""),
}


def convert(raw: Path) -> RawTable:
    """Return the parcels; the raw folder is not read."""
    return RawTable(batches=_batches, folder=raw)


def _batches() -> Iterator[pa.RecordBatch]:
    draw = random.Random(20)  # noqa: S311
    yield pa.RecordBatch.from_pylist([_parcel(draw, number) for number in range(N_ROWS)], _SCHEMA)


_SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "sticker": pa.binary(),
        "note": pa.string(),
        "weight": pa.float64(),
        "place": pa.string(),
        "label": pa.string(),
    }
)


def _parcel(draw: random.Random, number: int) -> dict[str, Any]:
    shape, place = draw.choice(SHAPES), draw.choice(PLACES)
    kind = draw.choice(("fragile", "cold", "", "", ""))
    weight = round(draw.lognormvariate(1.5, 1.0), 2)
    if kind == "fragile" or shape == "triangle":
        label = "fragile"
    elif kind == "cold":
        label = "cold"
    elif weight > 9:
        label = "heavy"
    elif place == "airport" or shape == "cross":
        label = "express"
    else:
        label = "standard"
    if draw.random() < 0.05:
        label = draw.choice(CLASSES)
    return {
        "key": str(number),
        "sticker": _sticker(draw, shape),
        "note": draw.choice(NOTES[kind]),
        "weight": None if draw.random() < 0.03 else weight,
        "place": place,
        "label": label,
    }


def _sticker(draw: random.Random, shape: str) -> bytes:
    picture = Image.new("RGB", (32, 32), tuple(draw.randrange(190, 256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    ink = tuple(draw.randrange(0, 110) for _ in range(3))
    x, y, r = draw.randrange(11, 21), draw.randrange(11, 21), draw.randrange(6, 10)
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    elif shape == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=ink)
    elif shape == "triangle":
        pen.polygon(((x, y - r), (x - r, y + r), (x + r, y + r)), fill=ink)
    else:
        pen.line((x - r, y, x + r, y), fill=ink, width=4)
        pen.line((x, y - r, x, y + r), fill=ink, width=4)
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
