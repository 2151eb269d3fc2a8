"""Icons and their families, as queries and a gallery, with the vectors of a simple old model."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from challenge.prepare import RawTable, in_batches, load_converter

DIMENSIONS = 64
CELLS = 12
WORD = 900
"""What a word adds to a number of a vector; a black cell adds 255."""


def convert(raw: Path) -> RawTable:
    sibling = load_converter(Path(__file__).parents[1] / "icon-variants" / "convert.py")
    icons = pa.Table.from_batches(sibling.convert(raw).batches())
    families = icons["entity"].to_pylist()
    vectors = np.stack([_old_vector(icon) for icon in icons.to_pylist()])
    table = icons.drop_columns(["entity"])
    table = table.append_column("label", pa.array(families))
    table = table.append_column("group", pa.array(families))
    table = table.append_column("role", pa.array(_roles(icons["key"].to_pylist(), families)))
    for position, column in enumerate(vectors.T.astype(np.float64)):
        table = table.append_column(f"e{position}", pa.array(column))
    return RawTable(in_batches(table), raw)


def _roles(keys: list[str], families: list[str]) -> list[str]:
    """Return gallery and query in turn within each family, in an order that means nothing."""
    taken: dict[str, int] = defaultdict(int)
    roles = [""] * len(keys)
    mixed = [hashlib.sha256(key.encode()).digest() for key in keys]
    for row in sorted(range(len(keys)), key=mixed.__getitem__):
        roles[row] = ("gallery", "query")[taken[families[row]] % 2]
        taken[families[row]] += 1
    return roles


def _old_vector(icon: dict[str, Any]) -> NDArray[np.int64]:
    """Return the vector of the old model: whole numbers, so the same on every machine."""
    with Image.open(io.BytesIO(icon["image"])) as image:
        pixels = 255 - np.asarray(image.convert("L"), dtype=np.int64)
    side = len(pixels) // CELLS
    cells = pixels.reshape(CELLS, side, CELLS, side).sum(axis=(1, 3)).ravel() // side**2
    vector = np.array([_signs(f"cell {cell}") for cell in range(CELLS**2)]).T @ cells
    words = f"{icon['aliases'] or ''}, {icon['tags'] or ''}".lower().replace(",", " ").split()
    for word in sorted(set(words)):
        vector = vector + WORD * _signs(f"word {word}")
    # A drawing that is all white, without words, has a direction, too.
    return vector if vector.any() else _signs("nothing")


def _signs(text: str) -> NDArray[np.int64]:
    digest = hashlib.sha256(text.encode()).digest()[: DIMENSIONS // 8]
    bits = np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.int64)
    return 2 * bits - 1
