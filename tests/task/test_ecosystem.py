"""Other people's readers on the standard form, unaided for Parquet, with the options for CSV."""

import datetime
import importlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from challenge.kinds import kind_of
from challenge.task import Column, Task
from challenge.task.tables import TableWriter, csv_options, read_parquet, table_schema
from tests.toy import build_toy

pytestmark = pytest.mark.slow
KINDS = ("classification", "matching")


@pytest.fixture(scope="module", params=KINDS)
def task(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("ecosystem"), request.param, n=120)


def rows(task: Task, name: str = "train") -> list[dict[str, Any]]:
    return list(read_parquet(task.public / f"{name}.parquet").to_pylist())


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    values = frame.astype(object).where(frame.notna(), None)
    return [{str(name): row[name] for name in row} for row in values.to_dict("records")]


def test_pandas_reads_the_parquet(task: Task) -> None:
    assert plain(pd.read_parquet(task.public / "train.parquet")) == rows(task)


def test_polars_reads_both_forms(task: Task) -> None:
    import polars as pl

    assert pl.read_parquet(task.public / "train.parquet").to_dicts() == rows(task)
    options = json.loads((task.public / "task.json").read_text())["csv"]["polars"]
    options["schema_overrides"] = {
        name: getattr(pl, kind) for name, kind in options["schema_overrides"].items()
    }
    for name in ("train", "test"):
        assert pl.read_csv(task.public / f"{name}.csv", **options).to_dicts() == rows(task, name)


def test_duckdb_reads_the_parquet(task: Task) -> None:
    import duckdb

    query = f"select * from '{task.public / 'train.parquet'}'"
    found = duckdb.connect().execute(query).fetchall()
    assert [list(row) for row in found] == [list(row.values()) for row in rows(task)]


def test_hugging_face_datasets_reads_the_parquet(task: Task, tmp_path: Path) -> None:
    # By name, since the checkout has a folder `datasets` that type checkers take for it.
    datasets = importlib.import_module("datasets")
    files = {name: str(task.public / f"{name}.parquet") for name in ("train", "test")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    # Both splits get the columns of the first: the label that test does not have is missing.
    absent = [{**row, "label": None} for row in rows(task, "test")]
    assert loaded["train"].to_list() == rows(task, "train")
    assert loaded["test"].to_list() == absent


def test_croissant_is_valid_and_its_records_are_readable(task: Task) -> None:
    import mlcroissant

    card = mlcroissant.Dataset(str(task.public / "croissant.json"))
    issues = card.metadata.ctx.issues
    assert not issues.errors
    # There is no clock in a build, so that it is the same twice.
    assert all("datePublished" in warning for warning in issues.warnings)
    for name in ("train", "test", "folds"):
        found = [
            {
                field.split("/", 1)[1]: value.decode() if isinstance(value, bytes) else value
                for field, value in record.items()
            }
            for record in card.records(name)
        ]
        wanted = rows(task, name)
        assert len(found) == len(wanted)
        for record, row in zip(found, wanted, strict=True):
            for column, value in row.items():
                assert record[column] == value or (value is None and pd.isna(record[column]))


def test_polars_reads_hard_texts_with_the_stated_options(tmp_path: Path) -> None:
    import polars as pl

    from tests.task.test_tables import HARD, exact, write

    schema = write(tmp_path, [(text, -0.0, 2**53 + 1, text, text) for text in HARD])
    options = csv_options(schema)["polars"]
    options["schema_overrides"] = {
        name: getattr(pl, kind) for name, kind in options["schema_overrides"].items()
    }
    found = pl.read_csv(tmp_path / "train.csv", **options).to_dicts()
    wanted = read_parquet(tmp_path / "train.parquet").to_pylist()
    assert [list(map(exact, row.values())) for row in found] == [
        list(map(exact, row.values())) for row in wanted
    ]


def test_polars_reads_points_in_time_as_utc_without_a_zone(tmp_path: Path) -> None:
    import polars as pl

    column = Column("when", "datetime")
    schema = table_schema((column,), kind_of("classification"), record_ids=False, label=False)
    utc = datetime.timezone.utc
    moments = [
        datetime.datetime(1, 1, 1, tzinfo=utc),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=utc),
        None,
        datetime.datetime.max.replace(tzinfo=utc),
    ]
    with TableWriter(tmp_path, "test", schema, {}) as writer:
        ids = pa.array([f"r{row:016x}" for row in range(len(moments))], pa.string())
        writer.write(pa.table({"id": ids, "when": pa.array(moments, schema.field("when").type)}))
    kinds = csv_options(schema)["polars"]["schema_overrides"]
    frame = pl.read_csv(
        tmp_path / "test.csv",
        schema_overrides={key: getattr(pl, kind) for key, kind in kinds.items()},
    )
    assert frame["when"].to_list() == [one and one.replace(tzinfo=None) for one in moments]
