from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from challenge.prepare.build.id_order import ROW, SortedRows


@pytest.mark.parametrize("held_bytes", [1 << 30, 20_000, 1])
def test_rows_come_back_sorted_whether_spilled_or_not(tmp_path: Path, held_bytes: int) -> None:
    random = np.random.default_rng(0)
    numbers = random.integers(0, 2**64, 5000, dtype=np.uint64)
    numbers[:3] = [0, 2**64 - 1, 2**63]
    rows = SortedRows(tmp_path, "r", held_bytes)
    for start in range(0, 5000, 700):
        part = numbers[start : start + 700]
        rows.add(pa.table({"value": [f"v{number}" for number in part]}), part)
    whole = pa.concat_tables(rows.tables())
    assert whole["value"].to_pylist() == [f"v{number}" for number in np.sort(numbers)]
    assert whole["id"].to_pylist() == [f"r{number:016x}" for number in np.sort(numbers)]
    assert whole[ROW].to_pylist() == np.argsort(numbers).tolist()
    assert list(tmp_path.iterdir()) == []


def test_no_rows_give_no_tables(tmp_path: Path) -> None:
    assert list(SortedRows(tmp_path, "r").tables()) == []
