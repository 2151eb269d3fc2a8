"""Shelves offered at random for objects of the game Crossfire: a classification task as a log."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from challenge.prepare import RawTable, in_batches, load_converter

MIN_OBJECTS = 125
MOST_OBJECTS = 200
OFFERS = 6


def convert(raw: Path) -> RawTable:
    sibling = load_converter(Path(__file__).parents[1] / "crossfire-objects" / "convert.py")
    objects = pa.Table.from_batches(sibling.convert(raw).batches()).to_pylist()
    sizes = Counter(found["label"] for found in objects)
    arms = sorted(label for label, size in sizes.items() if size >= MIN_OBJECTS)
    rows = [
        _offer(found, arms, number)
        for found in _sample(objects, arms)
        for number in range(1, OFFERS + 1)
    ]
    return RawTable(batches=in_batches(pa.Table.from_pylist(rows)), folder=raw)


def _sample(objects: list[dict[str, Any]], arms: list[str]) -> list[dict[str, Any]]:
    """Return at most `MOST_OBJECTS` of each shelf, chosen by the digests of their keys."""
    shelves = defaultdict(list)
    for found in sorted(objects, key=lambda found: _number(found["key"])):
        shelves[found["label"]].append(found)
    return [found for arm in arms for found in shelves[arm][:MOST_OBJECTS]]


def _offer(found: dict[str, Any], arms: list[str], number: int) -> dict[str, Any]:
    key = f"{found['key']} {number}"
    arm = arms[_number(key) % len(arms)]
    reward = float(arm == found["label"])
    return found | {"key": key, "label": arm, "propensity": 1 / len(arms), "reward": reward}


def _number(key: str) -> int:
    """Return a number that looks random, the same on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
