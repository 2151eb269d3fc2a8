"""Clusters of rows, and how a share of them is chosen: test, public subset, folds.

A cluster is a group, an entity (or several that records tie together), or a single row. Keyed
draws decide, so the order of the raw table does not matter. Test and folds hold whole clusters, as
even as possible. The subset must be secret, so its draw does not depend on what is public.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.integer_ranks import order_by_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "LARGEST_SHARE",
    "N_FOLDS",
    "Clusters",
    "assign_folds",
    "choose_latest",
    "choose_share",
    "components",
    "divide_large",
    "draw_share",
    "refuse_giant",
    "single_rows",
    "summarise_clusters",
]

N_FOLDS = 5
LARGEST_SHARE = 0.2
"""A component above this share of the records stops the build: it does not fit on one side."""

LARGEST_DRAWN = 0.01
"""A cluster above this share of the test rows has no subset as a whole: its rows are drawn."""


@dataclass(frozen=True)
class Clusters:
    """Per cluster: `size` in rows, `stratum` (its commonest label), `word` (its keyed draw)."""

    size: NDArray[np.int64]
    stratum: NDArray[np.integer]
    word: NDArray[np.uint64]


def summarise_clusters(
    cluster: NDArray[np.int64], label: NDArray[np.int64], word: NDArray[np.uint64]
) -> Clusters:
    """Return size, commonest label (the smaller code in a tie) and word of clusters 0 … n-1."""
    n_clusters = int(cluster.max()) + 1 if len(cluster) else 0
    if n_clusters == len(cluster):
        # Every row by itself, in whatever order: millions of rows need no sorting here.
        stratum, words = np.empty_like(label), np.empty_like(word)
        stratum[cluster], words[cluster] = label, word
        return single_rows(stratum, words)
    size = np.bincount(cluster, minlength=n_clusters).astype(np.int64)
    n_labels = int(label.max()) + 1 if len(label) else 1
    cell, count = np.unique(cluster * n_labels + label, return_counts=True)
    order = np.lexsort((cell, -count, cell // n_labels))
    first = np.unique((cell // n_labels)[order], return_index=True)[1]
    stratum = (cell % n_labels)[order][first]
    # XOR keeps the words evenly spread; a minimum would favour large clusters.
    order = np.argsort(cluster, kind="stable")
    starts = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    mixed = np.bitwise_xor.reduceat(word[order], starts) if len(word) else word
    return Clusters(size, stratum.astype(np.int64), mixed)


def single_rows(label: NDArray[np.integer], word: NDArray[np.uint64]) -> Clusters:
    """Return one cluster per row, in the order of the rows."""
    return Clusters(np.broadcast_to(np.int64(1), len(label)), label, word)


def _by_stratum_and_size(clusters: Clusters) -> NDArray[np.int64]:
    """Return the order by stratum, then the largest first, then by word."""
    code = clusters.stratum
    largest = int(clusters.size.max(initial=1))
    if largest > 1:
        code = np.unique(code * largest + (largest - clusters.size), return_inverse=True)[1]
    return order_by_word(clusters.word, code)


def _strata(
    clusters: Clusters,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Yield the clusters of each stratum, largest first, their sizes, and how many have 2 rows."""
    order = _by_stratum_and_size(clusters)
    bounds = np.cumsum([0, *np.bincount(clusters.stratum)]).tolist()
    for start, end in pairwise(bounds):
        if start < end:
            members = order[start:end]
            sizes = clusters.size[members]
            yield members, sizes, int(np.searchsorted(-sizes, -1))


def choose_share(clusters: Clusters, share: float) -> NDArray[np.bool_]:
    """Choose clusters that hold `share` of the rows of each stratum, to half a cluster.

    Larger clusters are placed first, each where the rows so far fall short; single rows fill up.
    The last cluster of a stratum is never chosen: a label that is hidden must also be shown.
    """
    chosen = np.zeros(len(clusters.size), dtype=bool)
    owed = 0.0
    for members, sizes, n_large in _strata(clusters):
        taken = seen = n_chosen = 0
        for index in range(n_large):
            size = int(sizes[index])
            seen += size
            if taken + size / 2 <= share * seen + owed and n_chosen < len(members) - 1:
                chosen[members[index]] = True
                taken += size
                n_chosen += 1
        left_over = min(len(members) - n_large, len(members) - 1 - n_chosen)
        wanted = min(left_over, max(0, round(share * float(sizes.sum())) - taken))
        chosen[members[n_large : n_large + wanted]] = True
        owed += share * float(sizes.sum()) - taken - wanted
    return chosen


