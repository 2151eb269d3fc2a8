"""Files made to hurt: slow, large, changing, or posing as something else."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.reading import intake
from challenge.scoring.reading.strict_csv import CsvText, open_text
from challenge.task import Task
from tests.scoring.made import ids_of, make_task


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return make_task(tmp_path / "animals")


def clean(task: Task) -> bytes:
    return ("id,label\n" + "".join(f"{one},cat\n" for one in ids_of(task))).encode()


def codes_of(task: Task, path: Path) -> list[str]:
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    return [fault.code for fault in caught.value.faults]


def test_a_gzip_file_of_many_empty_members_takes_linear_time(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    cpu = []
    for n in (10_000, 80_000):
        path.write_bytes(gzip.compress(b"") * n + gzip.compress(clean(task)))
        started = time.process_time()
        assert read_predictions(task, path).codes.tolist() == [1] * 8
        cpu.append(time.process_time() - started)
    # Eight times the members: eight times the work, where it was once sixty-four times.
    assert cpu[1] < 30 * max(cpu[0], 0.02)


def test_gzip_members_zeros_and_garbage_behind_them(task: Task, tmp_path: Path) -> None:
    path, text = tmp_path / "p.csv.gz", clean(task)
    path.write_bytes(gzip.compress(text[:40]) + gzip.compress(text[40:]) + bytes(3000))
    assert read_predictions(task, path).codes.tolist() == [1] * 8
    for tail in (b"garbage", bytes(10) + b"garbage", gzip.compress(b"x")[:9]):
        path.write_bytes(gzip.compress(text) + tail)
        assert codes_of(task, path) == ["file-damaged"]


def test_millions_of_blank_lines_are_counted_and_not_kept(task: Task, tmp_path: Path) -> None:
    path, text = tmp_path / "p.csv", clean(task)
    path.write_bytes(text + b"\n" * 3_000_000)
    assert read_predictions(task, path).n == 8
    at = text.index(b"\n") + 1
    path.write_bytes(text[:at] + b"\n" * 1_000_000 + text[at:])
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    [fault] = caught.value.faults
    assert (fault.code, fault.n, fault.first[0], fault.first[4]) == (
        "csv-blank-line",
        1_000_000,
        "line 2",
        "line 6",
    )


def test_blank_lines_in_two_places_are_told_by_their_lines() -> None:
    text = open_text("p.csv", b"id,label\n\na,b\n\r\n\n\nc,d\n")
    assert isinstance(text, CsvText)
    assert [line for line, _ in text.records()] == [1, 3, 7]
    [fault] = text.grammar_faults()
    assert (fault.n, fault.first) == (4, ("line 2", "line 4", "line 5", "line 6"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("how", ["grows", "is rewritten", "shrinks"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, how: str
) -> None:
    path = tmp_path / f"p{suffix}"
    if suffix == ".csv":
        path.write_bytes(clean(task))
    else:
        pq.write_table(pa.table({"id": ids_of(task), "label": ["cat"] * 8}), path)
        monkeypatch.setattr(intake, "_SMALL", 0)
    whole = path.read_bytes()
    os.utime(path, (1, 1))
    fdopen = os.fdopen

    def open_and_meddle(descriptor: int, mode: str) -> IO[Any]:
        file = fdopen(descriptor, mode)
        size = {"grows": len(whole) + 9, "is rewritten": len(whole), "shrinks": 20}[how]
        path.write_bytes(whole.ljust(size, b"\n")[:size])
        return file

    monkeypatch.setattr(os, "fdopen", open_and_meddle)
    assert codes_of(task, path) == ["file-changed"]


def test_encrypted_parquet_is_named(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(b"PARE" + b"x" * 100 + b"PARE")
    assert codes_of(task, path) == ["file-format"]


def test_a_parquet_file_without_columns_lacks_columns(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({}), path)
    assert codes_of(task, path) == ["column-missing", "column-missing", "file-rows"]
