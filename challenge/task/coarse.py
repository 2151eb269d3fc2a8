"""Figures about a subset as far as they may be published: 1, 2 or 5 times a power of ten.

Exact sizes of a subset would reveal which rows are in it, and exact counts its labels.
"""

from __future__ import annotations

import math

__all__ = ["coarse"]

_STEPS = (1.0, 2.0, 5.0, 10.0)


def coarse(value: float) -> float:
    """Return the nearest of … 0.5, 1, 2, 5, 10, 20 … by ratio; 0, NaN and infinity stay.

    >>> coarse(345), coarse(0.0394), coarse(0.3), coarse(-17), coarse(0)
    (500.0, 0.05, 0.2, -20.0, 0.0)
    """
    if value == 0 or not math.isfinite(value):
        return float(value)
    exponent = math.floor(math.log10(abs(value)))
    leading = abs(value) / 10.0**exponent
    step = min(_STEPS, key=lambda one: abs(math.log(one / leading)))
    return math.copysign(float(f"{step:g}e{exponent}"), value)
