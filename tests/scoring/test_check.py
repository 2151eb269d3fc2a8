"""What a clean file becomes: arrays in the order of the task."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.errors import SubmissionError
from challenge.scoring import read_predictions, write_predictions
from challenge.scoring.reading import intake
from tests.scoring.made import ids_of, make_task


def write(folder: Path, text: str, name: str = "predictions.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_labels_in_any_order_are_aligned_to_the_task(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=4)
    labels = ["dog", "bird", "cat", "cat"]
    lines = [f"{one},{label}\n" for one, label in zip(ids_of(task), labels, strict=True)]
    path = write(tmp_path, "id,label\n" + "".join(reversed(lines)))
    predictions = read_predictions(task, path)
    assert predictions.codes.tolist() == [2, 0, 1, 1]
    assert (predictions.form, predictions.n) == ("labels", 4)


def test_the_first_of_equal_probabilities_decides(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=2)
    one, two = ids_of(task)
    path = write(tmp_path, f"id,dog,cat,bird\n{two},0.5,0.25,0.25\n{one},0.2,0.4,0.4\n")
    predictions = read_predictions(task, path)
    assert predictions.codes.tolist() == [0, 2]
    assert predictions.probabilities is not None
    assert predictions.probabilities.as_array().tolist() == [[0.4, 0.4, 0.2], [0.25, 0.25, 0.5]]


def test_a_score_of_one_half_is_a_match_and_the_answer_counts_matches(tmp_path: Path) -> None:
    task = make_task(tmp_path / "pairs", kind="matching", n=3)
    values = zip(ids_of(task), ["0.5", "0.49", "1"], strict=True)
    path = write(tmp_path, "id,score\n" + "".join(f"{one},{v}\n" for one, v in values))
    predictions = read_predictions(task, path)
    assert predictions.codes.tolist() == [1, 0, 1]
    assert predictions.scores is not None
    assert predictions.scores.tolist() == [0.5, 0.49, 1.0]
    assert predictions.notes == (
        "no column `label`: score >= 0.5 decides, which makes 2 of 3 pairs matches",
    )


def test_the_canonical_file_is_a_valid_submission_that_becomes_itself(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=3)
    text = "".join(f"{one},0.2,0.3,0.5\n" for one in ids_of(task))
    first = read_predictions(task, write(tmp_path, "id,bird,cat,dog\n" + text))
    one = write_predictions(first, task, tmp_path / "one.parquet")
    second = read_predictions(task, tmp_path / "one.parquet")
    assert write_predictions(second, task, tmp_path / "two.parquet") == one
    np.testing.assert_array_equal(first.codes, second.codes)


def test_every_fault_is_in_one_report(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=3)
    one, two, _ = ids_of(task)
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, write(tmp_path, f"id;label\n{one};cat\n{two};kat\n{two};\nx;dog\n"))
    codes = [fault.code for fault in caught.value.faults]
    assert codes == [
        "csv-delimiter",
        "id-duplicate",
        "id-unknown",
        "id-missing",
        "label-empty",
        "label-unknown",
    ]


@pytest.mark.parametrize("pattern", ["column{}", "Unnamed: {}", "twice{0:.5}"])
def test_a_header_of_many_unknown_names_is_refused_soon(tmp_path: Path, pattern: str) -> None:
    task = make_task(tmp_path / "tiny", n=4)
    names = [pattern.format(str(number)) for number in range(50_000)]
    path = write(tmp_path, ",".join([*names, *names]) + "\n" + "x,dog\n")
    started = time.process_time()
    with pytest.raises(SubmissionError):
        read_predictions(task, path)
    assert time.process_time() - started < 5


def test_a_parquet_file_of_an_empty_table_has_no_rows_and_is_not_damaged(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=4)
    table = pa.table({"id": pa.array([], pa.string()), "label": pa.array([], pa.string())})
    for name, codec in (("a.parquet", "snappy"), ("b.parquet", "none")):
        pq.write_table(table, tmp_path / name, compression=codec)
        with pytest.raises(SubmissionError) as caught:
            read_predictions(task, tmp_path / name)
        assert [fault.code for fault in caught.value.faults] == ["file-rows"]


@pytest.mark.filterwarnings("error")
def test_infinite_and_huge_values_are_faults_without_a_warning(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=2)
    one, two = ids_of(task)
    table = pa.table(
        {"id": [one, two], "dog": [1e308, 0.5], "cat": [1e308, -np.inf], "bird": [0.0, np.inf]}
    )
    pq.write_table(table, tmp_path / "huge.parquet")
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, tmp_path / "huge.parquet")
    assert "number-infinite" in {fault.code for fault in caught.value.faults}


@pytest.mark.parametrize("limits", [(0, 64 << 20), (0, 0)], ids=["lent", "copied"])
def test_parquet_read_into_other_memory_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    task = make_task(tmp_path / "tiny", n=50)
    values = np.random.default_rng(0).dirichlet([1.0] * 3, 50).astype(np.float32)
    columns = dict(zip(task.classes, values.T, strict=True))
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ids_of(task), **columns}), path)
    first = read_predictions(task, path)
    monkeypatch.setattr(intake, "_SMALL", limits[0])
    monkeypatch.setattr(intake, "_IN_MEMORY", limits[1])
    again = read_predictions(task, path)
    assert first.probabilities is not None and again.probabilities is not None
    assert (first.probabilities.as_array() == again.probabilities.as_array()).all()
    assert first.sha256 == again.sha256
    pq.write_table(pa.table({"id": ["x"] * 50, **columns}), path)
    with pytest.raises(SubmissionError, match="no id of"):
        read_predictions(task, path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("n", [40, 30_000])
def test_out_of_fold_predictions_are_read_in_the_order_of_train(
    tmp_path: Path, suffix: str, n: int
) -> None:
    train = [f"t{row:016x}" for row in range(n)]
    task = make_task(tmp_path / "tiny", n=5, train_ids=train)
    order = np.random.default_rng(1).permutation(n)
    truth = np.arange(n) % 3
    labels = [task.classes[code] for code in truth[order]]
    path = tmp_path / f"p{suffix}"
    ids = [train[row] for row in order]
    if suffix == ".parquet":
        pq.write_table(pa.table({"id": ids, "label": labels}), path)
    else:
        lines = (f"{one},{label}\n" for one, label in zip(ids, labels, strict=True))
        path.write_text("id,label\n" + "".join(lines))
    predictions = read_predictions(task, path, rows="train")
    assert predictions.codes.tolist() == truth.tolist()
    assert (predictions.rows, predictions.n) == ("train", n)


def test_out_of_fold_predictions_with_ids_of_test_are_told_so(tmp_path: Path) -> None:
    task = make_task(tmp_path / "tiny", n=3)
    path = write(tmp_path, "id,label\n" + "".join(f"{one},cat\n" for one in ids_of(task)))
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path, rows="train")
    assert {fault.code for fault in caught.value.faults} == {"id-other-rows", "id-missing"}
    assert "ids of train.csv" in str(caught.value)
