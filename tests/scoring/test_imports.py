"""The way of a submission loads neither pandas nor scipy nor scikit-learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scoring.made import ids_of, make_task

PROGRAM = """
import sys
from pathlib import Path
from challenge.scoring import read_predictions, write_predictions
from challenge.task import read_task
from challenge.errors import SubmissionError

task, path = read_task(Path(sys.argv[1])), Path(sys.argv[2])
try:
    predictions = read_predictions(task, path)
    write_predictions(predictions, task, path.with_name("stored.parquet"))
except SubmissionError:
    print("refused")
print(sorted({"pandas", "scipy", "sklearn", "pydantic", "sqlalchemy"} & set(sys.modules)))
"""


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("what", ["label", "classes", "score", "faulty"])
def test_checking_loads_no_pandas(tmp_path: Path, suffix: str, what: str) -> None:
    kind = "matching" if what == "score" else "classification"
    task = make_task(tmp_path / "task", kind=kind)
    ids = ids_of(task)
    n = len(ids)
    columns: dict[str, list[object]] = {"id": list(ids)}
    if what == "classes":
        columns |= {"bird": [0.5] * n, "cat": [0.5] * n, "dog": [0.0] * n}
    elif what == "score":
        columns["score"] = [0.5] * n
    else:
        columns["label"] = ["no such class" if what == "faulty" else "cat"] * n
    path = tmp_path / f"p{suffix}"
    if suffix == ".csv":
        table = [tuple(columns), *zip(*columns.values(), strict=True)]
        rows = [",".join(map(str, row)) for row in table]
        path.write_text("\n".join(rows))
    else:
        pq.write_table(pa.table(columns), path)
    command = [sys.executable, "-c", PROGRAM, str(task.public), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == (["refused", "[]"] if what == "faulty" else ["[]"])
