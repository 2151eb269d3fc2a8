"""How well queries find their thing again in a gallery, in the vectors of a new and an old model.

Vectors are compared by their cosine, so neither a rotation of both sides nor a scale changes a
score. The search is exact, in blocks of queries, in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.kinds.base import Metric, Undefined
from challenge.kinds.metrics.probabilities import mean_of_rows
from challenge.kinds.scored_rows import Answers, Gallery, Outcome, ScoredRows
from challenge.kinds.statistics.vector import Ratios, ratio_of_rows

__all__ = ["METRICS", "Found", "VectorOutcome", "search"]

_BLOCK_BYTES = 48 << 20
"""Memory of the similarities of one block of queries."""

_EQUAL = 1e-9
"""Cosines that differ by less are equal: rounding does not decide an order."""

_NO_GALLERY = "the file has no vectors of the gallery"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """What each query finds: its average precision, and the wrong rows before its first right one.

    Both have length n.
    """

    precision: Floats
    wrong_before: NDArray[np.int64]

    def within(self, k: int) -> Floats:
        """Return 1 for each query with a right row among the first k, else 0."""
        return (self.wrong_before < k).astype(np.float64)


def search(
    queries: NDArray[Any],
    gallery: NDArray[Any],
    wanted: NDArray[np.integer[Any]],
    things: NDArray[np.integer[Any]],
) -> Found:
    """Rank a gallery (m, d) for each query (n, d) by cosine.

    `wanted` are the things of the queries, `things` those of the gallery: equal ones are right.
    Average precision, 0 to 1: the mean over the right rows of j / (j + wrong rows before the j-th),
    as in scikit-learn. Ties: of equal cosines wrong rows come first, so equal vectors find nothing.
    A query without a right row has an average precision of 0. No query: empty arrays.

    >>> found = search(np.eye(2), np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]),
    ...                np.array([0, 1]), np.array([1, 0, 1]))
    >>> found.precision.round(4).tolist(), found.wrong_before.tolist()
    ([0.5, 0.8333], [1, 0])
    """
    n, m = len(queries), len(gallery)
    order = np.argsort(things, kind="stable")
    sides = (np.searchsorted(things[order], wanted, side=side) for side in ("left", "right"))
    first, stop = sides
    precision, wrong_before = np.zeros(n), np.full(n, m, np.int64)
    directions = _directions(gallery).T
    step = max(1, _BLOCK_BYTES // (8 * max(m, 1)))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        cosines = _directions(queries[rows]) @ directions
        for row, cosine in enumerate(cosines, start=start):
            right = order[first[row] : stop[row]]
            if len(right) == 0:
                continue
            wrong = _wrong_before(cosine, right)
            place = np.arange(1, len(right) + 1)
            precision[row] = float((place / (place + wrong)).mean())
            wrong_before[row] = wrong[0]
    return Found(precision, wrong_before)


def _wrong_before(cosine: Floats, right: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return how many wrong rows come before each right one, ascending."""
    levels = np.sort(cosine[right])[::-1] - _EQUAL
    if len(levels) == 1:
        return np.array([np.count_nonzero(cosine >= levels[0]) - 1])
    # Only rows that are at least as near as the last right one matter.
    near = np.sort(cosine[cosine >= levels[-1]])
    mine = np.sort(cosine[right])
    every, own = (len(one) - np.searchsorted(one, levels, side="left") for one in (near, mine))
    wrong: NDArray[np.int64] = every - own
    return wrong


def _directions(vectors: NDArray[Any]) -> Floats:
    """Return the vectors with length 1."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0).astype(np.float64)
    # Squares of very large or small numbers are no doubles.
    found: Floats = vectors / np.where(largest > 0.0, largest, 1.0)
    lengths = np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
    found /= np.where(lengths > 0.0, lengths, 1.0)
    return found


class VectorOutcome(Outcome):
    """The things of queries beside vectors of them, and perhaps of the gallery.

    `cross`: new queries in the gallery of the old model. `old_self` and `new_self`: both sides of
    one model; `new_self` is None without vectors of the gallery.
    """

    @staticmethod
    def learn(labels: NDArray[Any], n_classes: int) -> float:
        """Return nothing of use: the trivial answer are the vectors of the old model."""
        del labels, n_classes
        return 0.0

    @classmethod
    def trivial(cls, rows: ScoredRows) -> Outcome:
        """Return the outcome of the vectors of the old model."""
        assert rows.gallery is not None
        return cls(rows, Answers(vectors=rows.gallery.old()))

    @property
    def _gallery(self) -> Gallery:
        assert self.rows.gallery is not None
        return self.rows.gallery

    @property
    def _new(self) -> NDArray[Any]:
        assert self.answers.vectors is not None
        return self.answers.vectors

    def _found(self, queries: NDArray[Any], gallery: NDArray[Any]) -> Found:
        rows, things = self.rows, self._gallery.things
        return search(queries[rows.rows], gallery[self._gallery.rows], rows.labels, things)

    @cached_property
    def cross(self) -> Found:
        """What new queries find in the gallery of the old model."""
        return self._found(self._new, self._gallery.old())

    @cached_property
    def old_self(self) -> Found:
        """What the queries of the old model find in its gallery."""
        return self._found(self._gallery.old(), self._gallery.old())

    @cached_property
    def new_self(self) -> Found | None:
        """What new queries find in the new gallery."""
        if not np.isfinite(self._new[self._gallery.rows]).all():
            return None
        return self._found(self._new, self._new)

    def right_against(self, other: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the queries whose first row of the old gallery is right."""
        assert isinstance(other, VectorOutcome)
        return self.cross.wrong_before == 0, other.cross.wrong_before == 0

    def diagnostics(self) -> dict[str, float | None]:
        """Return whether the new model can be used with the old gallery: 1 or 0.

        It can when the gain over old-self has an interval that lies above 0.
        """
        from challenge.kinds.estimates import estimate

        gain = estimate(_GAIN, self)
        if gain.value is None or isinstance(gain.interval, str):
            return {"compatible": None if gain.value else 0.0}
        return {"compatible": float(gain.interval[0] > 0.0)}


