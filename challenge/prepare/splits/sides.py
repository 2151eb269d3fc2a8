"""Where each row of a raw table goes: side, subset, fold, and the clusters that decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError
from challenge.prepare.build.ids import KeyedDraws
from challenge.prepare.build.integer_ranks import dense_codes
from challenge.prepare.build.plan import TEST, TRAIN, UNUSED
from challenge.prepare.build.row_facts import RowFacts
from challenge.prepare.splits.clusters import (
    N_FOLDS,
    Clusters,
    assign_folds,
    components,
    divide_large,
    draw_share,
    single_rows,
    summarise_clusters,
)
from challenge.prepare.splits.rules import RULES, PairRecords, RowsToSplit, valid_rows
from challenge.task import SUBSETS
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sides", "decide_sides", "draw_subsets", "in_blocks", "seen_shares", "tie"]


@dataclass(frozen=True)
class Sides:
    """Per row what `Plan` says under the same names; `facts` are counts and shares."""

    side: NDArray[np.int8]
    subset: NDArray[np.int8]
    fold: NDArray[np.int8]
    cluster: NDArray[np.int64]
    other: NDArray[np.int64]
    facts: dict[str, object]


def tie(n: int, *groupings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the component of each of `n` nodes when nodes with an equal code >= 0 are tied."""
    links = [np.zeros((0, 2), dtype=np.int64)]
    for codes in groupings:
        nodes = np.flatnonzero(codes >= 0)
        order = nodes[np.argsort(codes[nodes], kind="stable")]
        same = codes[order[1:]] == codes[order[:-1]]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return components(n, np.concatenate(links))


def draw_subsets(
    side: NDArray[np.int8],
    cluster: NDArray[np.int64],
    label: NDArray[np.int32],
    draw: KeyedDraws,
    public_share: float,
) -> NDArray[np.int8]:
    """Return the subset of each test row; a cluster is only divided when it is large."""
    subset = np.zeros(len(side), dtype=np.int8)
    rows = np.flatnonzero(side == TEST)
    clusters, of_row = _clusters_of(divide_large(dense_codes(cluster[rows])), label, draw, rows)
    public = draw_share(clusters, public_share)[of_row]
    subset[rows] = np.where(public, SUBSETS.index("public"), SUBSETS.index("private"))
    return subset


def _folds(
    side: NDArray[np.int8],
    cluster: NDArray[np.int64],
    label: NDArray[np.int32],
    draw: KeyedDraws,
) -> NDArray[np.int8]:
    """Return the fold of each train row; no cluster is divided."""
    fold = np.zeros(len(side), dtype=np.int8)
    rows = np.flatnonzero(side == TRAIN)
    clusters, of_row = _clusters_of(cluster[rows], label, draw, rows)
    fold[rows] = assign_folds(clusters)[of_row]
    return fold


def _clusters_of(
    own: NDArray[np.int64], label: NDArray[np.int32], draw: KeyedDraws, rows: NDArray[np.int64]
) -> tuple[Clusters, NDArray[np.int64] | slice]:
    """Return the clusters of some rows, and the index of the cluster of each."""
    if (own[1:] > own[:-1]).all():
        # Rows by themselves, as nearly always where there are millions.
        return single_rows(label[rows], draw.place[rows]), slice(None)
    index = dense_codes(own)
    return summarise_clusters(index, label[rows].astype(np.int64), draw.place[rows]), index