def divide_large(cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return clusters of which none holds more than a hundredth of the rows, except single rows.

    The rows of a larger cluster become clusters of their own. Otherwise the subset of one cluster
    could be inferred from the size of the public subset, however coarsely that is published.
    """
    sizes = np.bincount(cluster)
    large = (sizes > LARGEST_DRAWN * len(cluster))[cluster]
    divided = cluster.copy()
    divided[large] = len(sizes) + np.arange(int(large.sum()))
    return divided


def draw_share(clusters: Clusters, share: float) -> NDArray[np.bool_]:
    """Draw each cluster with the probability `share`, whatever its label and size.

    Of m clusters with one label and size, `share * m` are drawn, rounded up or down by chance. So
    labels are as frequent in both subsets as they can be, and nothing public changes the odds.
    """
    chosen = np.zeros(len(clusters.size), dtype=bool)
    if not len(chosen):
        return chosen
    order = _by_stratum_and_size(clusters)
    stratum, size = clusters.stratum[order], clusters.size[order]
    new = (stratum[1:] != stratum[:-1]) | (size[1:] != size[:-1])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    alike = np.diff([*starts.tolist(), len(order)])
    # By symmetry the XOR of all words favours none of the clusters, so it can round.
    chance = np.bitwise_xor.reduceat(clusters.word[order], starts) / 2.0**64
    n_chosen = np.floor(share * alike + chance).astype(np.int64)
    rank = np.arange(len(order)) - np.repeat(starts, alike)
    chosen[order] = rank < np.repeat(n_chosen, alike)
    return chosen


def assign_folds(clusters: Clusters, n_folds: int = N_FOLDS) -> NDArray[np.int8]:
    """Assign each cluster to a fold; folds are even within each stratum and over all."""
    fold = np.zeros(len(clusters.size), dtype=np.int8)
    total = np.zeros(n_folds, dtype=np.int64)
    for members, sizes, n_large in _strata(clusters):
        filled = np.zeros(n_folds, dtype=np.int64)
        for index in range(n_large):
            target = int(np.lexsort((total, filled))[0])
            fold[members[index]] = target
            filled[target] += sizes[index]
            total[target] += sizes[index]
        singles = members[n_large:]
        quota = _level(filled, total, len(singles))
        fold[singles] = np.repeat(np.arange(n_folds), quota)
        total += quota
    return fold


def _level(filled: NDArray[np.int64], total: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return how many of `n` rows each fold takes so that the folds become as even as possible."""
    order = np.lexsort((total, filled))
    heights = filled[order]
    quota = np.zeros(len(filled), dtype=np.int64)
    for used in range(len(filled), 0, -1):
        water = n + int(heights[:used].sum())
        level, rest = divmod(water, used)
        if heights[used - 1] <= level:
            quota[order[:used]] = level - heights[:used]
            # The remainder goes to the folds that are smallest over all strata.
            spare = order[:used][
                np.argsort(total[order[:used]] + quota[order[:used]], kind="stable")
            ]
            quota[spare[:rest]] += 1
            return quota
    return quota


def choose_latest(time: NDArray[np.generic], share: float) -> NDArray[np.bool_]:
    """Choose the latest rows, as near to `share` of all as possible; equal times stay together."""
    moments, counts = np.unique(time, return_counts=True)
    from_here = np.cumsum(counts[::-1])[::-1]
    cut = int(np.argmin(np.abs(from_here - share * len(time))))
    return np.asarray(time >= moments[max(1, cut) if len(moments) > 1 else 0])


def components(n: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the component, 0 … k-1, of each of `n` nodes under (m, 2) undirected links."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(links), dtype=np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def refuse_giant(component: NDArray[np.int64], where: str, what: str) -> None:
    """Raise TaskError when one component holds more than a fifth of the records."""
    if len(component) == 0:
        return
    largest = int(np.bincount(component).max())
    if largest > LARGEST_SHARE * len(component) and largest > 1:
        raise TaskError(
            Fault(where,
                  f"{what} of {largest:,} of {counted(len(component), 'record')} is tied together",
                  f"at most {LARGEST_SHARE:.0%} of the records in one component",
                  "look for wrong matches or for records that many share, or split by row",
                  "giant-component")
        )  # fmt: skip
