"""Writes the files of a plan: tables, folds, solution, sample submission; computes the digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from challenge.errors import Fault, TaskError, counted
from challenge.kinds import Kind
from challenge.kinds.statistics.grouping import MIN_CLUSTERS, components, effective_clusters
from challenge.prepare.build.card_statistics import TrainStatistics
from challenge.prepare.build.id_order import ROW
from challenge.prepare.build.integer_ranks import count_distinct, dense_codes
from challenge.prepare.build.plan import TEST, TRAIN, Plan
from challenge.task import SUBSETS
from challenge.task.columns import vector_columns
from challenge.task.definition import TaskDefinition
from challenge.task.digests import TableDigest, data_digest, salted
from challenge.task.image_store import PIXELS
from challenge.task.tables import TableWriter, folds_schema, modalities_of, table_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Written", "write_files"]

FEW_ROWS = 4
"""A class of fewer test rows depends on each of them, whatever their clusters."""


@dataclass(frozen=True)
class Dependence:
    """How far test rows depend on each other.

    `few` are the subsets without intervals, `largest` the share of the rows in the largest
    component of clusters, `n_one_sided` the classes of which one component has most rows.
    """

    few: tuple[str, ...]
    largest: float
    n_one_sided: int


@dataclass(frozen=True)
class Written:
    """What was written: digests, sizes, and statistics of train.

    `n_clusters` counts the clusters of test.
    """

    data_digest: str
    solution_digest: str
    n_train: int
    n_test: int
    n_clusters: int
    dependence: Dependence
    statistics: TrainStatistics


def write_files(
    plan: Plan,
    definition: TaskDefinition,
    secret: bytes,
    public: Path,
    private: Path,
    progress: Callable[[str], None],
) -> Written:
    """Write everything but task.json, card.json and croissant.json."""
    import pyarrow as pa

    columns = definition.feature_columns()
    kind = definition.kind
    schemas = {
        name: table_schema(
            columns,
            kind,
            record_ids=plan.record_ids,
            label=name == "train",
            dimensions=plan.dimensions,
        )
        for name in ("train", "test")
    }
    digests = {name: TableDigest(name, modalities_of(schema)) for name, schema in schemas.items()}
    statistics = TrainStatistics(columns, definition.shows_samples)
    order: dict[str, list[NDArray[np.int64]]] = {"train": [], "test": []}
    ids: dict[str, list[pa.Array]] = {"train": [], "test": []}
    done = 0
    with (
        TableWriter(public, "train", schemas["train"], plan.categories) as train,
        TableWriter(public, "test", schemas["test"], plan.categories) as test,
    ):
        for table in plan.tables():
            row_numbers = table[ROW].to_numpy()
            for name, column in _truth(plan, kind, row_numbers).items():
                table = table.append_column(name, column)
            side = plan.side[row_numbers]
            for name, writer, code in (("train", train, TRAIN), ("test", test, TEST)):
                rows = table.filter(pa.array(side == code)).combine_chunks()
                if rows.num_rows == 0:
                    continue
                writer.write(rows)
                digests[name].update(_counting_values(rows, schemas[name]))
                order[name].append(rows[ROW].to_numpy())
                ids[name].append(rows["id"].combine_chunks())
                if name == "train":
                    statistics.update(rows)
            done += table.num_rows
            progress(f"tables, {counted(done, 'row')} written")
    _refuse_empty(order, definition)
    train_rows, test_rows = (np.concatenate(order[name]) for name in ("train", "test"))
    train_ids, test_ids = (pa.chunked_array(ids[name]) for name in ("train", "test"))
    _write_folds(public, train_ids, plan.fold[train_rows])
    subset = _with_void(plan.subset[test_rows], test_ids, definition)
    solution = _solution(plan, kind, test_ids, test_rows, subset)
    _write_solution(private / "solution.parquet", solution)
    _write_sample(public, plan, kind, test_ids, train_rows)
    return Written(
        data_digest=data_digest(kind.name, plan.classes, list(digests.values())),
        solution_digest=_solution_digest(secret, solution),
        n_train=len(train_rows),
        n_test=len(test_rows),
        n_clusters=count_distinct(plan.cluster[test_rows]),
        dependence=_dependence(plan, test_rows, subset),
        statistics=statistics,
    )


def _dependence(plan: Plan, rows: NDArray[np.int64], subset: NDArray[np.int8]) -> Dependence:
    """Look at the clusters of the test rows as the scorer will make them."""
    cluster, other = (
        dense_codes(np.concatenate([plan.cluster[rows], plan.other[rows]]))
        .astype(np.int32)
        .reshape(2, -1)
    )
    few = []
    for code, name in enumerate(SUBSETS[:2]):
        own = subset == code
        if own.any() and round(effective_clusters(cluster[own], other[own])) < MIN_CLUSTERS:
            few.append(name)
    n_nodes = int(max(cluster.max(), other.max())) + 1
    component = components(cluster, other, n_nodes)[cluster]
    largest = int(np.bincount(component).max())
    one_sided = 0
    if plan.classes and largest > 1:
        label = plan.label[rows].astype(np.int64)
        cells, counts = np.unique(label * n_nodes + component, return_counts=True)
        most = np.zeros(len(plan.classes), np.int64)
        np.maximum.at(most, cells // n_nodes, counts)
        whole = np.bincount(label, minlength=len(plan.classes))
        one_sided = int(((whole >= FEW_ROWS) & (2 * most > whole)).sum())
    return Dependence(tuple(few), largest / len(rows), one_sided)


def _counting_values(rows: pa.Table, schema: pa.Schema) -> dict[str, pa.Array]:
    return {
        name: rows[PIXELS + name if PIXELS + name in rows.column_names else name].combine_chunks()
        for name in schema.names
    }


def _refuse_empty(order: dict[str, list[NDArray[np.int64]]], definition: TaskDefinition) -> None:
    for name, parts in order.items():
        if not parts:
            raise TaskError(
                Fault(
                    f"{definition.id}, split",
                    f"no row in {name}",
                    "rows on both sides",
                    "add rows or groups, or change split.test",
                    code="side-empty",
                )
            )


def _write_folds(public: Path, ids: pa.ChunkedArray, fold: NDArray[np.int8]) -> None:
    import pyarrow as pa

    with TableWriter(public, "folds", folds_schema(), {}) as writer:
        writer.write(pa.table({"id": ids, "fold": pa.array(fold)}))


def _with_void(
    subset: NDArray[np.int8], ids: pa.ChunkedArray, definition: TaskDefinition
) -> NDArray[np.int8]:
    import pyarrow as pa
    import pyarrow.compute as pc

    void = definition.split.void
    if not void:
        return subset
    known = pc.is_in(ids, value_set=pa.array(list(void), pa.string())).to_numpy()
    if int(known.sum()) < len(set(void)):
        unknown = sorted(set(void) - set(ids.filter(pa.array(known)).to_pylist()))
        raise TaskError(
            Fault("task.toml, key split.void", "ids that are not test rows", "ids of test rows",
                  "correct them", "void-unknown", n=len(unknown), first=tuple(unknown[:5]))
        )  # fmt: skip
    return np.where(known, SUBSETS.index("void"), subset).astype(np.int8)


def _truth(plan: Plan, kind: Kind, rows: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return what test hides of these raw rows: the numbers of a log, and the labels."""
    import pyarrow as pa

    log = {name: pa.array(column[rows]) for name, column in plan.log.items()}
    return {**log, "label": _labels(plan, kind, rows)}


