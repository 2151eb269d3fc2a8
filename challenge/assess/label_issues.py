"""Suspected wrong labels by confident learning (Northcutt, Jiang and Chuang 2021).

A class is confident of a row when its out-of-fold probability is at least the mean that it has
over the rows of that label. A row is suspected when its most probable confident class is not its
label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelIssues", "find_label_issues"]


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """Suspected rows, the most certain first, and the share of wrong labels that they imply.

    `rows` are positions, `suggested` the class code of each; `share` is 0 to 1, from the confident
    counts after each label's total was made that of the data.
    """

    rows: NDArray[np.intp]
    suggested: NDArray[np.intp]
    share: float


def find_label_issues(labels: NDArray[np.int_], probabilities: NDArray[np.float64]) -> LabelIssues:
    """Return the suspected rows of (n,) label codes, given (n, k) out-of-fold probabilities."""
    n, k = probabilities.shape
    counts = np.bincount(labels, minlength=k)
    own = probabilities[np.arange(n), labels]
    with np.errstate(invalid="ignore", divide="ignore"):
        threshold = np.bincount(labels, own, minlength=k) / counts
    confident = probabilities >= np.where(counts > 0, threshold, np.inf)
    best = np.where(confident, probabilities, -1.0).argmax(axis=1)
    counted = confident.any(axis=1)
    joint = np.zeros((k, k))
    np.add.at(joint, (labels[counted], best[counted]), 1.0)
    of_label = joint.sum(axis=1)
    scaled = joint * np.divide(counts, of_label, out=np.zeros(k), where=of_label > 0)[:, None]
    share = float((scaled.sum() - np.trace(scaled)) / n) if n else 0.0
    rows = np.flatnonzero(counted & (best != labels))
    order = np.argsort(own[rows] - probabilities[rows, best[rows]], kind="stable")
    return LabelIssues(rows[order], best[rows[order]], max(share, 0.0))
