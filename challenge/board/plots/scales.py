"""The scales of plots: which scores fit, where their ticks are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from challenge.board.markup import of_unit_scale
from challenge.kinds import Metric

__all__ = ["Scale", "late_scale", "round_step", "scale_for", "unit_of"]


@dataclass(frozen=True)
class Scale:
    """Scores from `low` to `high` along `width` units, with a margin at both ends."""

    low: float
    high: float
    width: float = 216
    margin: float = 12

    def at(self, value: float) -> float:
        """Return the px of a value, kept inside the plot."""
        share = (value - self.low) / (self.high - self.low)
        return self.margin + min(max(share, 0.0), 1.0) * (self.width - 2 * self.margin)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the scale."""
        step = round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def scale_for(values: Sequence[float | None], *, unit: float = 1.0) -> Scale:
    """Return a scale that holds all finite values with a margin; nothing finite is 0 to 1.

    `unit` is the size of a large value, see `unit_of`.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    air = max((high - low) * 0.04, 0.005 * unit)
    return Scale(low - air, high + air)


def unit_of(metric: Metric, values: Iterable[float]) -> float:
    """Return 1 where that is the best score, else the size of the median score."""
    sizes = sorted(map(abs, values))
    return 1.0 if of_unit_scale(metric) or not sizes else sizes[len(sizes) // 2] or 1.0


def late_scale(
    metric: Metric,
    scores: Sequence[float],
    ends: Sequence[float],
    times: float,
    least: float,
    whole: Sequence[float] = (),
) -> Scale:
    """Return a scale on which the best scores are distinguished; the worst may be outside.

    It is cut `times` as far from the best score as the median is, and at least `least` of a unit;
    `ends` are all that is drawn, and those in `whole` are never outside.
    """
    unit, sign = unit_of(metric, scores), metric.merit(1.0)
    merits = sorted((sign * score for score in scores), reverse=True)
    best, median = merits[0], merits[len(merits) // 2]
    drawn = [sign * end for end in ends]
    cut = best - max(times * (best - median), least * unit)
    cut = min([cut, *(sign * end for end in whole)])
    return scale_for([sign * max(min(drawn), cut), sign * max(drawn)], unit=unit)


def round_step(raw: float) -> float:
    """Return the next larger round step: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
