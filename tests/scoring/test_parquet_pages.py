"""Small Parquet files that would unpack to gigabytes are refused before they do."""

from __future__ import annotations

import itertools
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions
from challenge.scoring.reading.parquet_pages import read_chunks, unpacked_bytes
from tests.scoring.made import ids_of, make_task


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_pages_are_counted_under_every_codec(
    tmp_path: Path, compression: str, version: str
) -> None:
    ids = [f"r{n:016x}" for n in range(5000)]
    table = pa.table({"id": ids, "value": np.linspace(0, 1, 5000)})
    path = tmp_path / "t.parquet"
    pq.write_table(
        table,
        path,
        compression=compression,
        data_page_version=version,
        row_group_size=2000,
        data_page_size=4096,
    )
    data = path.read_bytes()
    metadata = pq.ParquetFile(path).metadata
    groups = read_chunks(lambda at, size: data[at : at + size], len(data))
    assert [len(chunks) for chunks in groups] == [2, 2, 2]
    for group, column in itertools.product(range(3), range(2)):
        chunk = metadata.row_group(group).column(column)
        counted = unpacked_bytes(
            groups[group][column], lambda at, size: data[at : at + size], 1 << 30
        )
        # The footer counts the headers of the pages, too; strings may be repeated by each row.
        assert counted > 0.5 * chunk.total_uncompressed_size
        longest = 17 if chunk.physical_type == "BYTE_ARRAY" else 0
        assert counted <= chunk.total_uncompressed_size + longest * chunk.num_values


def test_one_long_string_repeated_by_every_row_is_refused(tmp_path: Path) -> None:
    task = make_task(tmp_path / "task", n=2000)
    index = pa.array(np.zeros(2000, np.int32))
    long = pa.DictionaryArray.from_arrays(index, pa.array(["x" * (1 << 20)]))
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": long, "label": long}), path, store_schema=False)
    assert path.stat().st_size < 10_000_000
    before = peak_mb()
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    assert [fault.code for fault in caught.value.faults] == ["file-unpacks-too-large"]
    assert peak_mb() - before < 100


def test_delta_encoded_strings_that_repeat_a_long_one_are_refused(tmp_path: Path) -> None:
    task = make_task(tmp_path / "task", n=2000)
    table = pa.table({"id": ["x" * (1 << 16)] * 2000, "label": ["cat"] * 2000})
    path = tmp_path / "p.parquet"
    pq.write_table(table, path, use_dictionary=False, column_encoding={"id": "DELTA_BYTE_ARRAY"})
    assert path.stat().st_size < 1_000_000
    before = peak_mb()
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    assert [fault.code for fault in caught.value.faults] == ["file-unpacks-too-large"]
    assert peak_mb() - before < 100


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_honest_files_pass_under_every_encoding(tmp_path: Path, encoding: str) -> None:
    task = make_task(tmp_path / "task", n=2000)
    table = pa.table({"id": ids_of(task), "label": ["cat"] * 2000})
    path = tmp_path / "p.parquet"
    pq.write_table(table, path, use_dictionary=False, column_encoding={"id": encoding})
    assert read_predictions(task, path).n == 2000


def test_a_float32_column_of_many_rows_is_read_from_disk_block_by_block(tmp_path: Path) -> None:
    n, k = 10_000, 3000
    task = make_task(tmp_path / "task", n=n, classes=[f"c{j:04}" for j in range(k)])
    values = np.zeros((k, n), np.float32)
    truth = np.arange(n) % k
    values[truth, np.arange(n)] = 1
    order = np.random.default_rng(0).permutation(n)
    columns: dict[str, Any] = {"id": np.array(ids_of(task))[order].tolist()}
    columns |= {f"c{j:04}": values[j, order] for j in range(k)}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    predictions = read_predictions(task, tmp_path / "p.parquet")
    assert (predictions.codes == truth).all()
    assert predictions.probabilities is not None
    for rows, block in predictions.probabilities.blocks():
        assert block.flags.c_contiguous
        assert (block.argmax(axis=1) == truth[rows]).all()
