"""The confusion matrix on the page of a submission, where the labels may be known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.board.exports import csv_export
from challenge.board.pages.site_context import MarkedPage, SiteContext
from challenge.ledger.store.records import StoredScore, Submission

__all__ = ["confusion_facts", "confusion_files"]

N_CLASSES = 25
"""With more classes only the pairs that are confused most often are shown."""
N_PAIRS = 20


def confusion_files(
    context: SiteContext, submission: Submission, score: StoredScore, mark: str
) -> list[MarkedPage]:
    """Return the CSV export of the matrix with its mark; empty where there is none."""
    kind = context.kind(submission.task)
    if score.confusion_counts is None or not (kind.has_right_answers and kind.has_decisions):
        return []
    path = f"submission/{submission.id}-confusion-matrix.csv"
    names = context.card(submission.task).task["classes"]
    draw = partial(_confusion_csv, names, score.confusion_counts, counted=score.subset == "all")
    return [MarkedPage(path, mark, draw)]


def _confusion_csv(names: Sequence[str], counts: NDArray[np.int32], *, counted: bool) -> str:
    """Return the cells; rows of a subset are not counted: a cell is its share of the true class."""
    triples = counts.tolist()
    if counted:
        rows = [(names[i], names[j], n) for i, j, n in triples]
        return csv_export(("true", "predicted", "rows"), rows)
    totals = _counts(counts, len(names)).sum(axis=1)
    shares = [(names[i], names[j], _percent(n, totals[i])) for i, j, n in triples]
    return csv_export(("true", "predicted", "percent"), shares)


def confusion_facts(
    context: SiteContext, submission: Submission, score: StoredScore
) -> dict[str, Any] | None:
    """Return what the section shows: the matrix or the most frequent pairs.

    None without counts, and where no answer is right or wrong.
    """
    kind = context.kind(submission.task)
    if score.confusion_counts is None or not (kind.has_right_answers and kind.has_decisions):
        return None
    names: Sequence[str] = context.card(submission.task).task["classes"]
    if kind.label == "match":
        names = ("no match", "match")
    triples = score.confusion_counts.tolist()
    counts = _counts(score.confusion_counts, len(names))
    totals = counts.sum(axis=1).tolist()
    wrong = sorted((-n, i, j) for i, j, n in triples if i != j)
    pairs = [
        {
            "actual": names[i],
            "predicted": names[j],
            "n": -n,
            "of": totals[i],
            "share": f"{_percent(-n, totals[i])} %",
        }
        for n, i, j in wrong
    ]
    counted = score.subset == "all"
    return {
        "file": f"{submission.id}-confusion-matrix.csv",
        "counted": counted,
        "n": int(counts.sum()),
        "n_right": int(np.trace(counts)),
        "names": names,
        "most": pairs[0] if pairs else None,
        "pairs": pairs[:N_PAIRS],
        "rows": [
            {
                "name": name,
                "n": totals[true],
                "share_right": f"{_percent(int(counts[true, true]), totals[true])} %"
                if totals[true]
                else "–",
                "cells": [
                    (n if counted else _percent(n, totals[true]), _heat(n, totals[true]))
                    for n in counts[true].tolist()
                ],
            }
            for true, name in enumerate(names)
        ]
        if len(names) <= N_CLASSES
        else [],
    }


def _counts(triples: NDArray[np.int32], n_classes: int) -> NDArray[np.int64]:
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    counts[triples[:, 0], triples[:, 1]] = triples[:, 2]
    return counts


def _percent(count: int, n: int) -> int:
    return round(100 * count / n) if n else 0


def _heat(count: int, n: int) -> str:
    # The root makes small shares visible beside a diagonal that holds nearly everything.
    return f"h{max(1, round(8 * math.sqrt(count / n)))}" if count else "h0"