def _labels(plan: Plan, kind: Kind, rows: NDArray[np.int64]) -> pa.Array:
    """Return the labels of these raw rows: numbers, decisions as int8, or classes as strings."""
    import pyarrow as pa

    if plan.things is not None:
        return plan.things.take(pa.array(rows))
    if plan.numbers is not None:
        return pa.array(plan.numbers[rows])
    codes = plan.label[rows]
    if kind.paired:
        return pa.array(codes.astype(np.int8))
    return pa.array(plan.classes, pa.string()).take(pa.array(codes))


def _solution(
    plan: Plan,
    kind: Kind,
    ids: pa.ChunkedArray,
    rows: NDArray[np.int64],
    subset: NDArray[np.int8],
) -> pa.Table:
    import pyarrow as pa

    both = dense_codes(np.concatenate([plan.cluster[rows], plan.other[rows]]))
    cluster, other = both.astype(np.int32).reshape(2, -1)
    return pa.table(
        {
            "id": ids,
            **_truth(plan, kind, rows),
            "subset": pa.array(SUBSETS, pa.string()).take(pa.array(subset)),
            "cluster": pa.array(cluster),
            "other": pa.array(other),
        }
    ).combine_chunks()


def _write_solution(path: Path, solution: pa.Table) -> None:
    import pyarrow.parquet as pq

    # Ids are unique: a dictionary would cost time and save no space.
    pq.write_table(solution, path, compression="zstd", use_dictionary=["label", "subset"])
    path.chmod(0o600)


def _write_sample(
    public: Path, plan: Plan, kind: Kind, ids: pa.ChunkedArray, train: NDArray[np.int64]
) -> None:
    """Write a valid submission with the same prediction for every row.

    It is the mean or the most frequent label of train, or no match. Vectors are the old model's.
    """
    import pyarrow as pa

    from challenge.task.tables import csv_bytes, read_parquet

    if plan.things is not None:
        old = read_parquet(public / "test.parquet", ("id", *vector_columns(plan.dimensions)))
        (public / "sample_submission.csv").write_bytes(csv_bytes(old.combine_chunks()))
        return

    if plan.numbers is not None:
        label = pa.array(np.full(len(ids), kind.outcome.learn(plan.numbers[train], 0)))
    else:
        counts = np.bincount(plan.label[train])
        one = plan.classes[int(counts.argmax())] if kind.has_classes else "0"
        label = pa.array([one] * len(ids), pa.string())
    (public / "sample_submission.csv").write_bytes(
        csv_bytes(pa.table({"id": ids, "label": label}).combine_chunks())
    )


def _solution_digest(secret: bytes, solution: pa.Table) -> str:
    digest = TableDigest("solution", dict.fromkeys(solution.column_names, ""))
    digest.update({name: solution[name].combine_chunks() for name in solution.column_names})
    return salted(secret, digest.digest())