def _of_new_self(
    rows: Callable[[Found], Floats],
) -> Callable[[VectorOutcome], Floats]:
    def found(outcome: VectorOutcome) -> Floats:
        assert outcome.new_self is not None
        return rows(outcome.new_self)

    return found


def _mean(rows: Callable[[VectorOutcome], Floats], **options: Any) -> dict[str, Any]:
    return {**mean_of_rows(rows), **options}


def _mean_of_new_self(rows: Callable[[Found], Floats]) -> dict[str, Any]:
    parts = _mean(_of_new_self(rows))

    def value(outcome: VectorOutcome) -> float | Undefined:
        if outcome.new_self is None:
            return Undefined(_NO_GALLERY)
        known: float = parts["value"](outcome)
        return known

    return parts | {"value": value}


def _gained(outcome: VectorOutcome) -> Floats:
    gained: Floats = outcome.cross.precision - outcome.old_self.precision
    return gained


def _update_gain(outcome: VectorOutcome) -> float | Undefined:
    """Return (cross - old-self) / (new-self - old-self) in mAP: Shen et al. 2020, "update gain".

    1: the old gallery serves as well as a new one, 0: the update gains nothing; below 0: it loses.
    The paper divides by the gain of the best new model without a bond to the old one; a file has
    its own gallery only, so that is what stands below. Undefined without it, or where it does not
    beat old-self.
    """
    if outcome.new_self is None:
        return Undefined(_NO_GALLERY)
    ratios = _update_ratios(outcome)
    if ratios.total_below[0] <= 0.0:
        return Undefined("new-self does not beat old-self, so there is nothing to gain")
    return ratios.value


def _update_ratios(outcome: VectorOutcome) -> Ratios:
    assert outcome.new_self is not None
    possible = outcome.new_self.precision - outcome.old_self.precision
    return ratio_of_rows(outcome.rows.grouping, _gained(outcome), possible)


_GAIN = Metric(
    "cross_gain",
    "gain of cross over old-self (mAP)",
    bounds=(-1.0, 1.0),
    scale="identity",
    **_mean(_gained),
    meaning="Cross mAP minus old-self mAP: what new queries gain in the old gallery.",
)

METRICS = (
    Metric(
        "cross_map",
        "cross mAP",
        needs="vectors",
        primary=True,
        resolution=lambda rows: 1.0 / rows.n,
        **_mean(lambda outcome: outcome.cross.precision),
        meaning=(
            "Average precision of new queries in the old gallery, averaged: 1 where what belongs "
            "to a query always comes first."
        ),
    ),
    Metric(
        "cross_recall_at_1",
        "cross recall@1",
        **_mean(lambda outcome: outcome.cross.within(1)),
        meaning="The share of new queries that find their thing first in the old gallery.",
    ),
    Metric(
        "cross_recall_at_10",
        "cross recall@10",
        **_mean(lambda outcome: outcome.cross.within(10)),
        meaning=(
            "The share of new queries that find their thing among the first ten of the old gallery."
        ),
    ),
    _GAIN,
    Metric(
        "old_self_map",
        "old-self mAP",
        **_mean(lambda outcome: outcome.old_self.precision),
        meaning="Average precision of old queries in the old gallery, averaged.",
    ),
    Metric(
        "old_self_recall_at_1",
        "old-self recall@1",
        **_mean(lambda outcome: outcome.old_self.within(1)),
        meaning="The share of old queries that find their thing first in the old gallery.",
    ),
    Metric(
        "new_self_map",
        "new-self mAP",
        **_mean_of_new_self(lambda found: found.precision),
        meaning="Average precision of new queries in the new gallery, averaged.",
    ),
    Metric(
        "new_self_recall_at_1",
        "new-self recall@1",
        **_mean_of_new_self(lambda found: found.within(1)),
        meaning="The share of new queries that find their thing first in the new gallery.",
    ),
    Metric(
        "update_gain",
        "update gain",
        _update_gain,
        bounds=(float("-inf"), float("inf")),
        ratios=_update_ratios,
        meaning=(
            "Which part of the gain of a new gallery the old one gives already: 1 is all, 0 is "
            "none."
        ),
    ),
)
"""All metrics of retrieval, in the order in which they are shown."""
