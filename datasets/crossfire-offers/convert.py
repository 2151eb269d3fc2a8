"""Shelves offered at random for objects of the game Crossfire: a classification task as a log."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from challenge.prepare import RawTable, in_batches, load_converter

MIN_OBJECTS = 125
MOST_OBJECTS, MOST_OF_GROUP = 200, 10
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
    """Return the objects, in the order of their digests, that no limit excludes.

    A series of hundreds of walls would decide alone what a policy is worth.
    """
    chosen = []
    n: Counter[str] = Counter()
    for found in sorted(objects, key=lambda found: _number(found["key"])):
        shelf, group = f"shelf {found['label']}", found["group"]
        if found["label"] in arms and n[shelf] < MOST_OBJECTS and n[group] < MOST_OF_GROUP:
            n.update((shelf, group))
            chosen.append(found)
    return chosen


def _offer(found: dict[str, Any], arms: list[str], number: int) -> dict[str, Any]:
    key = f"{found['key']} {number}"
    arm = arms[_number(key) % len(arms)]
    reward = float(arm == found["label"])
    log = {"key": key, "label": arm, "propensity": 1 / len(arms), "reward": reward}
    return found | {"shelf": found["label"]} | log


def _number(key: str) -> int:
    """Return a number that looks random, the same on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
