"""Which teams can be distinguished: paired differences, simultaneous over all teams.

Team j is significantly better than i when their difference, divided by its standard error, exceeds
the quantile of Student's t at the level of a critical value c_i. It is that of the largest of all
differences from i, so that the verdicts of one team hold together, also for the leader, which was
picked by its score. For two teams it is 1.96, and the verdict is that of their comparison.

- Rank interval of i: 1 + teams significantly better, to all minus those significantly worse
  (marginal sets of Mogstad, Romano, Shaikh and Wilhelm, "Inference for Ranks", Review of Economic
  Studies 2024).
- Tied with the first: the leader is not significantly better. The true best is among them with
  at least 95 % (a form of Hsu's comparisons with the best, 1984).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.statistics.distributions import t_quantile
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.submissions.ladder import outward

__all__ = ["Ties", "compare_with_first", "outward_all", "stacked"]

_LEVEL = 0.975
_N_DRAWS = 1_000
_N_DRAWN = 200
"""Teams, from the top, whose critical value is that of their own draws. Others have the one of so
many independent comparisons, which is larger."""

_N_EXACT = 400
"""With more teams, clusters are joined into 100: the work grows with the square of the teams."""

_N_JOINED = 100
_BLOCK = 512
_ANSWERS: dict[bytes, Ties] = {}
_N_ANSWERS = _LONGEST_KEPT = 1_000
_SAME = 1e-9
"""A smaller standard error is rounding: the two sets of predictions score the same."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ties:
    """For each entry, in the given order: its rank interval and how far the leader is ahead.

    `behind_*` are NaN where the entry or the leader has no vector, and for the leader itself.
    """

    rank_low: NDArray[np.int64]
    rank_high: NDArray[np.int64]
    tied_first: NDArray[np.bool_]
    behind: Floats
    behind_low: Floats
    behind_high: Floats


def stacked(vectors: Sequence[Vector | None]) -> Vector:
    """Return the vectors as rows of one: (n, G) and (n, C), NaN where there is none.

    Raises ValueError when they are of different clusters.
    """
    known = [one for one in vectors if one is not None]
    if len({(len(one.clusters), len(one.couples)) for one in known}) > 1:
        raise ValueError("vectors of different clusters")
    first = known[0] if known else Vector(np.zeros(1))
    clusters = np.full((len(vectors), len(first.clusters)), np.nan)
    couples = np.full((len(vectors), len(first.couples)), np.nan)
    for row, one in enumerate(vectors):
        if one is not None:
            clusters[row], couples[row] = one.clusters, one.couples
    return Vector(clusters, couples)


def compare_with_first(merits: Floats, vectors: Vector, step: float = 0.0) -> Ties:
    """Compare every entry with every other; return rank intervals and ties.

    Intervals are rounded outward to a `step` of the Ladder, and decide as they are shown.
    `merits` (n,) are finite, largest first, `vectors` (n, G) and (n, C) are those of the merits,
    NaN where unknown. An entry of unknown vector is distinguished from none: rank 1 to last, tied
    with the first. Entries of equal vectors (the same predictions) tie exactly.

    The newest answers for up to 1,000 entries are kept and must not be changed: a server draws the
    boards again for every submission, and most submissions are not their team's best.
    """
    if len(merits) > _LONGEST_KEPT:
        return _compare_with_first(merits, vectors, step)
    asked = hashlib.sha256(repr((vectors.clusters.shape, step)).encode())
    for values in (merits, vectors.clusters, vectors.couples):
        asked.update(np.ascontiguousarray(values).data)
    key = asked.digest()
    if key not in _ANSWERS:
        if len(_ANSWERS) >= _N_ANSWERS:
            del _ANSWERS[next(iter(_ANSWERS))]
        _ANSWERS[key] = _compare_with_first(merits, vectors, step)
    return _ANSWERS[key]


