"""Where each row of a raw table goes: side, subset, fold, and the clusters that decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError
from challenge.prepare.build.ids import KeyedDraws, keyed_draws
from challenge.prepare.build.integer_ranks import dense_codes
from challenge.prepare.build.plan import TEST, TRAIN, UNUSED
from challenge.prepare.build.row_facts import RowFacts
from challenge.prepare.splits.split_rules import (
    assign_folds,
    choose_latest,
    choose_share,
    components,
    refuse_giant,
    single_rows,
    summarise_clusters,
)
from challenge.task import SUBSETS
from challenge.task.definition import TaskDefinition

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Sides", "decide_sides", "seen_shares", "subsets_and_folds", "tie"]


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


def subsets_and_folds(
    side: NDArray[np.int8],
    cluster: NDArray[np.int64],
    label: NDArray[np.int32],
    draw: KeyedDraws,
    public_share: float,
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return half (of test rows) and fold (of train rows); whole clusters go to one of them."""
    subset = np.zeros(len(side), dtype=np.int8)
    fold = np.zeros(len(side), dtype=np.int8)
    for which, target in ((TEST, subset), (TRAIN, fold)):
        rows = np.flatnonzero(side == which)
        if len(rows) == 0:
            continue
        own = cluster[rows]
        place: NDArray[np.int64] | None = None
        if (own[1:] > own[:-1]).all():
            # Rows by themselves, as nearly always where there are millions.
            clusters = single_rows(label[rows], draw.place[rows])
        else:
            place = dense_codes(own)
            clusters = summarise_clusters(place, label[rows].astype(np.int64), draw.place[rows])
        if which == TEST:
            chosen = choose_share(clusters, public_share)
            found = np.where(chosen, SUBSETS.index("public"), SUBSETS.index("private"))
        else:
            found = assign_folds(clusters)
        target[rows] = found if place is None else found[place]
    return subset, fold


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
    import pyarrow as pa
    import pyarrow.compute as pc

    split = definition.split
    n = len(label)
    found: dict[str, object] = {}
    left = right = component = None
    if "group" in facts:
        (group,), _ = facts.codes("group")
        cluster = other = _own_where_missing(group)
        found["n_groups"] = int(cluster.max()) + 1
    else:
        cluster = other = np.arange(n)
    if definition.kind.paired:
        left, right, component, keys = _records(facts, label, record_ids)
        if "group" not in facts:
            cluster, other = component[left], component[right]
    side = np.full(n, TRAIN, dtype=np.int8)
    if split.by == "official":
        side = _official(facts, where)
    elif split.by == "time":
        times = facts.array("time")
        if pa.types.is_floating(times.type):
            # What is not a number is no time either.
            times = pc.if_else(pc.is_nan(times), pa.scalar(None, times.type), times)
        if times.null_count:
            raise TaskError(
                Fault(f"{where}, column time", f"{times.null_count:,} rows without a time",
                      "a time in every row", "drop them, or split by row", "time-missing")
            )  # fmt: skip
        side[choose_latest(_moments(times), split.test)] = TEST
    elif split.by == "entity":
        assert component is not None and left is not None and right is not None
        refuse_giant(component, where, "a component")
        word = keyed_draws(secret, "record split", keys).split
        size = np.bincount(component)
        record_side = choose_share(
            summarise_clusters(component, np.minimum(size, 8)[component], word), split.test
        )[component]
        side[record_side[left]] = TEST
        side[record_side[left] != record_side[right]] = UNUSED
        found["n_crossing"] = int((side == UNUSED).sum())
    else:
        if split.by == "row":
            side[choose_share(single_rows(label, draw.split), split.test)] = TEST
        else:
            place = dense_codes(cluster)
            refuse_giant(place, where, "a group")
            clusters = summarise_clusters(place, label.astype(np.int64), draw.split)
            side[choose_share(clusters, split.test)[place]] = TEST
    subset, fold = subsets_and_folds(side, cluster, label, draw, split.public)
    if "subset" in facts:
        subset = _official_subset(facts, subset, where)
    if left is not None and right is not None:
        found |= seen_shares(side, left, right)
    return Sides(side, subset, fold, cluster, other, found)


def seen_shares(
    side: NDArray[np.int8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> dict[str, object]:
    """Return the shares of test pairs of which both, one or no record stands in train."""
    test = side == TEST
    shown = np.union1d(left[side == TRAIN], right[side == TRAIN])
    n_seen = np.isin(left[test], shown).astype(int) + np.isin(right[test], shown)
    shares = np.bincount(n_seen, minlength=3) / max(1, int(test.sum()))
    names = ("unseen_share", "half_seen_share", "seen_share")
    return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


def _own_where_missing(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    missing = np.flatnonzero(codes < 0)
    whole = codes.copy()
    whole[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    return whole


def _moments(times: pa.ChunkedArray) -> NDArray[np.generic]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_temporal(times.type):
        times = pc.cast(times, pa.timestamp("us")).cast(pa.int64())
    elif pa.types.is_string(times.type):
        codes = times.combine_chunks().dictionary_encode()
        names = codes.dictionary.to_pylist()
        rank = np.argsort(np.argsort(np.array(names, dtype=object)))
        return np.asarray(rank[codes.indices.to_numpy()])
    return np.asarray(times.to_numpy())


def _records(
    facts: RowFacts, label: NDArray[np.int32], record_ids: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return the record of each side of each pair, and the component and key of each record.

    Records are tied by matches, by equal entities and by equal content.
    """
    n = len(label)
    (left_content, right_content), contents = facts.codes("left content", "right content")
    if record_ids:
        (left, right), keys = facts.codes("left_key", "right_key")
    else:
        left, right = _own_where_missing(np.concatenate([left_content, right_content])).reshape(
            2, -1
        )
        n_records = int(max(left.max(), right.max())) + 1
        keys = contents + [f"empty {place}" for place in range(n_records - len(contents))]
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
    return left, right, component, keys


def _official(facts: RowFacts, where: str) -> NDArray[np.int8]:
    (codes,), words = facts.codes("split")
    wrong = [word for word in words if word not in ("train", "test")]
    if wrong or (codes < 0).any():
        found = f"split {wrong[0]!r}" if wrong else f"{int((codes < 0).sum()):,} rows without one"
        raise TaskError(
            Fault(f"{where}, column split", found, "train or test in every row",
                  "translate the words in the converter", "split-word")
        )  # fmt: skip
    side = np.array([TEST if word == "test" else TRAIN for word in words], dtype=np.int8)[codes]
    if len(set(side.tolist())) < 2:
        raise TaskError(
            Fault(f"{where}, column split", f"only {words[0]!r}", "rows of both sides",
                  "check the converter", "split-one-sided")
        )  # fmt: skip
    return np.asarray(side)


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
