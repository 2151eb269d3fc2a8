"""Rows that are on both sides of the split, equal or nearly, and labels that contradict.

The severity depends on what copies reveal: the share of test rows whose copy in train has their
label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.prepare.audit.image_facts import TaskImages
from challenge.prepare.audit.neighbours import (
    MIN_COSINE,
    SHORT_TEXTS,
    cropped_images,
    near_images,
    near_short_texts,
    near_texts,
    text_cosines,
    turned_images,
)
from challenge.prepare.audit.report import MOST_ROWS, Finding, Severity, Shown
from challenge.prepare.audit.subject import (
    SideRows,
    Subject,
    mixed_hashes,
    normalised,
    paired_names,
)
from challenge.task.modalities import modality_of

pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers

__all__ = [
    "contradictions",
    "copies_but_for_one_column",
    "identical_rows",
    "near_identical_images",
    "near_identical_short_texts",
    "near_identical_texts",
]


def identical_rows(subject: Subject) -> Iterator[Finding]:
    """Find test rows that are also in train, word for word (case and blanks ignored)."""
    train, test = subject.train, subject.test
    order = np.argsort(train.rows, kind="stable")
    position = np.searchsorted(train.rows[order], test.rows)
    match = order[np.minimum(position, train.n - 1)] if train.n else position
    copied = (train.rows[match] == test.rows) if train.n else np.zeros(test.n, dtype=bool)
    if copied.any():
        n = int(copied.sum())
        other = int(np.count_nonzero(_differs(subject, copied)))
        told = f", {other:,} of them with another label there" if other else ""
        rows = "pairs" if subject.kind.paired else "rows"
        words = f"{n:,} of {test.n:,} test {rows} are also in train"
        yield Finding(
            "identical-rows",
            _grade(n / test.n, high=0.01, medium=0.0),
            n,
            test.n,
            words + told,
            paired_names(test, np.flatnonzero(copied), train, match[copied]),
            Shown(n, test.n, words),
        )


def _differs(subject: Subject, copied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a copied test row meets another label than its own in train."""
    train, test = subject.train, subject.test
    keys = _with_label(train)
    all_rows = np.unique(train.rows, return_counts=True)
    same = np.unique(keys, return_counts=True)
    n_all = _counts(all_rows, test.rows)
    n_same = _counts(same, _with_label(test))
    return copied & (n_all > n_same)


def _with_label(part: SideRows) -> NDArray[np.uint64]:
    return part.rows + part.truth * np.uint64(0x9E3779B97F4A7C15)


def _counts(table: tuple[NDArray[Any], NDArray[Any]], keys: NDArray[Any]) -> NDArray[Any]:
    values, counts = table
    if not len(values):
        return np.zeros(len(keys), dtype=np.int64)
    place = np.minimum(np.searchsorted(values, keys), len(values) - 1)
    return np.where(values[place] == keys, counts[place], 0)


def contradictions(subject: Subject) -> Iterator[Finding]:
    """Find rows, on either side, that are identical but for their label."""
    train = subject.train
    rows = np.concatenate([train.rows, subject.test.rows])
    keys = np.concatenate([_with_label(train), _with_label(subject.test)])
    torn_rows = _torn(rows, keys)
    n = len(torn_rows)
    if n:
        torn = np.isin(rows, torn_rows)
        share = torn.mean()
        seen = _torn(train.rows, _with_label(train))
        n_rows = int(np.isin(train.rows, seen).sum())
        words = (
            f"{counted(len(seen), 'content')} of train {'has' if len(seen) == 1 else 'have'} "
            f"more than one label, in {counted(n_rows, 'row')}"
        )
        yield Finding(
            "contradictory-labels",
            _grade(float(share), high=0.05, medium=0.001),
            n,
            len(rows),
            f"{counted(n, 'content', 'has', 'have')} more than one label, "
            f"in {counted(int(torn.sum()), 'row')}",
            _opponents(subject, rows, keys, torn),
            Shown(len(seen), train.n, words),
        )


