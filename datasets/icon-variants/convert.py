"""Icons and their families out of the npm package @mdi/svg; pairs are made after the split."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from challenge.prepare.raw import RawRecords, in_batches
from challenge.task.images import draw_svg

PIXELS = 48
POSITIVES = 6
LEFTS = 3


def convert(raw: Path) -> RawRecords:
    package = raw / "package"
    icons = json.loads((package / "meta.json").read_text(encoding="utf-8"))
    files = [package / "svg" / f"{icon['name']}.svg" for icon in icons]
    table = pa.table(
        {
            "key": [icon["id"] for icon in icons],
            "entity": [icon["baseIconId"] for icon in icons],
            "image": pa.array([_drawing(file) for file in files], pa.binary()),
            "aliases": [", ".join(icon["aliases"]) or None for icon in icons],
            "tags": [", ".join(icon["tags"]) or None for icon in icons],
            "styles": [" ".join(sorted(icon["styles"])) or None for icon in icons],
            "author": [icon["author"] for icon in icons],
            "release": [_release(icon["version"]) for icon in icons],
            "svg_bytes": [file.stat().st_size for file in files],
        }
    )
    names = {icon["id"]: icon["name"] for icon in icons}

    def candidates(records: pa.Table) -> NDArray[np.int64]:
        return _hard_negatives(records, names)

    return RawRecords(
        batches=in_batches(table),
        candidates=candidates,
        folder=raw,
        positives=POSITIVES,
    )


def _drawing(file: Path) -> bytes:
    return draw_svg(file.read_bytes(), PIXELS, PIXELS)


def _release(version: str) -> float:
    major, minor = version.split(".")[:2]
    return int(major) + int(minor) / 10


def _hard_negatives(records: pa.Table, names: dict[str, str]) -> NDArray[np.int64]:
    """Pair a few icons of each family with the most alike and with a namesake of another one."""
    keys = records["key"].to_pylist()
    families = records["entity"].to_pylist()
    order = sorted(range(len(keys)), key=lambda row: _mixed(keys[row]))
    taken: dict[str, int] = defaultdict(int)
    lefts = []
    for row in order:
        taken[families[row]] += 1
        if taken[families[row]] <= LEFTS:
            lefts.append(row)
    shapes = np.stack([_gradients(picture) for picture in records["image"].to_pylist()])
    pairs = set(_most_alike(shapes, families, lefts)) | set(
        _namesakes([names[key] for key in keys], families, lefts, order)
    )
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _mixed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _most_alike(
    shapes: NDArray[np.float32], families: list[str], lefts: list[int]
) -> Iterator[tuple[int, int]]:
    family = np.unique(families, return_inverse=True)[1]
    for start in range(0, len(lefts), 512):
        rows = np.array(lefts[start : start + 512])
        likeness = shapes[rows] @ shapes.T
        likeness[family[rows][:, None] == family[None, :]] = -1
        for left, right in zip(rows.tolist(), likeness.argmax(axis=1).tolist(), strict=True):
            yield min(left, right), max(left, right)


def _namesakes(
    names: list[str], families: list[str], lefts: list[int], order: list[int]
) -> Iterator[tuple[int, int]]:
    by_word: dict[str, list[int]] = defaultdict(list)
    for row in order:
        by_word[names[row].split("-")[0]].append(row)
    place = {row: at for rows in by_word.values() for at, row in enumerate(rows)}
    for left in lefts:
        rows = by_word[names[left].split("-")[0]]
        turned = rows[place[left] + 1 :] + rows[: place[left]]
        other = next((row for row in turned if families[row] != families[left]), None)
        if other is not None:
            yield min(left, other), max(left, other)


def _gradients(picture: Any) -> NDArray[np.float32]:
    """Histograms of gradient directions, 8 directions in 6 × 6 cells, of unit length."""
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("L"), dtype=np.float32)
    down, right = np.gradient(pixels)
    strength = np.hypot(down, right)
    direction = ((np.arctan2(down, right) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    cell = np.arange(PIXELS) // (PIXELS // 6)
    place = (cell[:, None] * 6 + cell[None, :]) * 8 + direction
    histogram = np.bincount(place.ravel(), strength.ravel(), minlength=6 * 6 * 8)
    length = float(np.linalg.norm(histogram)) or 1.0
    return (histogram / length).astype(np.float32)
