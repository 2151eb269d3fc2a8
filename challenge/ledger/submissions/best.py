"""Selects the best submission of a team, the earlier one among equals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_positions", "ranks_of"]


def best_positions(
    merit: NDArray[np.float64], submission: NDArray[np.int64], *groups: NDArray[Any]
) -> NDArray[np.int64]:
    """Return the position of the best entry of each group, groups ascending.

    `merit` is larger the better the score is (`Metric.merit`), NaN where there is none: such an
    entry is best only where its group has no other. Of equals, the lower submission id is best.

    >>> merit, team = np.array([0.1, 0.3, 0.3, np.nan]), np.array([2, 1, 1, 1])
    >>> best_positions(merit, np.arange(4), team).tolist()
    [1, 0]
    """
    order = np.lexsort((submission, -merit, *reversed(groups)))
    first = np.zeros(len(order), dtype=bool)
    first[:1] = True
    for group in groups:
        sorted_group = group[order]
        first[1:] |= sorted_group[1:] != sorted_group[:-1]
    return order[first]


def ranks_of(merits: Mapping[int, float]) -> dict[int, int]:
    """Return the rank of each key, 1 for the largest merit; equal ones share a rank.

    >>> ranks_of({7: 0.5, 8: 0.9, 9: 0.5})
    {7: 2, 8: 1, 9: 2}
    """
    ordered = sorted(merits.values(), reverse=True)
    return {key: ordered.index(merit) + 1 for key, merit in merits.items()}
