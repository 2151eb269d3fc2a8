"""What alone predicts the label: a column, an id, the order of rows, a file, a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from challenge.prepare.audit.image_facts import TaskImages
from challenge.prepare.audit.prediction import (
    Auc,
    auc_of_categories,
    auc_of_numbers,
    number_array,
)
from challenge.prepare.audit.report import Finding
from challenge.prepare.audit.subject import SideRows, Subject, normalised
from challenge.task.modalities import modality_of

pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers

__all__ = [
    "ALONE",
    "auc_of_agreement",
    "auc_of_column",
    "exceeds",
    "labels_in_text",
    "telling_agreement",
    "telling_columns",
    "telling_files",
    "telling_order",
]

_WORD = re.compile(r"\w+")
_LAST_DIGITS = re.compile(r"\d{1,15}$")
ROWS = 20_000
ALONE = 0.98
"""AUC above which a column, or the agreement of both sides, is found to give the label away."""
ORDER = 0.6


def telling_columns(subject: Subject) -> Iterator[Finding]:
    """Find features that alone predict the label of train (AUC above .98), and counters."""
    table, labels = _labelled(subject.train)
    k, ordered = subject.n_labels, subject.ordered
    for column in subject.columns:
        if modality_of(column.modality).is_image:
            continue
        name, values = column.name, table[column.name].combine_chunks()
        auc = auc_of_column(values, labels, k, ordered=ordered)
        text = f"column {name} alone predicts the label"
        if found := _finding(f"telling-column-{name}", auc, ALONE, len(labels), text):
            yield found
        elif _counts_rows(values):
            text = f"column {name} numbers the rows and follows the label"
            found = _finding(f"telling-number-{name}", auc, ORDER, len(labels), text)
            if found is not None:
                yield replace(found, severity="medium")


def _finding(name: str, auc: Auc | None, limit: float, n: int, text: str) -> Finding | None:
    """Return the finding that something predicts the label of `n` rows with an AUC over a limit."""
    if auc is None or not exceeds(auc, limit):
        return None
    digits = 3 if limit == ALONE else 2
    return Finding(name, "high", n, n, f"{text} (AUC {auc[0]:.{digits}f})")


def telling_agreement(subject: Subject) -> Iterator[Finding]:
    """Find attributes whose agreement on both sides alone predicts the label (matching)."""
    table, labels = _labelled(subject.train)
    names = {column.name for column in subject.columns}
    for column in subject.columns:
        attribute, other = column.attribute, f"right_{column.attribute}"
        if column.side != "left" or other not in names:
            continue
        left, right = (table[name].combine_chunks() for name in (column.name, other))
        auc = auc_of_agreement(left, right, labels)
        text = f"whether both sides agree in {attribute} alone predicts the label"
        if found := _finding(f"telling-agreement-{attribute}", auc, ALONE, len(labels), text):
            yield found


def auc_of_agreement(left: pa.Array, right: pa.Array, labels: NDArray[np.int64]) -> Auc | None:
    """Return how well it predicts matches (labels 0 and 1) that two values are near or equal."""
    if _is_ordered(left):
        gap = np.abs(number_array(left) - number_array(right))
    else:
        same = pc.equal(_characters(left), _characters(right))
        gap = 1.0 - pc.fill_null(same.cast(pa.float64()), 0.5).to_numpy(zero_copy_only=False)
    return auc_of_numbers(gap, labels, 2)


def telling_order(subject: Subject) -> Iterator[Finding]:
    """Find ids, or the order of the rows, that predict the label (AUC above .6)."""
    k, ordered = subject.n_labels, subject.ordered
    for side, part in (("train", subject.train), ("test", subject.test)):
        table, labels = _labelled(part)
        # Rows from everywhere: the first ones of a table sorted by label have one label.
        position = np.flatnonzero(part.labels[: part.sample.num_rows] >= 0)
        position = position[:: len(position) // ROWS + 1]
        orders = {"order": (position.astype(float), part.labels[position])}
        for name in ("id", "left_id", "right_id"):
            if name in table.schema.names:
                ids = table[name].combine_chunks()
                # A record of many pairs would repeat its own label: each counts once.
                once = np.unique(ids.dictionary_encode().indices.to_numpy(), return_index=True)[1]
                once.sort()
                orders[name] = _order_of_ids(ids.take(pa.array(once))), labels[once]
        for name, (order, of_rows) in orders.items():
            auc = auc_of_numbers(order, of_rows, k, ordered=ordered)
            what = "the order of the rows" if name == "order" else name
            text = f"{what} of {side} predicts the label"
            code = f"telling-{name.replace('_', '-')}-{side}"
            if found := _finding(code, auc, ORDER, part.n, text):
                yield found


def telling_files(subject: Subject, images: TaskImages | None) -> Iterator[Finding]:
    """Find image files whose name, date, size or shape predicts the label."""
    table, labels = _labelled(subject.train, ROWS // 4)
    k, ordered = subject.n_labels, subject.ordered
    for column in subject.columns_of("image"):
        assert images is not None
        paths = table[column.name].cast(pa.string()).to_pylist()
        facts = np.full((len(paths), 4), np.nan)
        places = images.train.rows_of(paths)
        known = places >= 0
        facts[known, 2:] = images.train.facts.sizes[places[known]]
        for row, path in enumerate(paths):
            if path is not None:
                fact = (subject.public / path).stat()
                facts[row, :2] = (fact.st_size, fact.st_mtime_ns // 1_000_000)
        names = np.unique([path or "" for path in paths], return_inverse=True)[1]
        checks = (
            ("size", facts[:, :1], ALONE, "the size in bytes"),
            ("date", facts[:, 1:2] - np.nanmin(facts[:, 1:2], initial=np.inf), ORDER, "the date"),
            ("shape", facts[:, 2:], ALONE, "width and height"),
            ("name", names.astype(float), ORDER, "the name"),
        )
        for fact_name, values, limit, what in checks:
            auc = auc_of_numbers(values, labels, k, ordered=ordered)
            text = f"{what} of the files of {column.name} predicts the label"
            code = f"telling-file-{fact_name}-{column.name}"
            if found := _finding(code, auc, limit, len(labels), text):
                yield found


def labels_in_text(subject: Subject) -> Iterator[Finding]:
    """Find texts that say their own class or number, more often than that of another row."""
    if subject.kind.paired:
        return
    table, labels = _labelled(subject.train)
    if subject.ordered:
        numbers = subject.train.truth[: len(labels)].view(np.float64).tolist()
        words = [_words(f"{number:.15g}") for number in numbers]
        rows = np.flatnonzero([len(word) >= 3 for word in words])
        own_words = [words[row] for row in rows]
    else:
        words = [_words(name) for name in subject.classes]
        asked = np.array([len(word) >= 3 and not word.isdigit() for word in words], dtype=bool)
        rows = np.flatnonzero(asked[labels]) if len(labels) else labels
        own_words = [words[label] for label in labels[rows]]
    if not len(rows):
        return
    what = "number" if subject.ordered else "class"
    turned = np.roll(own_words, 1).tolist()
    for column in subject.columns_of("text", "categorical"):
        values = table[column.name].combine_chunks().take(pa.array(rows)).cast(pa.string())
        # Categories recur: each distinct text is looked at once.
        encoded = values.dictionary_encode()
        said = [f" {_words(text)} " if text else "" for text in encoded.dictionary.to_pylist()]
        texts = [said[code] if code is not None else "" for code in encoded.indices.to_pylist()]
        own = np.array([f" {w} " in text for w, text in zip(own_words, texts, strict=True)])
        both = zip(turned, own_words, texts, strict=True)
        other = np.array([w != o and f" {w} " in text for w, o, text in both])
        gain = own.mean() - other.mean()
        is_label = all(f" {w} " == text for w, text in zip(own_words, texts, strict=True))
        advice = ": it is the label itself; take it out of [columns]" if is_label else ""
        if gain > 0.05:
            yield Finding(
                f"label-in-{column.name}",
                "high" if gain > 0.5 else "medium",
                int(own.sum()),
                len(rows),
                f"{int(own.sum()):,} of {len(rows):,} train rows name their own {what} in "
                f"{column.name} ({int(other.sum()):,} name that of another row){advice}",
                tuple((name, "") for name in _ids_of(subject.train, rows[own])),
            )


def _ids_of(part: SideRows, rows: NDArray[np.int64]) -> list[str]:
    """Return the ids of rows, counted among the rows with a label."""
    return part.names(np.flatnonzero(part.labels >= 0)[rows])


def _labelled(part: SideRows, rows: int = ROWS) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return the first rows with a label that counts; rows are in random order."""
    table = part.sample.slice(0, rows)
    labels = part.labels[: table.num_rows]
    known = labels >= 0
    return table.filter(pa.array(known)), labels[known]


