"""The two restaurant tables and their matches, out of the PyPI package py-entitymatching."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from challenge.prepare.raw import RawRecords, in_batches

FEATURES = ("name", "addr", "city", "phone", "type")
NEAREST = 2


def convert(raw: Path) -> RawRecords:
    (fodors_file,) = raw.glob("*/*/datasets/end-to-end/restaurants/fodors.csv")
    matches = _read(fodors_file.with_name("matches_fodors_zagats.csv"))
    rows = []
    for name, side in (("fodors", "left"), ("zagats", "right")):
        match_of = {match[f"{name}_id"]: at for at, match in enumerate(matches)}
        for record in _read(fodors_file.with_name(f"{name}.csv")):
            key = f"{name} {record['id']}"
            match = match_of.get(record["id"])
            entity = key if match is None else f"match {match}"
            words = {feature: record[feature] or None for feature in FEATURES}
            rows.append({"key": key, "entity": entity, "table": side, **words})
    table = pa.Table.from_pylist(rows)
    return RawRecords(batches=in_batches(table), candidates=_nearest, folder=raw)


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def _nearest(records: pa.Table) -> NDArray[np.int64]:
    """Pair each left record with the two right ones that share most character 3-grams."""
    texts = [
        " ".join(str(value) for value in row if value)
        for row in zip(*(records[feature].to_pylist() for feature in FEATURES), strict=True)
    ]
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit_transform(texts)
    sides = np.array(records["table"].to_pylist())
    entities = np.array(records["entity"].to_pylist())
    left, right = np.flatnonzero(sides == "left"), np.flatnonzero(sides == "right")
    likeness = (weights[left] @ weights[right].T).toarray()
    likeness[entities[left][:, None] == entities[right][None, :]] = -1
    best = np.argsort(-likeness, axis=1, kind="stable")[:, :NEAREST]
    return np.column_stack([np.repeat(left, best.shape[1]), right[best.ravel()]])
