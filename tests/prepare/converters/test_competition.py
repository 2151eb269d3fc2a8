"""Folders of competition sites: train, test, sample_submission and the solution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import TaskError
from challenge.prepare.converters.competition import convert
from challenge.task.definition import TaskDefinition


def definition(**raw: Any) -> TaskDefinition:
    return TaskDefinition.model_validate(
        {
            "format": 1,
            "id": "toy",
            "kind": "classification",
            "title": "Toy",
            "metric": "accuracy",
            "source": [{"path": "."}],
            "raw": {"format": "competition", **raw},
            "split": {"by": "official"},
            "columns": {"words": {"modality": "text"}},
        }
    )


def all_rows(folder: Path, **raw: Any) -> dict[str, list[Any]]:
    table = convert(folder, definition(**raw))
    found: dict[str, list[Any]] = pa.Table.from_batches(list(table.batches())).to_pydict()
    return found


def write_folder(folder: Path, solution: str) -> None:
    (folder / "train.csv").write_text("row_id,words,kind\n1,ant,x\n2,bee,y\n")
    (folder / "test.csv").write_text("row_id,words\n3,cat\n4,dog\n5,eel\n")
    (folder / "sample_submission.csv").write_text("row_id,kind\n3,x\n4,x\n5,x\n")
    (folder / "solution.csv").write_text(solution)


def test_the_solution_gives_labels_and_usage_gives_subsets(tmp_path: Path) -> None:
    write_folder(tmp_path, "row_id,kind,Usage\n5,x,Ignored\n4,x,Private\n3,y,Public\n")
    found = all_rows(tmp_path)
    assert found["label"] == ["x", "y", "y", "x", None]
    assert found["split"] == ["train", "train", "test", "test", "test"]
    assert found["subset"] == [None, None, "public", "private", None]
    assert found["words"] == ["ant", "bee", "cat", "dog", "eel"]
    assert found["key"] == ["train 1", "train 2", "test 3", "test 4", "test 5"]


def test_one_column_a_class_is_read_as_the_class(tmp_path: Path) -> None:
    write_folder(tmp_path, "row_id,x,y\n3,0,1\n4,1,0\n5,0.5,0.5\n")
    found = all_rows(tmp_path, label="kind")
    assert found["label"] == ["x", "y", "y", "x", None]
    assert "subset" not in found


def test_parquet_does_as_well(tmp_path: Path) -> None:
    write_folder(tmp_path, "row_id,kind\n3,x\n4,y\n5,x\n")
    for name in ("train", "test"):
        lines = (tmp_path / f"{name}.csv").read_text().split()
        columns = zip(*(line.split(",") for line in lines), strict=True)
        table = pa.table({head: list(rest) for head, *rest in columns})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        (tmp_path / f"{name}.csv").unlink()
    assert all_rows(tmp_path)["label"] == ["x", "y", "x", "y", "x"]


def test_without_a_solution_the_fix_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path, "")
    (tmp_path / "solution.csv").unlink()
    with pytest.raises(TaskError, match='build the task from train alone: format = "table"'):
        all_rows(tmp_path)


def test_a_test_row_without_an_answer_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, "row_id,kind\n3,x\n")
    with pytest.raises(TaskError, match=r"without an answer \(first: 4; 5\)"):
        all_rows(tmp_path)


def test_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, "row_id,kind\n3,x\n4,y\n5,x\n")
    with pytest.raises(TaskError, match="no column 'sort'"):
        all_rows(tmp_path, label="sort")
    (tmp_path / "test.csv").write_text("nr,words\n3,cat\n")
    with pytest.raises(TaskError, match="no column in common"):
        all_rows(tmp_path)
