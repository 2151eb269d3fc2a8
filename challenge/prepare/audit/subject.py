"""The task under audit: one 64-bit fingerprint a row, and the first rows as they are.

Rows are in the order of their keyed ids, so the first rows are a fair sample. Fingerprints are
made batch by batch; only they and the sample stay in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from challenge.kinds import Kind, kind_of
from challenge.prepare.audit.prediction import number_array
from challenge.prepare.audit.report import MOST_ROWS
from challenge.prepare.build.label_numbers import number_ranges
from challenge.task.columns import Column

pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers

__all__ = [
    "SAMPLE",
    "SideRows",
    "Subject",
    "mixed_hashes",
    "normalised",
    "paired_names",
    "read_subject",
    "row_hashes",
]

SAMPLE = 100_000
"""Rows of each side whose values the dearer checks look at."""

_RANDOM = np.random.default_rng(20240229).integers(1, 2**63, size=1 << 16, dtype=np.uint64)
_WEIGHTS = _RANDOM * np.uint64(2) + np.uint64(1)
_MISSING = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class SideRows:
    """Train or test: fingerprints and label codes of all rows, and a table of the first ones.

    `labels` are codes of classes, or of ranges of numbers; `truth` identifies the label itself.
    `left` and `right` identify the records of a pair: by their ids when they have some
    (`left_id`), else by their content; `left_content` and `right_content` always by content.
    """

    ids: pa.ChunkedArray
    rows: NDArray[np.uint64]
    left: NDArray[np.uint64]
    right: NDArray[np.uint64]
    left_content: NDArray[np.uint64]
    right_content: NDArray[np.uint64]
    labels: NDArray[np.int64]
    truth: NDArray[np.uint64]
    sample: pa.Table

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def names(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the ids of the first rows of a list, as many as a report lists."""
        return [str(name) for name in self.ids.take(pa.array(rows[:MOST_ROWS])).to_pylist()]


def paired_names(
    one: SideRows, rows: NDArray[np.int64], other: SideRows, partners: NDArray[np.int64]
) -> tuple[tuple[str, str], ...]:
    """Return the ids of rows of one side, each with that of its partner on the other."""
    return tuple(zip(one.names(rows), other.names(partners), strict=True))


@dataclass(frozen=True)
class Subject:
    """The two sides of a task with everything that the checks need to know of it.

    `n_labels` is the number of classes, or of ranges of numbers (see `number_ranges`);
    `train_folds` has the fold of each row of train.
    """

    public: Path
    kind: Kind
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    n_labels: int
    sources: tuple[Mapping[str, Any], ...]
    split_by: str
    train: SideRows
    test: SideRows
    train_folds: NDArray[np.int64]

    @property
    def ordered(self) -> bool:
        """Whether label codes ascend with the label."""
        return self.kind.label == "number"

    @property
    def equal_label(self) -> str:
        """What two rows share whose label codes are equal."""
        return f"range of the label (one of {self.n_labels})" if self.ordered else "label"

    def columns_of(self, *modalities: str) -> tuple[Column, ...]:
        """Return the features of these modalities."""
        return tuple(column for column in self.columns if column.modality in modalities)


def read_subject(
    public: Path, private: Path, document: Mapping[str, Any], progress: Callable[[str], None]
) -> Subject:
    """Read both sides of a built task with the hidden labels of the test rows."""
    columns = tuple(Column(**column) for column in document["columns"])
    classes = tuple(document["classes"])
    kind = kind_of(document["kind"])
    solution = pq.read_table(private / "solution.parquet", columns=["id", "label", "subset"])
    labels = {
        "train": pq.read_table(public / "train.parquet", columns=["label"])["label"],
        "test": solution["label"],
    }
    codes, truth, n_labels = _coded(labels, kind, classes)
    parts = {}
    for side in labels:
        progress(f"audit: reading {side}")
        part = _read_part(
            public / f"{side}.parquet", columns, kind.paired, codes[side], truth[side]
        )
        parts[side] = part if side == "train" else _without_void(part, solution)
    return Subject(
        public=public,
        kind=kind,
        columns=columns,
        classes=classes,
        n_labels=n_labels,
        sources=tuple(document.get("sources", ())),
        split_by=str(document.get("split", {}).get("by", "")),
        train=parts["train"],
        test=parts["test"],
        train_folds=_folds(public, parts["train"].n),
    )