def _compare_with_first(merits: Floats, vectors: Vector, step: float) -> Ties:
    n = len(merits)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(vectors.clusters).all(axis=1))
    used = _joined(vectors, known)
    critical = _critical_values(used, known)
    better, worse = np.zeros(n, np.int64), np.zeros(n, np.int64)
    behind = merits[:1].repeat(n) - merits
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        near = _near(merits, used, critical, rows, step)
        error, df = _pairs(used, rows, near)
        both = known[near] & known[rows, None]
        ahead = merits[near] - merits[rows, None]
        gap = np.abs(ahead)
        if used.joined:
            error *= t_quantile(critical[rows, None], df)
            exceeds = both & _above_zero(gap - error, step)
        else:
            # No row moves the difference: it is what it is.
            exceeds = both & (error <= _SAME) & _above_zero(gap, step)
            # The quantile of t exceeds the normal one: most pairs are decided by that alone.
            i, j = np.nonzero(both & (error > _SAME) & (gap > critical[rows, None] * error))
            quantiles = t_quantile(critical[rows][i], df[i, j])
            exceeds[i, j] = _above_zero(gap[i, j] - quantiles * error[i, j], step)
        better[rows] = (exceeds & (ahead > 0)).sum(axis=1)
        worse[rows] = (exceeds & (ahead < 0)).sum(axis=1)
        better[rows] += known[rows] * np.count_nonzero(known[: near.start])
        worse[rows] += known[rows] * np.count_nonzero(known[near.stop :])
    error, df = (side[:1].reshape(-1) for side in _pairs(used, slice(0, 1), slice(0, n)))
    reach = np.where(error > _SAME, t_quantile(critical, df) * error, 0.0)
    reach[~(known & known[:1])] = np.nan
    reach[:1] = np.nan
    tied = ~_above_zero(behind - reach, step)
    rank_low = np.where(tied, 1, 1 + better)
    low, high = outward_all(behind - reach, behind + reach, step)
    return Ties(rank_low, n - worse, tied, behind, low, high)


def outward_all(low: Floats, high: Floats, step: float) -> tuple[Floats, Floats]:
    """Round intervals of hidden rows outward to the step of the Ladder; 0 leaves them exact."""
    if not step or not len(low):
        return low, high
    ends = zip(low.tolist(), high.tolist(), strict=True)
    low, high = np.array([outward(*one, step) for one in ends]).T
    return low, high


def _above_zero(low: Floats, step: float) -> NDArray[np.bool_]:
    """Whether the lower end of an interval is above 0 after rounding it outward."""
    above: NDArray[np.bool_] = np.round(low / step, 9) >= 1.0 if step else low > 0.0
    return above


@dataclass(frozen=True)
class _Used:
    """Finite vectors, and whether their clusters are joined ones."""

    clusters: Floats
    couples: Floats
    joined: bool = False


def _joined(vectors: Vector, known: NDArray[np.bool_]) -> _Used:
    """Return finite vectors; of many teams with fewer clusters, every hundredth one joined."""
    clusters = np.where(known[:, None], vectors.clusters, 0.0)
    couples = np.where(known[:, None], vectors.couples, 0.0)
    if len(clusters) <= _N_EXACT or couples.shape[1] or clusters.shape[1] <= _N_JOINED:
        return _Used(clusters, couples)
    starts = [clusters[:, first::_N_JOINED].sum(axis=1) for first in range(_N_JOINED)]
    return _Used(np.stack(starts, axis=1), couples, joined=True)


def _near(merits: Floats, used: _Used, critical: Floats, rows: slice, step: float) -> slice:
    """Return the entries that some of the rows may not be distinguished from.

    The error of a difference is at most the sum of both errors. All others are distinguished.
    """
    n = len(merits)
    if not used.joined:
        return slice(0, n)
    error = np.sqrt((used.clusters**2).sum(axis=1))
    widest = float(t_quantile(critical[rows].max(), _N_JOINED - 1.0))
    widest = widest * float(error[rows].max() + error.max()) + 2.0 * step
    first = np.searchsorted(-merits, -(merits[rows.start] + widest), side="left")
    last = np.searchsorted(-merits, -(merits[rows.stop - 1] - widest), side="right")
    return slice(int(first), int(last))