def decide_sides(
    definition: TaskDefinition,
    facts: RowFacts,
    draw: KeyedDraws,
    label: NDArray[np.int32],
    secret: bytes,
    record_ids: bool,
    where: str,
) -> Sides:
    """Decide about every row of a raw table, by the split that task.toml asks for."""
    split = definition.split
    n = len(label)
    found: dict[str, object] = {}
    records = None
    if "group" in facts:
        (group,), _ = facts.codes("group")
        cluster = other = _own_where_missing(group)
        found["n_groups"] = int(cluster.max()) + 1
    else:
        cluster = other = np.arange(n)
    if definition.kind.paired:
        records = _records(facts, label, record_ids)
        if "group" not in facts:
            component = records.component
            cluster, other = component[records.left], component[records.right]
    rows = RowsToSplit(facts, label, draw, cluster, split.test, secret, where, records)
    side = RULES[split.by](rows)
    if split.rule.paired:
        found["n_crossing"] = int((side == UNUSED).sum())
    subset = draw_subsets(side, cluster, label, draw, split.public)
    fold = _folds(side, cluster, label, draw)
    if not split.rule.drawn and (valid := valid_rows(facts)).any():
        fold = _valid_apart(fold, valid, side, cluster)
        found["n_valid"] = int(valid.sum())
    if "subset" in facts:
        subset = _official_subset(facts, subset, where)
        public = subset[side == TEST] == SUBSETS.index("public")
        found["public"] = float(f"{public.mean():.1g}")
    if definition.split.block is not None:
        names = ("left_block", "right_block") if definition.kind.paired else ("block",)
        blocks, words = facts.codes(*names)
        found["n_blocks"] = len(words)
        whole = in_blocks(np.concatenate(blocks), np.concatenate([cluster, other][: len(blocks)]))
        cluster, other = whole[:n], whole[-n:]
    if records is not None:
        found |= seen_shares(side, records.left, records.right)
    return Sides(side, subset, fold, cluster, other, found)


def _valid_apart(
    fold: NDArray[np.int8],
    valid: NDArray[np.bool_],
    side: NDArray[np.int8],
    cluster: NDArray[np.int64],
) -> NDArray[np.int8]:
    """Return folds of which the last one is the valid part of the source, and nothing else."""
    last = N_FOLDS - 1
    # Whole clusters of the last fold move into the others.
    moved = np.where(fold == last, (cluster % last).astype(np.int8), fold)
    return np.where(side == TRAIN, np.where(valid, last, moved), fold).astype(np.int8)


def seen_shares(
    side: NDArray[np.int8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> dict[str, object]:
    """Return the shares of test pairs of which both, one or no record is in train."""
    test = side == TEST
    shown = np.union1d(left[side == TRAIN], right[side == TRAIN])
    n_seen = np.isin(left[test], shown).astype(int) + np.isin(right[test], shown)
    shares = np.bincount(n_seen, minlength=3) / max(1, int(test.sum()))
    names = ("unseen_share", "half_seen_share", "seen_share")
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


def in_blocks(block: NDArray[np.int64], cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the block of each row or record as its cluster; its own cluster where it has none."""
    first = int(cluster.max(initial=-1)) + 1
    return np.where(block >= 0, first + block, cluster)


def _own_where_missing(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    missing = np.flatnonzero(codes < 0)
    whole = codes.copy()
    whole[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    return whole


def _records(facts: RowFacts, label: NDArray[np.int32], record_ids: bool) -> PairRecords:
    """Return the records of pairs, tied by matches, by equal entities and by equal content."""
    n = len(label)
    (left_content, right_content), contents = facts.codes("left content", "right content")
    if record_ids:
        (left, right), keys = facts.codes("left_key", "right_key")
    else:
        left, right = _own_where_missing(np.concatenate([left_content, right_content])).reshape(
            2, -1
        )
        n_records = int(max(left.max(), right.max())) + 1
        keys = contents + [f"empty {index}" for index in range(n_records - len(contents))]
    n_records = len(keys)
    content = np.full(n_records, -1)
    content[left], content[right] = left_content, right_content
    groupings = [content]
    if "left_entity" in facts and "right_entity" in facts:
        entity = np.full(n_records, -1)
        (entity[left], entity[right]), _ = facts.codes("left_entity", "right_entity")
        groupings.append(entity)
    matches = np.flatnonzero(label == 1)
    first = tie(n_records, *groupings)
    links = np.stack([first[left[matches]], first[right[matches]]], axis=1)
    component = components(int(first.max()) + 1, links)[first] if n else first
    return PairRecords(left, right, component, keys)


def _official_subset(facts: RowFacts, drawn: NDArray[np.int8], where: str) -> NDArray[np.int8]:
    (codes,), words = facts.codes("subset")
    lowered = [word.strip().casefold() for word in words]
    wrong = [word for word, low in zip(words, lowered, strict=True) if low not in SUBSETS]
    if wrong:
        raise TaskError(
            Fault(f"{where}, column subset", repr(wrong[0]), "public or private",
                  "translate the words in the converter", "subset-word")
        )  # fmt: skip
    known = np.array([SUBSETS.index(low) for low in lowered] + [0], dtype=np.int8)
    return np.where(codes >= 0, known[codes], drawn)
