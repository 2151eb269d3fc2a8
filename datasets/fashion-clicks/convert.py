"""Clicks on fashion items: the men's campaign of the Open Bandit Dataset, in the package obp."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from challenge.prepare import RawTable, in_batches

LOGS = {"train": "bts", "test": "random"}
"""The log that is published, of Bernoulli Thompson sampling, and the uniform one that judges."""

FEATURES = [f"user_feature_{number}" for number in range(4)]


def convert(raw: Path) -> RawTable:
    rows: list[dict[str, object]] = []
    for side, policy in LOGS.items():
        path = raw / "obp" / "dataset" / "obd" / policy / "men" / "men.csv"
        with path.open(newline="", encoding="utf-8") as file:
            rows += [_row(f"{policy} {row['']}", side, row) for row in csv.DictReader(file)]
    return RawTable(in_batches(pa.Table.from_pylist(rows)), raw)


def _row(key: str, side: str, row: dict[str, str]) -> dict[str, object]:
    # Hashed values mean nothing to a reader: eight characters distinguish them as well.
    features = {name: row[name][:8] for name in FEATURES}
    return {
        "key": key,
        "split": side,
        "position": row["position"],
        **features,
        "label": f"item {int(row['item_id']):02}",
        "propensity": float(row["propensity_score"]),
        "reward": float(row["click"]),
    }
