"""Admission of vectors: roles, numbers, dimensions, and things that can be found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import Fault, TaskError
from challenge.prepare import build_task
from challenge.task import Task
from challenge.task.tables import read_csv, schema_of
from tests.toy import declare_toy, toy_vectors

SPLIT = 'by = "group"\ngroup = "group"\nseed = 1'


def built(folder: Path, raw: pa.Table, split: str = SPLIT) -> Task:
    declared = declare_toy(folder / "toy", "retrieval", raw=raw, split=split)
    return build_task(declared, cache=folder / "cache").task


def faults_of(folder: Path, raw: pa.Table, split: str = SPLIT) -> dict[str, Fault]:
    with pytest.raises(TaskError) as caught:
        built(folder, raw, split)
    for fault in caught.value.faults:
        assert fault.where and fault.found and fault.expected and fault.fix
    return {fault.code: fault for fault in caught.value.faults}


def changed(raw: pa.Table, name: str, values: object) -> pa.Table:
    return raw.set_column(raw.column_names.index(name), name, pa.array(values))


def test_both_tables_have_roles_and_old_vectors_in_both_formats(tmp_path: Path) -> None:
    raw = toy_vectors(240)
    task = built(tmp_path, raw)
    assert task.dimensions == 6
    for name in ("train", "test"):
        table = pq.read_table(task.public / f"{name}.parquet")
        assert set(table["role"].to_pylist()) == {"query", "gallery"}
        schema = schema_of(task, label=name == "train")
        assert read_csv(task.public / f"{name}.csv", schema).to_pydict() == table.to_pydict()
    test = pq.read_table(task.public / "test.parquet")
    assert set(test["e0"].to_pylist()) < set(raw["e0"].to_pylist())
    notes = " ".join(task.document["notes"])
    n = test["role"].to_pylist().count("query")
    assert f"{n} queries of test are looked for among {len(test) - n} rows" in notes


def test_things_and_their_groups_are_on_one_side(tmp_path: Path) -> None:
    task = built(tmp_path, toy_vectors(240))
    train = set(pq.read_table(task.public / "train.parquet")["label"].to_pylist())
    solution = pq.read_table(task.private / "solution.parquet")
    assert not train & set(solution["label"].to_pylist())
    # A group has two things; a thing is in one cluster.
    pairs = set(zip(solution["label"].to_pylist(), solution["cluster"].to_pylist(), strict=True))
    assert len(pairs) == 2 * len({cluster for _, cluster in pairs})


def test_a_published_split_needs_no_groups(tmp_path: Path) -> None:
    raw = toy_vectors(240).drop_columns(["group"])
    side = ["test" if int(name.split()[1]) < 20 else "train" for name in raw["label"].to_pylist()]
    task = built(tmp_path, raw.append_column("split", pa.array(side)), 'by = "official"\nseed = 1')
    solution = pq.read_table(task.private / "solution.parquet")
    assert len(set(solution["cluster"].to_pylist())) == 20


def test_a_thing_on_both_sides_is_refused(tmp_path: Path) -> None:
    found = faults_of(tmp_path, toy_vectors(240), "seed = 1")
    assert set(found) == {"thing-torn"}
    assert 'by = "group" under [split]' in found["thing-torn"].fix


def test_a_query_whose_thing_is_not_in_the_gallery_is_refused(tmp_path: Path) -> None:
    raw = toy_vectors(240)
    roles = raw["role"].to_pylist()
    alone = [
        "query" if name in ("thing 3", "thing 4") else role
        for name, role in zip(raw["label"].to_pylist(), roles, strict=True)
    ]
    found = faults_of(tmp_path, changed(raw, "role", alone))
    assert set(found) == {"thing-alone"} and found["thing-alone"].n == 2
    none = faults_of(tmp_path / "none", changed(raw, "role", ["gallery"] * 240))
    assert set(none) == {"role-missing"}


def test_roles_and_numbers_that_are_none_are_refused_together(tmp_path: Path) -> None:
    raw = toy_vectors(240)
    raw = changed(raw, "role", ["Query", *raw["role"].to_pylist()[1:]])
    first = raw["e0"].to_numpy().copy()
    first[1:3] = np.nan, np.inf
    raw = changed(raw, "e0", first)
    for name in [f"e{position}" for position in range(6)]:
        numbers = raw[name].to_numpy().copy()
        numbers[5] = 0.0
        raw = changed(raw, name, numbers)
    found = faults_of(tmp_path, raw)
    assert {code: (fault.n, fault.first[0]) for code, fault in found.items()} == {
        "vector-role": (1, "row 0"),
        "vector-number": (2, "row 1"),
        "vector-zero": (1, "row 5"),
    }


def test_a_dimension_that_is_missing_or_too_many_are_refused(tmp_path: Path) -> None:
    raw = toy_vectors(240)
    gap = faults_of(tmp_path, raw.drop_columns(["e2"]))
    assert set(gap) == {"column-missing"} and "'e2'" in gap["column-missing"].found
    many = faults_of(tmp_path / "many", raw.append_column("e1024", raw["e0"]))
    assert set(many) == {"vector-dimensions"}
    assert "at most 1,024 dimensions" in many["vector-dimensions"].expected
    none = faults_of(tmp_path / "none", raw.drop_columns([f"e{place}" for place in range(6)]))
    assert "'e0'" in none["column-missing"].found


def test_a_feature_cannot_have_the_name_of_a_number_or_of_the_role(tmp_path: Path) -> None:
    folder = declare_toy(tmp_path / "toy", "retrieval", raw=toy_vectors(240), split=SPLIT)
    text = (folder / "task.toml").read_text()
    for name in ("e3", "role"):
        (folder / "task.toml").write_text(text.replace("[columns.size]", f"[columns.{name}]"))
        with pytest.raises(TaskError, match=f"no feature named {name}"):
            build_task(folder, cache=tmp_path / "cache")


def test_the_shipped_converter_reads_roles_and_vectors(tmp_path: Path) -> None:
    raw = toy_vectors(240)
    folder = declare_toy(tmp_path / "toy", "retrieval", raw=raw, split=SPLIT)
    flat = raw.rename_columns(["part" if name == "role" else name for name in raw.column_names])
    pq.write_table(flat, folder / "raw" / "rows.parquet")
    text = (folder / "task.toml").read_text()
    shipped = 'format = "table"\nkey = "key"\n[raw.options]\nrole = "part"'
    (folder / "task.toml").write_text(text.replace('convert = "convert.py"', shipped))
    task = build_task(folder, cache=tmp_path / "cache").task
    mine = built(tmp_path / "own", raw)
    assert (task.dimensions, task.n_test) == (6, mine.n_test)
    tables = [pq.read_table(one.public / "test.parquet") for one in (task, mine)]
    assert sorted(tables[0]["e5"].to_pylist()) == sorted(tables[1]["e5"].to_pylist())