def _folds(public: Path, n: int) -> NDArray[np.int64]:
    """Return the folds of the task, drawn ones for a table without them."""
    path = public / "folds.parquet"
    if not path.is_file():
        return np.random.default_rng(5).integers(0, 5, n)
    return np.asarray(pq.read_table(path, columns=["fold"])["fold"].to_numpy(), dtype=np.int64)


def _read_part(
    path: Path,
    columns: tuple[Column, ...],
    paired: bool,
    labels: NDArray[np.int64],
    truth: NDArray[np.uint64],
) -> SideRows:
    file = pq.ParquetFile(path)
    ids, sample, n_sample = [], [], 0
    rows, left, right, left_ids, right_ids = [], [], [], [], []
    for batch in file.iter_batches(batch_size=32_768):
        hashes = {column.name: row_hashes(batch.column(column.name)) for column in columns}
        rows.append(_together(hashes, columns, batch.num_rows, None))
        if paired:
            left.append(_together(hashes, columns, batch.num_rows, "left"))
            right.append(_together(hashes, columns, batch.num_rows, "right"))
            if "left_id" in batch.schema.names:
                left_ids.append(row_hashes(batch.column("left_id")))
                right_ids.append(row_hashes(batch.column("right_id")))
        ids.append(batch.column("id"))
        if n_sample < SAMPLE:
            sample.append(batch.slice(0, SAMPLE - n_sample))
            n_sample += sample[-1].num_rows
    return SideRows(
        ids=pa.chunked_array(ids, pa.string()),
        rows=_joined(rows),
        left=_joined(left_ids or left),
        right=_joined(right_ids or right),
        left_content=_joined(left),
        right_content=_joined(right),
        labels=labels,
        truth=truth,
        sample=pa.Table.from_batches(sample, file.schema_arrow),
    )


def _without_void(part: SideRows, solution: pa.Table) -> SideRows:
    """Leave the void rows of test out; part and solution are in order of id."""
    if not solution["id"].cast(pa.string()).equals(part.ids.cast(pa.string())):
        raise ValueError("the solution is not aligned to the test rows")
    subsets = solution["subset"].cast(pa.string())
    keep = pc.not_equal(subsets, "void").to_numpy(zero_copy_only=False).astype(bool)
    sampled = part.sample.num_rows
    return SideRows(
        ids=part.ids.filter(pa.array(keep)),
        rows=part.rows[keep],
        left=part.left[keep] if len(part.left) else part.left,
        right=part.right[keep] if len(part.right) else part.right,
        left_content=part.left_content[keep] if len(part.left_content) else part.left_content,
        right_content=part.right_content[keep] if len(part.right_content) else part.right_content,
        labels=part.labels[keep],
        truth=part.truth[keep],
        sample=part.sample.filter(pa.array(keep[:sampled])),
    )


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _coded(
    labels: Mapping[str, pa.ChunkedArray], kind: Kind, classes: tuple[str, ...]
) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.uint64]], int]:
    """Return label codes and fingerprints of the labels of each side, and how many codes are."""
    if kind.label == "number":
        numbers = {side: column.to_numpy() for side, column in labels.items()}
        ranges = number_ranges(np.concatenate(list(numbers.values())))
        cut = len(numbers["train"])
        codes = {"train": ranges[:cut].astype(np.int64), "test": ranges[cut:].astype(np.int64)}
        bits = {side: (one + 0.0).view(np.uint64) for side, one in numbers.items()}
        return codes, bits, int(ranges.max(initial=0)) + 1
    if kind.has_things:
        whole = pa.chunked_array([chunk for one in labels.values() for chunk in one.chunks])
        things = np.unique(whole.to_numpy(), return_inverse=True)[1].astype(np.int64)
        cut = len(labels["train"])
        codes = {"train": things[:cut], "test": things[cut:]}
        n_things = int(things.max(initial=0)) + 1
        return codes, {side: (one + 1).astype(np.uint64) for side, one in codes.items()}, n_things
    codes = {side: _codes(column, classes) for side, column in labels.items()}
    return codes, {side: (one + 1).astype(np.uint64) for side, one in codes.items()}, len(classes)


