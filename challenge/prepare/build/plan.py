"""The plan of a build: side, subset and fold of every row, before files are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["TEST", "TRAIN", "UNUSED", "Plan"]

TRAIN, TEST, UNUSED = 0, 1, -1


@dataclass(frozen=True)
class Plan:
    """Rows in the order of their ids, with the side, subset and fold of each.

    `tables` gives the rows once: `id`, features (categories as strings, pixel digests beside
    images), and the row number that the arrays are indexed by. `label` has codes of `classes`;
    where labels are `numbers` (else None) it has codes of their ranges, for stratified splits.
    `side` is TRAIN, TEST or UNUSED; `subset` and `fold` count for test and train rows; `cluster`
    and `other` differ only in pairs of two entities. `facts` are public counts
    and shares; `notes` are sentences for everybody about what was read. `log` has the numbers of
    the kind's `log_columns`. `things` names the thing of each row, opaquely, and `label` then has
    codes of roles; `tables` gives roles and vectors of so many `dimensions`, too.
    """

    tables: Callable[[], Iterator[pa.Table]]
    side: NDArray[np.int8]
    subset: NDArray[np.int8]
    fold: NDArray[np.int8]
    label: NDArray[np.int32]
    cluster: NDArray[np.int64]
    other: NDArray[np.int64]
    classes: tuple[str, ...]
    categories: Mapping[str, pa.Array]
    record_ids: bool
    facts: Mapping[str, object] = field(default_factory=dict)
    numbers: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    log: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    things: pa.Array | None = None
    dimensions: int = 0