def _opponents(
    subject: Subject, rows: NDArray[np.uint64], keys: NDArray[np.uint64], torn: NDArray[np.bool_]
) -> tuple[tuple[str, str], ...]:
    """Return the ids of torn rows, each with a row of the same content and another label."""
    ids = pa.chunked_array([*subject.train.ids.chunks, *subject.test.ids.chunks], pa.string())
    places = np.flatnonzero(torn)
    places = places[np.argsort(rows[places], kind="stable")][:MOST_ROWS]
    names = [str(name) for name in ids.take(pa.array(places)).to_pylist()]
    by_content: dict[int, dict[int, str]] = {}
    for place, name in zip(places, names, strict=True):
        by_content.setdefault(int(rows[place]), {}).setdefault(int(keys[place]), name)
    found = []
    for place, name in zip(places, names, strict=True):
        others = by_content[int(rows[place])].items()
        found.append((name, next((one for key, one in others if key != int(keys[place])), "")))
    return tuple(found)


def _torn(rows: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the contents that have more than one label."""
    distinct = np.unique(np.column_stack([rows, keys]), axis=0)[:, 0]
    values, counts = np.unique(distinct, return_counts=True)
    return values[counts > 1]


def near_identical_texts(subject: Subject) -> tuple[list[Finding], list[str]]:
    """Find test rows whose text is nearly that of a train row; say how much was looked at."""
    names = [column.name for column in subject.columns_of("text")]
    if not names:
        return [], []
    sides = [_joined_text(part.sample, names) for part in (subject.test, subject.train)]
    pairs, limit = near_texts(sides[0], sides[1])
    if subject.kind.paired:
        # A long record would make every pair that has it a copy: both records must be near.
        for side in ("left", "right"):
            own = [column.name for column in subject.columns_of("text") if column.side == side]
            if own and len(pairs):
                texts = [_joined_text(part.sample, own) for part in (subject.test, subject.train)]
                pairs = pairs[text_cosines(texts[0], texts[1], pairs) > MIN_COSINE]
    notes = []
    if any(len(text) > limit for side in sides for text in side):
        notes.append(f"near-identical texts: the first {limit:,} characters of a row")
    for name, part in (("test", subject.test), ("train", subject.train)):
        if part.sample.num_rows < part.n:
            notes.append(f"near-identical texts: {counted(part.sample.num_rows, 'row')} of {name}")
    words = "nearly the text of a train row (cosine of 3-grams above .9)"
    return list(_near_finding(subject, "near-identical-texts", pairs, words)), notes


def _joined_text(table: pa.Table, names: list[str]) -> list[str]:
    columns = [normalised(table[name].combine_chunks()) for name in names]
    filled = [pc.fill_null(column, "") for column in columns]
    joined = pc.binary_join_element_wise(*filled, "\n") if len(filled) > 1 else filled[0]
    return [str(text) for text in joined.to_pylist()]


def near_identical_images(
    subject: Subject, images: TaskImages | None
) -> tuple[list[Finding], list[str]]:
    """Find test rows with an image that is nearly one of train, re-encoded or scaled."""
    if images is None:
        return [], []
    notes = [
        f"near-identical images: {len(part.paths):,} of {len(part.owners):,} of {side}"
        for side, part in (("test", images.test), ("train", images.train))
        if len(part.paths) < len(part.owners)
    ]
    test, train = images.test, images.train
    findings: list[Finding] = []
    seen: set[tuple[int, int]] = set()
    for name, search, words in _IMAGE_COPIES:
        pairs = {
            (test_row, train_row)
            for test_image, train_image in search(test.facts, train.facts).tolist()
            for test_row in test.owners[test.paths[test_image]]
            for train_row in train.owners[train.paths[train_image]][:1]
        }
        found = np.array(sorted(pairs - seen), dtype=np.int64).reshape(-1, 2)
        seen |= pairs
        report = _near_records if subject.kind.paired else _near_finding
        findings += report(subject, name, found, words)
    return findings, notes


_IMAGE_COPIES = (
    (
        "near-identical-images",
        near_images,
        "an image that is nearly one of train (difference hash within 4 bits)",
    ),
    (
        "near-identical-images-turned",
        turned_images,
        "an image that is one of train mirrored or upside down",
    ),
    (
        "near-identical-images-cropped",
        cropped_images,
        "an image that is one of train with a small part cut off",
    ),
)


def near_identical_short_texts(subject: Subject) -> Iterator[Finding]:
    """Find test rows whose short text is that of a train row but for a character or the order.

    The severity is never high: texts of a small vocabulary are alike by chance.
    """
    names = [column.name for column in subject.columns_of("text")]
    if not names or subject.kind.paired:
        return
    sides = [
        _joined_text(part.sample.slice(0, SHORT_TEXTS), names)
        for part in (subject.test, subject.train)
    ]
    words = "the short text of a train row but for a character or the order of words"
    pairs = near_short_texts(sides[0], sides[1])
    yield from _at_most_medium(_near_finding(subject, "near-identical-short-texts", pairs, words))


def _at_most_medium(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield replace(finding, severity="medium") if finding.severity == "high" else finding


def copies_but_for_one_column(subject: Subject) -> Iterator[Finding]:
    """Find test rows that differ from a train row in one column alone, such as a translated text.

    Only where agreement of the others is no chance: some ordered column has many values, and far
    more rows agree than independent columns would. Groups of many rows are no copies. The severity
    is never high: rows of one place, for example, agree in all that describes the place.
    """
    if subject.kind.paired or len(subject.columns) < 3:
        return
    train_table, test_table = (
        part.sample.slice(0, SHORT_TEXTS) for part in (subject.train, subject.test)
    )
    train, test = (
        {
            column.name: mixed_hashes(table[column.name].combine_chunks(), column.name)
            for column in subject.columns
        }
        for table in (train_table, test_table)
    )
    counts = {name: np.unique(hashes, return_counts=True)[1] for name, hashes in train.items()}
    n = train_table.num_rows
    many = {
        column.name
        for column in subject.columns
        if modality_of(column.modality).is_ordered and len(counts[column.name]) > _MANY * n
    }
    for column in subject.columns:
        others = [name for name in train if name != column.name]
        if many.isdisjoint(others):
            continue
        chance = n * float(np.prod([((counts[name] / n) ** 2).sum() for name in others]))
        rows, partners = _equal_rows(
            np.sum([test[name] for name in others], axis=0),
            np.sum([train[name] for name in others], axis=0),
        )
        differ = test[column.name][rows] != train[column.name][partners]
        pairs = np.column_stack([rows[differ], partners[differ]])
        if len(pairs) > (0.02 + 4 * chance) * test_table.num_rows:
            words = f"all values of a train row but that of {column.name}"
            name = f"near-identical-but-for-{column.name}"
            yield from _at_most_medium(_near_finding(subject, name, pairs, words))


_MANY = 0.3
_MOST_EQUAL = 3


def _equal_rows(
    test: NDArray[np.uint64], train: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of test and one equal row of train each, where few rows of train are equal."""
    order = np.argsort(train, kind="stable")
    ordered = train[order]
    first, last = (np.searchsorted(ordered, test, side=side) for side in ("left", "right"))
    rows = np.flatnonzero((last > first) & (last - first <= _MOST_EQUAL))
    return rows, order[first[rows]]


def _near_records(
    subject: Subject, name: str, pairs: NDArray[np.int64], words: str
) -> Iterator[Finding]:
    """One image of a pair reveals nothing of the pair: the severity is never high."""
    n, n_test = len(np.unique(pairs[:, 0])), subject.test.sample.num_rows
    if n:
        yield Finding(
            name,
            _grade(n / n_test, high=1.0, medium=0.1),
            n,
            n_test,
            f"{n:,} of {n_test:,} test pairs have {words}",
            paired_names(subject.test, pairs[:, 0], subject.train, pairs[:, 1]),
        )


def _near_finding(
    subject: Subject, name: str, pairs: NDArray[np.int64], words: str
) -> Iterator[Finding]:
    """Grade by the share of rows whose near copy has their label, beyond what chance gives."""
    n_test = subject.test.sample.num_rows
    if not len(pairs) or not n_test:
        return
    near = np.zeros(n_test, dtype=bool)
    near[pairs[:, 0]] = True
    labels = subject.test.labels[:n_test]
    same = labels[pairs[:, 0]] == subject.train.labels[pairs[:, 1]]
    told = np.zeros(n_test, dtype=bool)
    told[pairs[same, 0]] = True
    n, n_told = int(near.sum()), int(told.sum())
    chance = float((np.bincount(labels[labels >= 0]) / n_test).max())
    gain = max(0.0, n_told - chance * n) / n_test
    words = f"{n:,} of {n_test:,} test rows have {words}"
    yield Finding(
        name,
        _grade(gain, high=0.05, medium=0.01),
        n,
        n_test,
        f"{words}; {n_told:,} of them share its {subject.equal_label}",
        paired_names(subject.test, pairs[:, 0], subject.train, pairs[:, 1]),
        Shown(n, n_test, words),
    )


def _grade(share: float, *, high: float, medium: float) -> Severity:
    if share > high:
        return "high"
    return "medium" if share > medium else "low"
