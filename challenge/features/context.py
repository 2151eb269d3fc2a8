"""Rank of a pair among its candidates: all pairs that share its left or its right record.

No label is read, but all candidates are compared together, test pairs too. The result depends on
how the candidates were drawn, so a method that uses it must state it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenge.task import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["candidate_context", "record_codes"]

_RANKED = (
    "ratio",
    "rare token overlap",
    "soft overlap",
    "characters cosine",
    "words cosine",
    "MiniLM cosine",
    "wordllama cosine",
    "HOG cosine",
    "ink best shift",
    "Lite0 cosine",
)
"""Comparisons by which candidates are ranked; higher is more similar."""


def candidate_context(task: Task, pairs: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Return float32 columns for each pair, in the rows' order, from its `compared` columns.

    Per side: the number of candidates of the record; for each comparison in which higher is more
    similar, the rank and the gap. Rank 1 is best, ties share the better rank. The gap is to the
    best other candidate, negative behind it, NaN without another.
    """
    import numpy as np
    import pandas as pd

    found: dict[str, NDArray[Any]] = {}
    for side in ("left", "right"):
        record = record_codes(task, pairs, side)
        found[f"{side} candidates"] = np.bincount(record)[record]
        for name in compared.columns:
            if name.partition(": ")[2] in _RANKED:
                rank, gap = _among(compared[name].to_numpy(np.float64), record)
                found[f"{name}: {side} rank"], found[f"{name}: {side} gap"] = rank, gap
    data = {name: np.asarray(values, np.float32) for name, values in found.items()}
    return pd.DataFrame(data, index=pairs.index)


def record_codes(task: Task, pairs: pd.DataFrame, side: str) -> NDArray[Any]:
    """Return a code of the record on one side: from its id, else from all its values."""
    names = [f"{side}_id"] if task.record_ids else [c.name for c in task.columns if c.side == side]
    codes = pairs[names].astype(object).groupby(names, dropna=False, sort=False).ngroup()
    return codes.to_numpy()


def _among(values: NDArray[Any], record: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return rank and gap of each value within its record; NaN if the value is NaN."""
    import numpy as np

    rank, gap = np.full(len(values), np.nan), np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((-values[known], record[known]))]
    starts = np.flatnonzero(np.r_[True, np.diff(record[order]) != 0]) if len(order) else order
    for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        ranked = values[order[start:end]]
        rank[order[start:end]] = np.searchsorted(-ranked, -ranked) + 1
        if end - start > 1:
            gap[order[start]] = ranked[0] - ranked[1]
            gap[order[start + 1 : end]] = ranked[1:] - ranked[0]
    return rank, gap
