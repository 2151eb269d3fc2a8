"""How the two sides differ, and what the task does not state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from challenge.prepare.audit.prediction import auc_of_numbers, number_array
from challenge.prepare.audit.report import Finding, Shown
from challenge.prepare.audit.subject import SideRows, Subject
from challenge.task.modalities import Modality, modality_of
from challenge.task.splits import SPLIT_RULES

pc: Any = pyarrow.compute  # its functions are made at run time, unknown to type checkers

__all__ = ["missing_classes", "shifted_sides", "unstated_licences"]

SHIFT = 0.6
ROWS = 4_000


def missing_classes(subject: Subject) -> Iterator[Finding]:
    """Find classes that only one side has: nobody can learn, or nobody is asked.

    Anybody sees which classes train lacks. Only the organiser learns which ones test lacks.
    """
    if not subject.classes:
        return
    k = len(subject.classes)
    in_train = np.bincount(subject.train.labels[subject.train.labels >= 0], minlength=k) > 0
    in_test = np.bincount(subject.test.labels[subject.test.labels >= 0], minlength=k) > 0
    for side, missing, severity, consequence in (
        ("train", ~in_train & in_test, "high", "no method can learn them"),
        ("test", in_train & ~in_test, "medium", "they count for nothing"),
    ):
        n = int(missing.sum())
        if n:
            names = [subject.classes[code] for code in np.flatnonzero(missing)[:5]]
            words = f"{n:,} of {k:,} classes are missing from {side}"
            yield Finding(
                f"class-missing-{side}",
                "high" if severity == "high" else "medium",
                n,
                k,
                f"{words} ({', '.join(names)}): {consequence}",
                shown=Shown(n, k, f"{words}: {consequence}") if side == "test" else None,
            )


def unstated_licences(subject: Subject) -> Iterator[Finding]:
    """Find sources without a licence."""
    silent = [source for source in subject.sources if not str(source.get("licence") or "").strip()]
    if silent:
        yield Finding(
            "licence-unstated",
            "medium",
            len(silent),
            len(subject.sources),
            f"{len(silent)} of {len(subject.sources)} sources state no licence",
        )


def shifted_sides(subject: Subject) -> Iterator[Finding]:
    """Find a test side that a small tree separates from train (AUC above .6) without labels."""
    columns = [c for c in subject.columns if not modality_of(c.modality).is_image]
    tables = [_once_each(part).slice(0, ROWS) for part in (subject.train, subject.test)]
    if not columns or min(table.num_rows for table in tables) < 50:
        return
    facts = np.column_stack(
        [
            _facts(
                modality_of(column.modality),
                [table[column.name].combine_chunks() for table in tables],
            )
            for column in columns
        ]
    )
    side = np.repeat([0, 1], [table.num_rows for table in tables])
    auc = auc_of_numbers(facts, side.astype(np.int64), 2)
    if auc is not None and auc[0] > SHIFT and auc[0] - 0.5 > auc[1]:
        rule = SPLIT_RULES.get(subject.split_by)
        kept = rule is not None and rule.uneven
        yield Finding(
            "shifted-sides",
            "low" if kept else "medium",
            subject.test.n,
            subject.test.n,
            f"test rows can be distinguished from train rows without their label (AUC {auc[0]:.2f})"
            + (f", as a split by {subject.split_by} brings with it" if kept else ""),
        )


def _once_each(part: SideRows) -> pa.Table:
    """Return rows in which no record recurs: a record seen twice is known, not a shift."""
    table = part.sample
    if not len(part.left):
        return table
    keep = np.zeros(table.num_rows, dtype=bool)
    for side in (part.left, part.right):
        keep[np.unique(side[: table.num_rows], return_index=True)[1]] = True
    for side in (part.left, part.right):
        rows = np.flatnonzero(keep)
        first = rows[np.unique(side[rows], return_index=True)[1]]
        keep[:] = False
        keep[first] = True
    return table.filter(pa.array(keep))


def _facts(modality: Modality, sides: list[pa.Array]) -> NDArray[np.float64]:
    if modality.is_ordered:
        return np.concatenate([number_array(side) for side in sides])
    texts = pa.concat_arrays([side.cast(pa.string()) for side in sides])
    if modality.is_text:
        lengths = pc.utf8_length(texts).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.asarray(lengths, dtype=np.float64)
    codes = pc.fill_null(texts, "").dictionary_encode().indices.to_numpy(zero_copy_only=False)
    # The commonest values first: a rare value says little, and its number should be high.
    counts = np.bincount(codes)
    ranks = np.empty(len(counts))
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.asarray(np.minimum(ranks[codes], 50), dtype=np.float64)