def _pairs(vectors: _Used, rows: slice, others: slice) -> tuple[Floats, Floats]:
    """Return standard error and degrees of freedom of the differences of some rows from others.

    Those of `spread`, from products of matrices. Joined clusters are alike, so they have one degree
    of freedom less than there are.
    """
    d, c = vectors.clusters[others], vectors.couples[others]
    n_clusters = d.shape[1]
    own = vectors.clusters[rows]
    squares = d**2
    second, own_second = squares.sum(axis=1), (own**2).sum(axis=1)
    moved = own @ d.T
    moved *= -2.0
    moved += own_second[:, None]
    moved += second
    np.maximum(moved, 0.0, out=moved)
    variance = (1.0 - 1.0 / n_clusters) * moved
    if vectors.joined:
        return np.sqrt(variance), np.full((1, 1), n_clusters - 1.0)
    power = (
        (own**4).sum(axis=1)[:, None]
        - 4.0 * (own**3 @ d.T)
        + 6.0 * (own**2 @ squares.T)
        - 4.0 * (own @ (d**3).T)
        + (squares**2).sum(axis=1)
    )
    if c.shape[1]:
        of_row = vectors.couples[rows]
        of_couples = (of_row**2).sum(axis=1)[:, None] + (c**2).sum(axis=1)
        shared = np.maximum(of_couples - 2.0 * (of_row @ c.T), 0.0)
        variance = np.maximum(variance - shared, shared)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (3.16 - 2.77 / np.sqrt(n_clusters)) * moved**2 / np.maximum(power, 0.0)
    return np.sqrt(variance), np.maximum(np.nan_to_num(df, nan=1.0, posinf=1e9), 1.0)


def _critical_values(vectors: _Used, known: NDArray[np.bool_]) -> Floats:
    """Return c_i of each entry: 1.96 for two, above for more.

    The .95 quantile of the largest studentised difference from i, over normal draws with the
    covariance of the entries.
    """
    plain = NormalDist().inv_cdf(_LEVEL)
    n = len(known)
    critical = np.full(n, NormalDist().inv_cdf(_LEVEL ** (1.0 / max(int(known.sum()) - 1, 1))))
    top = np.flatnonzero(known)[:_N_DRAWN]
    if len(top) < 3:
        return critical
    drawn = _Used(vectors.clusters[top], vectors.couples[top], vectors.joined)
    draws = _draw(drawn)
    error, _ = _pairs(drawn, slice(None), slice(None))
    # Of more teams than were drawn, the others widen the value as independent ones would.
    level = _LEVEL ** ((len(top) - 1.0) / max(int(known.sum()) - 1, 1))
    for i, entry in enumerate(top.tolist()):
        differs = error[i] > _SAME
        if not differs.any():
            continue
        largest = (np.abs(draws[differs] - draws[i]) / error[i, differs, None]).max(axis=0)
        critical[entry] = max(plain, float(np.quantile(largest, 2.0 * level - 1.0)))
    return critical


def _draw(vectors: _Used) -> Floats:
    """Return normal draws (n, 1000) with the covariance that the vectors of n entries show."""
    d, c = vectors.clusters, vectors.couples
    covariance = (1.0 - 1.0 / d.shape[1]) * (d @ d.T) - c @ c.T
    values, axes = np.linalg.eigh(covariance)
    normal = np.random.Generator(np.random.PCG64(0)).standard_normal((len(d), _N_DRAWS))
    drawn: Floats = (axes * np.sqrt(np.maximum(values, 0.0))) @ normal
    return drawn
