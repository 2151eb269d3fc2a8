"""Retrieval from files: what is accepted, every fault, what is hidden, and what a board is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from challenge.api.frame_files import as_file
from challenge.attack.planted_leaks import leak_attacks
from challenge.attack.trivial_answers import trivial_attacks
from challenge.errors import SubmissionError
from challenge.scoring import (
    baseline_score,
    compare_predictions,
    confusion_counts,
    read_predictions,
    score_on_train,
    score_predictions,
)
from challenge.scoring.attacks import attacks_on_task
from challenge.scoring.reading.canonical import content_digest, write_predictions
from challenge.scoring.reading.check import most_bytes
from challenge.scoring.right_rows import right_rows
from challenge.scoring.solution import count_public, read_solution
from challenge.task import Task
from tests.toy import build_toy

NAMES = [f"e{position}" for position in range(6)]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("retrieval"), "retrieval", 480)


def rows_of(task: Task) -> pd.DataFrame:
    return pd.read_parquet(task.public / "test.parquet")[["id", "role", *NAMES]]


def vectors_of(task: Task) -> pd.DataFrame:
    return rows_of(task)[["id", *NAMES]]


def saved(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def queries_of(task: Task) -> pd.DataFrame:
    return rows_of(task).query("role == 'query'")[["id", *NAMES]]


def test_which_row_shows_the_thing_of_a_query_is_in_private_alone(task: Task) -> None:
    train, test = (pq.read_table(task.public / f"{name}.parquet") for name in ("train", "test"))
    assert "label" in train.column_names and "label" not in test.column_names
    solution = pq.read_table(task.private / "solution.parquet")
    names = set(solution["label"].to_pylist())
    # Names are opaque, and those of test are nowhere else.
    assert all(len(name) == 17 and name[0] == "t" for name in names)
    assert not names & set(train["label"].to_pylist())
    for path in task.public.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(name.encode() in content for name in names), path.name
    assert task.classes == () and task.document["classes"] == []


def test_only_queries_count(task: Task) -> None:
    roles = rows_of(task)["role"]
    assert score_predictions(
        task, read_predictions(task, task.public / "sample_submission.csv"), "all"
    ).n == int((roles == "query").sum())
    assert count_public(task) < (roles == "query").sum()
    # Read again from what is kept beside it.
    kept, fresh = read_solution(task), read_solution(dataclasses.replace(task))
    assert np.array_equal(kept.gallery, fresh.gallery) and kept.gallery.sum() > 0


def test_the_sample_is_the_old_model_and_the_baseline_score(task: Task) -> None:
    sample = read_predictions(task, task.public / "sample_submission.csv")
    score = score_predictions(task, sample, "all")
    assert score.primary.value == score.metrics["old_self_map"].value
    assert score.primary.value == baseline_score(task, "all").value
    assert score.primary.low is not None and score.resolution == 1 / score.n
    assert score.diagnostics["compatible"] == 0.0


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_in_any_order_and_format_score_alike(task: Task, tmp_path: Path, suffix: str) -> None:
    plain = score_predictions(
        task, read_predictions(task, task.public / "sample_submission.csv"), "all"
    )
    mixed = vectors_of(task).sample(frac=1, random_state=3)[[*NAMES[::-1], "id"]]
    found = read_predictions(task, saved(mixed, tmp_path / f"mixed{suffix}"))
    again = score_predictions(task, found, "all")
    assert {name: one.value for name, one in again.metrics.items()} == {
        name: one.value for name, one in plain.metrics.items()
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_queries_alone_are_a_submission(task: Task, tmp_path: Path, suffix: str) -> None:
    whole = read_predictions(task, saved(vectors_of(task), tmp_path / f"whole{suffix}"))
    part = queries_of(task).sample(frac=1, random_state=2)
    found = read_predictions(task, saved(part, tmp_path / f"queries{suffix}"))
    assert found.notes and "new-self" in found.notes[0]
    scores = [score_predictions(task, one, "all") for one in (whole, found)]
    assert scores[0].primary.value == scores[1].primary.value
    assert scores[1].metrics["new_self_map"].value is None
    # A quote makes the strict reader read it: the same.
    if suffix == ".csv":
        text = (tmp_path / "queries.csv").read_text().replace("id,", '"id",', 1)
        (tmp_path / "quoted.csv").write_text(text)
        again = read_predictions(task, tmp_path / "quoted.csv")
        assert again.vectors is not None and found.vectors is not None
        assert np.array_equal(again.vectors, found.vectors, equal_nan=True)


def test_the_canonical_file_is_a_submission_of_the_same_content(task: Task, tmp_path: Path) -> None:
    for frame in (
        vectors_of(task),
        queries_of(task),
        vectors_of(task).astype(dict.fromkeys(NAMES, "float32")),
    ):
        found = read_predictions(task, saved(frame, tmp_path / "given.parquet"))
        write_predictions(found, task, tmp_path / "kept.parquet")
        again = read_predictions(task, tmp_path / "kept.parquet")
        assert content_digest(again, task) == content_digest(found, task)
        assert len(pq.read_table(tmp_path / "kept.parquet")) == len(frame)
        kind = pa.float32() if frame["e0"].dtype == np.float32 else pa.float64()
        assert pq.read_schema(tmp_path / "kept.parquet").field("e0").type == kind


def faults_of(task: Task, path: Path) -> dict[str, str]:
    with pytest.raises(SubmissionError) as caught:
        read_predictions(task, path)
    for fault in caught.value.faults:
        assert fault.where and fault.found and fault.expected and fault.fix
    return {fault.code: str(fault) for fault in caught.value.faults}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_fault_of_a_file_is_named_at_once(task: Task, tmp_path: Path, suffix: str) -> None:
    frame = vectors_of(task)
    frame.loc[0, "e1"] = np.inf
    frame.loc[1, NAMES] = 0.0
    frame.loc[2, "e2"] = np.nan
    ids = frame["id"].tolist()
    frame["id"] = [*ids[:3], "r0", ids[5], *ids[5:]]
    frame = frame.drop(columns="e3").assign(label="t0", score=0.5, e6=1.0)
    found = faults_of(task, saved(frame, tmp_path / f"bad{suffix}"))
    nan = "number-empty" if suffix == ".csv" else "number-nan"
    expected = {"column-missing", "column-kind", "column-unknown", "id-unknown", "id-duplicate"}
    expected |= {"id-missing", "number-infinite", nan}
    assert set(found) - {"number-empty", "number-nan"} == expected - {"number-empty", "number-nan"}
    assert nan in found or "number-empty" in found
    assert "no column for 1 of 6 dimensions (first: 'e3')" in found["column-missing"]
    assert "id and e0 to e5: as many dimensions as the old model has" in found["column-missing"]
    assert "what is found follows from the vectors alone" in found["column-kind"]
    assert "write finite numbers" in found["number-infinite"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_vector_of_zeros_has_no_direction(task: Task, tmp_path: Path, suffix: str) -> None:
    frame = queries_of(task).reset_index(drop=True)
    frame.loc[7, NAMES] = 0.0
    found = faults_of(task, saved(frame, tmp_path / f"zero{suffix}"))
    assert set(found) == {"vector-zero"}
    assert "1 row(s) whose vector is 0 in every dimension" in found["vector-zero"]


def test_a_gallery_is_whole_or_not_there(task: Task, tmp_path: Path) -> None:
    rows = rows_of(task)
    n_gallery = int((rows["role"] == "gallery").sum())
    gallery = rows.index[rows["role"] == "gallery"]
    found = faults_of(task, saved(vectors_of(task).drop(gallery[:3]), tmp_path / "part.csv"))
    assert set(found) == {"id-missing"}
    assert f"3 of {len(rows)} ids have no row" in found["id-missing"]
    assert "for all rows of its gallery or none" in found["id-missing"]
    without = queries_of(task).iloc[2:]
    found = faults_of(task, saved(without, tmp_path / "queries.csv"))
    assert f"2 of {len(rows) - n_gallery} ids have no row" in found["id-missing"]
    alone = vectors_of(task).loc[gallery]
    assert "id-missing" in faults_of(task, saved(alone, tmp_path / "gallery.csv"))


def test_a_file_of_labels_is_told_what_to_write(task: Task, tmp_path: Path) -> None:
    frame = vectors_of(task)[["id"]].assign(label="t0")
    found = faults_of(task, saved(frame, tmp_path / "labels.csv"))
    assert "id and e0 to e5" in found["column-missing"]


def test_the_size_of_a_file_is_capped_by_rows_and_dimensions(task: Task, tmp_path: Path) -> None:
    cap = most_bytes(task, "test")
    assert cap == (16 << 20) + 4 * 2 * 6 + task.n_test * (256 + 64 * 6)
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,e0\n" + b"x" * cap)
    assert "file-too-large" in faults_of(task, path)


def test_huge_and_tiny_numbers_are_compared_by_their_angle(task: Task, tmp_path: Path) -> None:
    plain = score_predictions(
        task, read_predictions(task, task.public / "sample_submission.csv"), "all"
    )
    for scale in (1e-300, 1e300):
        frame = vectors_of(task)
        frame[NAMES] *= scale
        found = read_predictions(task, saved(frame, tmp_path / "scaled.parquet"))
        assert score_predictions(task, found, "all").primary.value == plain.primary.value


def test_out_of_fold_vectors_are_scored_on_train(task: Task, tmp_path: Path) -> None:
    train = pd.read_parquet(task.public / "train.parquet")
    score = score_on_train(task, saved(train[["id", *NAMES]], tmp_path / "train.csv"))
    assert score.n == (train["role"] == "query").sum()
    assert score.primary.value == score.metrics["old_self_map"].value
    assert score.n_clusters == train["label"].nunique() and score.primary.low is not None
    assert "queries as related by their thing alone" in score.notes[0]


def test_two_models_are_compared_by_query(task: Task, tmp_path: Path) -> None:
    old = read_predictions(task, task.public / "sample_submission.csv")
    worse = vectors_of(task)
    worse[NAMES] += np.random.default_rng(0).normal(0, 2, worse[NAMES].shape)
    new = read_predictions(task, saved(worse, tmp_path / "worse.csv"))
    comparison = compare_predictions(task, old, new, "all")
    assert comparison.won == "found" and comparison.primary.excludes_zero
    assert comparison.outcomes.n == comparison.n and comparison.upgrade is not None
    assert comparison.upgrade.n_negative > comparison.upgrade.n_positive
    assert "class" not in {kind for kind, _, _ in comparison.slices}
    packed = np.frombuffer(right_rows(task, old, "all") or b"", np.uint8)
    assert np.unpackbits(packed).sum() == comparison.outcomes.wins + comparison.outcomes.both_right
    same = compare_predictions(task, old, old, "all")
    assert "both predict the same" in str(same.primary.reason)
    assert len(confusion_counts(task, old, "all")) == 0


def test_attacks_that_follow_labels_have_nothing_to_try(task: Task) -> None:
    assert trivial_attacks(task, 1.0) == [] and leak_attacks(task) == []
    assert [attack.name for attack in attacks_on_task(task)] == ["subset by order of ids"]


def test_each_vector_of_an_array_is_a_row_of_the_table(task: Task) -> None:
    vectors = vectors_of(task)[NAMES].to_numpy()
    with as_file(vectors, task, "test") as path:
        found = read_predictions(task, path)
    assert found.vectors is not None
    assert np.array_equal(found.vectors, vectors)
