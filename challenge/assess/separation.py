"""How small a difference a test set separates, and how large it must be for a smaller one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from challenge.kinds.statistics.vector import Vector, spread

__all__ = ["Separation", "separation_of"]

_Z_POWER = 0.8416212335729143
"""The standard normal quantile of 80 %."""
_POINT = 0.01


@dataclass(frozen=True)
class Separation:
    """Differences between two methods that a paired 95 % interval separates from 0.

    `difference` (in units of the metric) is found in 80 % of test sets of `clusters` independent
    rows, groups or entities; `for_a_point` is how many a difference of .01 needs.
    """

    clusters: int
    difference: float
    for_a_point: int

    def at(self, clusters: int) -> float:
        """Return the difference that another number of clusters separates."""
        return self.difference * math.sqrt(self.clusters / max(1, clusters))


def separation_of(difference: Vector, clusters: int) -> Separation | None:
    """Return what a test set separates, from the vector of the difference of two methods on it.

    None where no cluster changes the difference. The error falls with the root of the clusters.
    """
    found = spread(difference)
    if not math.isfinite(found.error) or found.error <= 0.0:
        return None
    least = found.reach + _Z_POWER * found.error
    return Separation(clusters, least, math.ceil(clusters * (least / _POINT) ** 2))