def exceeds(auc: Auc | None, limit: float) -> bool:
    """Whether an AUC is above a limit, and significantly above one half."""
    return auc is not None and auc[0] > limit and auc[0] - 0.5 > auc[1]


def auc_of_column(
    values: pa.Array, labels: NDArray[np.int64], k: int, *, ordered: bool = False
) -> Auc | None:
    """Return how well a column alone, of numbers or of texts, predicts labels 0 … k-1.

    `ordered` codes ascend with the label: ranges of numbers.
    """
    if _is_ordered(values):
        return auc_of_numbers(number_array(values), labels, k, ordered=ordered)
    text = pc.fill_null(normalised(values), "")
    codes = text.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return auc_of_categories(codes, labels, k, ordered=ordered)


def _is_ordered(values: pa.Array) -> bool:
    kind = values.type
    return bool(
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_timestamp(kind)
    )


def _counts_rows(values: pa.Array) -> bool:
    """Whether whole numbers that never recur lie close together, as running numbers do."""
    if not _is_ordered(values) or pa.types.is_timestamp(values.type):
        return False
    numbers = number_array(values.drop_null())
    if len(numbers) < 50 or not np.all(numbers == np.round(numbers)):
        return False
    spread = numbers.max() - numbers.min()
    return len(np.unique(numbers)) == len(numbers) and spread < 20 * len(numbers)


def _order_of_ids(ids: pa.Array) -> NDArray[np.float64]:
    """Return ids as numbers where all of them end in one, else as their position in order."""
    texts = [text or "" for text in ids.to_pylist()]
    numbers = []
    for text in texts:
        match = _LAST_DIGITS.search(text)
        if match is None:
            return np.unique(np.array(texts), return_inverse=True)[1].astype(float)
        numbers.append(float(match.group()))
    return np.array(numbers)


def _characters(values: pa.Array) -> pa.Array:
    """Return only characters and digits, in lower case; nothing left is null."""
    text = pc.replace_substring_regex(normalised(values), r"[^\p{L}\p{N}]+", "")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