def _codes(labels: pa.ChunkedArray, classes: tuple[str, ...]) -> NDArray[np.int64]:
    found = pc.index_in(labels.cast(pa.string()), pa.array(classes, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _together(
    hashes: Mapping[str, NDArray[np.uint64]],
    columns: tuple[Column, ...],
    n: int,
    side: str | None,
) -> NDArray[np.uint64]:
    total = np.zeros(n, dtype=np.uint64)
    for column in columns:
        if side is None or column.side == side:
            # A record has one fingerprint whichever side it is on.
            name = column.name if side is None else column.attribute
            total += _mixed(hashes[column.name] ^ _of_name(name))
    return total


def mixed_hashes(values: pa.Array, name: str) -> NDArray[np.uint64]:
    """Return what the values of a column add to the fingerprints of their rows."""
    return _mixed(row_hashes(values) ^ _of_name(name))


def _of_name(name: str) -> np.uint64:
    import hashlib

    return np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def normalised(values: pa.Array) -> pa.Array:
    """Return strings in lower case, blanks collapsed and trimmed; what is left empty is null."""
    text = pc.utf8_lower(values.cast(pa.string()))
    if _has_odd_blanks(text):
        text = pc.replace_substring_regex(text, r"\s+", " ")
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _has_odd_blanks(values: pa.Array) -> bool:
    """Whether there may be a blank beside another, or one that is no space; asks the bytes."""
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    for chunk in chunks:
        data = np.frombuffer(chunk.buffers()[2] or b"", dtype=np.uint8)
        space = data == 32
        if (space[1:] & space[:-1]).any() or ((data >= 9) & (data <= 13)).any():
            return True
    return False


def row_hashes(values: pa.Array) -> NDArray[np.uint64]:
    """Return 64 bits a value: equal when the normalised values are, and hardly ever otherwise."""
    if pa.types.is_dictionary(values.type):
        table = np.append(row_hashes(values.dictionary), _MISSING)
        indices = pc.fill_null(values.indices, len(values.dictionary))
        return np.asarray(table[indices.to_numpy(zero_copy_only=False)], dtype=np.uint64)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        numbers = number_array(values) + 0.0
        hashes = _mixed(np.ascontiguousarray(numbers).view(np.uint64))
    else:
        values = normalised(values)
        hashes = np.concatenate(list(_string_hashes(values))) if len(values) else _joined([])
    missing = values.is_null().to_numpy(zero_copy_only=False)
    return np.where(missing, _MISSING, hashes)


def _string_hashes(values: pa.Array) -> Iterator[NDArray[np.uint64]]:
    # Pieces of about 8 MB keep the work arrays small however long the texts are.
    lengths = pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths, dtype=np.int64)
    start = 0
    while start < len(values):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + (1 << 23), side="right")))
        yield _piece_hashes(values.slice(start, stop - start), lengths[start:stop])
        start = stop


def _piece_hashes(values: pa.Array, lengths: NDArray[Any]) -> NDArray[np.uint64]:
    # A null may own bytes in the buffer, so the bytes are laid out anew.
    data = "".join(pc.fill_null(values, "").to_pylist()).encode()
    content = np.frombuffer(data, dtype=np.uint8).astype(np.uint64) + np.uint64(1)
    starts = np.zeros(len(lengths), dtype=np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    position = np.arange(len(content)) - np.repeat(starts, lengths)
    content *= _WEIGHTS[position & 0xFFFF]
    sums = np.zeros(len(lengths), dtype=np.uint64)
    filled = lengths > 0
    if filled.any():
        sums[filled] = np.add.reduceat(content, starts[filled])
    return _mixed(sums + lengths.astype(np.uint64) * _WEIGHTS[0])
