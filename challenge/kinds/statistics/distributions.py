"""Quantiles of the normal, t and beta distributions, and the exact intervals made of them.

Written out because scipy takes longer to import than a file takes to score. The incomplete beta
function is the continued fraction of Lentz (Numerical Recipes, 6.4); quantiles are found by
Newton's method between bounds that always hold them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

__all__ = [
    "beta_cdf",
    "beta_quantile",
    "binomial_p",
    "clopper_pearson",
    "normal_quantile",
    "t_quantile",
]

_TINY = 1e-300


def normal_quantile(p: float) -> float:
    """Return the value below which a standard normal is with probability `p`, 0 < p < 1.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return NormalDist().inv_cdf(p)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for a, b > 0.

    >>> round(beta_cdf(0.5, 2.0, 2.0), 12)
    0.5
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, 200_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        fraction *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return fraction


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = p, 0 to 1.

    >>> round(beta_quantile(0.5, 3.0, 3.0), 12)
    0.5
    """
    low, high, x = 0.0, 1.0, a / (a + b)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    for _ in range(2_000):
        gap = beta_cdf(x, a, b) - p
        if gap == 0.0:
            break
        low, high = (x, high) if gap < 0.0 else (low, x)
        log_slope = (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x) - log_beta
        slope = math.exp(min(log_slope, 700.0))
        step = x - gap / slope if slope > 0.0 else math.nan
        # Newton's step where it stays between the bounds, else the middle of them.
        new = step if low < step < high else 0.5 * (low + high)
        if abs(new - x) <= 1e-16 * x or new in (low, high):
            x = new
            break
        x = new
    return x


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """Return the value below which Student's t with `df` > 0 degrees is with probability `p`.

    >>> round(t_quantile(0.975, 29), 6)
    2.04523
    """
    if p == 0.5:
        return 0.0
    if df > 5_000:
        # Fisher's expansion around the normal; the next term is below 1e-14 here, where the
        # logarithms of gamma would lose more digits.
        z = normal_quantile(p)
        v: float = 4.0 * df
        first = (z * z + 1.0) * z
        second = ((5.0 * z * z + 16.0) * z * z + 3.0) * z
        third = (((3.0 * z * z + 19.0) * z * z + 17.0) * z * z - 15.0) * z
        return z + first / v + second / (6.0 * v * v) + third / (6.0 * v * v * v)
    tail = min(p, 1.0 - p)
    # P(|T| > t) = I_x(df/2, 1/2) at x = df / (df + t²); solved for 1 - x, which keeps its digits.
    rest = beta_quantile(1.0 - 2.0 * tail, 0.5, 0.5 * df)
    value = math.sqrt(df * rest / (1.0 - rest))
    return value if p > 0.5 else -value


def clopper_pearson(hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a proportion; `hits` and `n` may be effective (not whole).

    At an edge one end is the edge itself, and the other has the closed form (α/2)^(1/n).

    >>> [round(end, 6) for end in clopper_pearson(10, 10)]
    [0.691503, 1.0]
    """
    if not 0.0 <= hits <= n or n <= 0.0:
        raise ValueError(f"{hits} hits of {n}")
    tail = 0.5 * (1.0 - confidence)
    if hits == 0.0:
        low = 0.0
    elif hits == n:
        low = tail ** (1.0 / n)
    else:
        low = beta_quantile(tail, hits, n - hits + 1.0)
    if hits == n:
        high = 1.0
    elif hits == 0.0:
        high = 1.0 - tail ** (1.0 / n)
    else:
        high = beta_quantile(1.0 - tail, hits + 1.0, n - hits)
    return low, high


def binomial_p(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of `wins` against `losses` of a fair coin.

    Without any trial: 1.

    >>> binomial_p(6, 0)
    0.03125
    """
    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    if n <= 1_000:
        ways = sum(math.comb(n, i) for i in range(fewer + 1))
        return min(1.0, float(2 * ways / (1 << n)))
    # P(X <= fewer) = I_½(n - fewer, fewer + 1)
    return min(1.0, 2.0 * beta_cdf(0.5, n - fewer, fewer + 1.0))
