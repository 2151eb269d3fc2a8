"""Matching: records that are on both sides, and pairs that follow from training pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from challenge.errors import counted
from challenge.prepare.audit.report import Finding, Severity, Shown
from challenge.prepare.audit.subject import Subject, paired_names

__all__ = ["pairs_by_transitivity", "seen_records", "self_pairs"]


def seen_records(subject: Subject) -> Iterator[Finding]:
    """Find test matches whose two records are in train already."""
    train, test = subject.train, subject.test
    known = np.unique(
        np.concatenate([train.left_content, train.right_content, train.left, train.right])
    )
    left = np.isin(test.left, known) | np.isin(test.left_content, known)
    right = np.isin(test.right, known) | np.isin(test.right_content, known)
    both = left & right
    matches = test.labels == subject.classes.index("1")
    n, n_matches = int((both & matches).sum()), int(matches.sum())
    n_one = int((left | right).sum())
    if not n_one:
        return
    share = n / n_matches if n_matches else 0.0
    grade: Severity = "high" if share > 0.2 else "medium" if n_one > 0.05 * test.n else "low"
    n_both = int(both.sum())
    rest = f"of all {test.n:,} test pairs {n_both:,} have both, {n_one:,} at least one"
    yield Finding(
        "seen-records",
        grade,
        n,
        n_matches,
        f"both records of {n:,} of {n_matches:,} test matches are in train; {rest}",
        _with_partner(subject, both),
        Shown(n_both, test.n, f"records are in train: {rest}"),
    )


def pairs_by_transitivity(subject: Subject) -> Iterator[Finding]:
    """Find test pairs that closing the training matches decides, and how often rightly.

    Records that training matches connect are one entity: a test pair inside one is a match; a
    test pair across two that a training non-match separates is none.
    """
    train, test = subject.train, subject.test
    records, codes = np.unique(
        np.concatenate([train.left, train.right, test.left, test.right]), return_inverse=True
    )
    train_left, train_right, test_left, test_right = np.split(
        codes, np.cumsum([train.n, train.n, test.n])
    )
    match = subject.classes.index("1")
    linked = train.labels == match
    entity = _components(train_left[linked], train_right[linked], len(records))
    same = entity[test_left] == entity[test_right]
    apart = np.isin(
        _couples(entity[test_left], entity[test_right]),
        _couples(entity[train_left[~linked]], entity[train_right[~linked]]),
    )
    decided = (same | apart) & (test_left != test_right)
    n = int(decided.sum())
    if not n:
        return
    truly = test.labels == match
    right = int(((same & truly) | (apart & ~same & ~truly)).sum())
    share = n / test.n
    words = f"{n:,} of {test.n:,} test pairs follow from training pairs"
    yield Finding(
        "transitive-pairs",
        "high" if share > 0.05 else "medium",
        n,
        test.n,
        f"{words}, {right:,} of them rightly ({int((same & truly).sum()):,} matches)",
        _with_partner(subject, decided),
        Shown(n, test.n, words),
    )


def self_pairs(subject: Subject) -> Iterator[Finding]:
    """Find pairs of a record with itself: whoever sees the ids knows that they match."""
    train, test = subject.train, subject.test
    if "left_id" not in train.sample.column_names:
        # Two records may have the same content.
        return
    own = test.left == test.right
    n, n_train = int(own.sum()), int((train.left == train.right).sum())
    if n + n_train:
        text = f"{counted(n, 'test pair')} and {counted(n_train, 'train pair')} of a record with "
        text += "itself"
        rows = tuple((name, "") for name in test.names(np.flatnonzero(own)))
        yield Finding("self-pairs", "medium", n, test.n, text, rows)


def _with_partner(subject: Subject, mask: NDArray[np.bool_]) -> tuple[tuple[str, str], ...]:
    """Return the ids of test pairs, each with a train pair that has one of its records."""
    train, test = subject.train, subject.test
    records = np.concatenate([train.left, train.right, train.left_content, train.right_content])
    known, first = np.unique(records, return_index=True)
    rows = np.flatnonzero(mask)
    partners = np.full(len(rows), -1)
    for own in (test.left, test.right, test.left_content, test.right_content):
        place = np.minimum(np.searchsorted(known, own[rows]), len(known) - 1)
        hit = (known[place] == own[rows]) & (partners < 0)
        partners[hit] = first[place[hit]] % train.n
    kept = partners >= 0
    return paired_names(test, rows[kept], train, partners[kept])


def _components(left: NDArray[np.int64], right: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _couples(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    # Entity numbers stay below 2**31, so a pair of them is one number.
    return np.minimum(left, right) * np.int64(1 << 31) + np.maximum(left, right)
