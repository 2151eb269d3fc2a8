"""The rules of a split: which rows each of them hides. Their declarations are in `task.splits`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.prepare.build.ids import KeyedDraws, keyed_draws
from challenge.prepare.build.integer_ranks import dense_codes
from challenge.prepare.build.plan import TEST, TRAIN, UNUSED
from challenge.prepare.build.row_facts import RowFacts
from challenge.prepare.splits.clusters import (
    choose_latest,
    choose_share,
    refuse_giant,
    single_rows,
    summarise_clusters,
)
from challenge.task.datetimes import order_of_times

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["RULES", "PairRecords", "RowsToSplit", "choose_records", "valid_rows"]

OFFICIAL_WORDS = ("train", "valid", "test")
"""Parts of a published split; `valid` rows are train rows in a fold of their own."""


@dataclass(frozen=True)
class PairRecords:
    """The record of each side of each pair, and the component and key of each record."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    component: NDArray[np.int64]
    keys: list[str]


@dataclass(frozen=True)
class RowsToSplit:
    """What a rule decides by. `facts` has the columns of the raw table that are no features.

    `label`, `draw` and `cluster` (rows that belong together) have a value per row; `share` is the
    wanted share of test rows; `where` names the table in messages; `records` is of pairs only.
    """

    facts: RowFacts
    label: NDArray[np.int32]
    draw: KeyedDraws
    cluster: NDArray[np.int64]
    share: float
    secret: bytes
    where: str
    records: PairRecords | None


def _by_row(rows: RowsToSplit) -> NDArray[np.int8]:
    return _hidden(choose_share(single_rows(rows.label, rows.draw.split), rows.share))


def _by_group(rows: RowsToSplit) -> NDArray[np.int8]:
    group = dense_codes(rows.cluster)
    refuse_giant(group, rows.where, "a group")
    clusters = summarise_clusters(group, rows.label.astype(np.int64), rows.draw.split)
    return _hidden(choose_share(clusters, rows.share)[group])


def _by_entity(rows: RowsToSplit) -> NDArray[np.int8]:
    records = rows.records
    assert records is not None
    refuse_giant(records.component, rows.where, "a component")
    draw = keyed_draws(rows.secret, "record split", records.keys)
    test = choose_records(records.component, draw, rows.share)
    side = _hidden(test[records.left])
    side[test[records.left] != test[records.right]] = UNUSED
    return side


def choose_records(
    component: NDArray[np.int64], draw: KeyedDraws, share: float
) -> NDArray[np.bool_]:
    """Choose whole components that hold `share` of the records, stratified by their size."""
    size = np.minimum(np.bincount(component), 8)[component]
    return choose_share(summarise_clusters(component, size, draw.split), share)[component]


def _by_time(rows: RowsToSplit) -> NDArray[np.int8]:
    import pyarrow as pa
    import pyarrow.compute as pc

    times = rows.facts.array("time")
    if pa.types.is_floating(times.type):
        times = pc.if_else(pc.is_nan(times), pa.scalar(None, times.type), times)
    if times.null_count:
        raise TaskError(
            Fault(f"{rows.where}, column time",
                  f"{counted(times.null_count, 'row')} without a time",
                  "a time in every row", "drop them, or split by row", "time-missing")
        )  # fmt: skip
    return _hidden(choose_latest(_moments(times, rows.where), rows.share))


def _moments(times: pa.ChunkedArray, where: str) -> NDArray[np.generic]:
    """Return numbers in the order of time; texts other than ISO 8601 sort as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(times.type):
        times = order_of_times(times, where)
    if pa.types.is_timestamp(times.type):
        times = pc.cast(times, pa.int64())
    elif pa.types.is_temporal(times.type):
        times = pc.cast(times, pa.timestamp("us")).cast(pa.int64())
    elif pa.types.is_string(times.type):
        codes = times.combine_chunks().dictionary_encode()
        names = codes.dictionary.to_pylist()
        rank = np.argsort(np.argsort(np.array(names, dtype=object)))
        return np.asarray(rank[codes.indices.to_numpy()])
    return np.asarray(times.to_numpy())


def _by_source(rows: RowsToSplit) -> NDArray[np.int8]:
    (codes,), words = rows.facts.codes("split")
    wrong = [word for word in words if word not in OFFICIAL_WORDS]
    if wrong or (codes < 0).any():
        found = (
            f"split {wrong[0]!r}"
            if wrong
            else f"{counted(int((codes < 0).sum()), 'row')} without one"
        )
        raise TaskError(
            Fault(f"{rows.where}, column split", found, "train, valid or test in every row",
                  "translate the words in the converter", "split-word")
        )  # fmt: skip
    side = _hidden(np.array([word == "test" for word in words])[codes])
    if len(set(side.tolist())) < 2:
        raise TaskError(
            Fault(f"{rows.where}, column split", f"only {words[0]!r}", "rows of both sides",
                  "check the converter", "split-one-sided")
        )  # fmt: skip
    return side


def valid_rows(facts: RowFacts) -> NDArray[np.bool_]:
    """Return which rows the source published for validation."""
    (codes,), words = facts.codes("split")
    return np.array([word == "valid" for word in words])[codes]


def _hidden(test: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(test, TEST, TRAIN).astype(np.int8)


RULES: dict[str, Callable[[RowsToSplit], NDArray[np.int8]]] = {
    "row": _by_row,
    "group": _by_group,
    "entity": _by_entity,
    "time": _by_time,
    "official": _by_source,
}
"""Per rule the function that returns the side of each row: TRAIN, TEST or UNUSED."""
