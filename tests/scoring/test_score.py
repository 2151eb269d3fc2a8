"""Whole scores of tiny tasks: values worked out by hand, halves, void rows, what is undefined."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from challenge.errors import TaskError
from challenge.kinds.statistics.vector import spread
from challenge.scoring import baseline_score, score_predictions
from tests.scoring.scored import make_scored_task, predict


def test_macro_f1_of_a_tiny_task_worked_out_by_hand(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "tiny", ["a", "a", "a", "b", "b", "c"])
    score = score_predictions(task, predict(task, ["a", "a", "b", "b", "c", "c"]), "all")
    # a: 2·2/(3+2) = .8; b: 2·1/(2+2) = .5; c: 2·1/(1+2) = 2/3; mean .6556
    assert score.primary.value == pytest.approx((0.8 + 0.5 + 2 / 3) / 3, abs=1e-15)
    assert score.metrics["accuracy"].value == pytest.approx(4 / 6, abs=1e-15)
    assert score.metrics["balanced_accuracy"].value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert score.metrics["weighted_f1"].value == pytest.approx((3 * 0.8 + 2 * 0.5 + 2 / 3) / 6)
    assert score.n == score.n_clusters == 6


def test_a_class_absent_from_the_solution_part_adds_no_term(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "a", "b", "b"], classes=["a", "b", "z"])
    score = score_predictions(task, predict(task, ["a", "z", "b", "b"]), "all")
    # a: 2·1/(2+1) = 2/3, b: 1; z adds nothing: not (2/3 + 1 + 0) / 3
    assert score.primary.value == pytest.approx((2 / 3 + 1) / 2, abs=1e-15)


def test_void_rows_count_for_nothing(tmp_path: Path) -> None:
    subsets = ["public", "private", "void", "void", "private"]
    task = make_scored_task(
        tmp_path / "t", ["a", "b", "a", "b", "b"], subsets=subsets, metric="accuracy"
    )
    predictions = predict(task, ["a", "a", "b", "b", "b"])
    values = {
        subset: score_predictions(task, predictions, subset) for subset in ("public", "private")
    }
    assert [s.primary.value for s in values.values()] == [1.0, 0.5]
    everything = score_predictions(task, predictions, "all")
    assert everything.n == 3
    assert everything.primary.value == pytest.approx(2 / 3)


def test_f1_of_pairs_worked_out_by_hand(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["1", "1", "1", "0", "0"], kind="matching")
    score = score_predictions(task, predict(task, ["1", "1", "0", "1", "0"]), "all")
    # 2 hits, 3 predicted, 3 matches: 2·2/(3+3)
    assert score.primary.value == pytest.approx(2 / 3, abs=1e-15)
    assert score.metrics["average_precision"].value is None
    assert score.metrics["average_precision"].reason == "the file has no scores"
    # 3 matches: a perfect file that misses one has 2·2/(3+2) = .8
    assert score.resolution == pytest.approx(0.2, abs=1e-15)


def test_scores_of_pairs_worked_out_by_hand(tmp_path: Path) -> None:
    task = make_scored_task(
        tmp_path / "t", ["1", "0", "1", "0"], kind="matching", metric="average_precision"
    )
    score = score_predictions(task, predict(task, scores=[0.9, 0.8, 0.7, 0.1]), "all")
    assert score.primary.value == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)
    assert score.metrics["roc_auc"].value == pytest.approx(3 / 4, abs=1e-15)
    loss = -(math.log(0.9) + math.log(1 - 0.8) + math.log(0.7) + math.log(0.9)) / 4
    assert score.metrics["log_loss"].value == pytest.approx(loss, abs=1e-15)
    assert score.metrics["f1"].value == pytest.approx(2 * 2 / (2 + 3), abs=1e-15)


def test_fewer_than_12_clusters_have_no_interval_and_say_so(tmp_path: Path) -> None:
    labels = ["a", "b"] * 30
    task = make_scored_task(tmp_path / "t", labels, cluster=[i % 11 for i in range(60)])
    score = score_predictions(task, predict(task, ["a"] * 60), "all")
    assert score.primary.low is None and score.primary.high is None
    assert score.primary.reason == "no interval: fewer than 12 independent clusters"
    assert score.vector is None


def test_perfect_predictions_give_exactly_1_and_no_point(tmp_path: Path) -> None:
    labels = ["a", "b"] * 50
    task = make_scored_task(tmp_path / "t", labels)
    score = score_predictions(task, predict(task, labels), "all")
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc"):
        metric = score.metrics[name]
        assert (metric.value, metric.high) == (1.0, 1.0), name
        assert metric.low is not None and 0.8 < metric.low < 0.99, name
    # Wilson's end of 100 of 100
    assert score.metrics["accuracy"].low == pytest.approx(100 / (100 + 1.959964**2), abs=1e-8)
    assert score.vector is not None and not score.vector.clusters.any()


def test_the_json_holds_no_vector_and_no_nan(tmp_path: Path) -> None:
    labels = ["a", "b"] * 50
    task = make_scored_task(tmp_path / "t", labels)
    score = score_predictions(task, predict(task, labels[::-1]), "all")
    text = json.dumps(score.as_json(), allow_nan=False)
    assert "vector" not in text
    assert score.metrics["accuracy"].value == 0.0


def test_constant_predictions_have_no_mcc_and_say_why(tmp_path: Path) -> None:
    labels = ["a", "b"] * 50
    task = make_scored_task(tmp_path / "t", labels, metric="mcc")
    score = score_predictions(task, predict(task, ["a"] * 100), "all")
    assert score.primary.value is None
    assert score.primary.reason == "the predictions have one class only: 0/0"
    assert score.vector is None
    assert baseline_score(task, "all").value == 0.0


def test_the_floor_is_the_majority_class_of_train(tmp_path: Path) -> None:
    labels = ["a", "b", "b", "b"]
    task = make_scored_task(
        tmp_path / "t", labels, metric="accuracy", train={"label": ["a", "a", "b"]}
    )
    assert baseline_score(task, "all").value == 0.25
    pairs = make_scored_task(tmp_path / "p", ["1", "0"], kind="matching")
    assert baseline_score(pairs, "all").value == 0.0


def test_the_vector_has_the_error_of_the_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    labels = [str(code) for code in rng.integers(0, 3, 400)]
    task = make_scored_task(tmp_path / "t", labels)
    guesses = [w if rng.random() < 0.7 else "0" for w in labels]
    score = score_predictions(task, predict(task, guesses), "all")
    assert score.vector is not None and score.vector.clusters.shape == (400,)
    assert score.primary.low is not None and score.primary.high is not None
    width = score.primary.high - score.primary.low
    assert width == pytest.approx(2 * spread(score.vector).reach, rel=0.02)
    assert score.diagnostics["clear_gap"] == pytest.approx(
        1.96 * 2**0.5 * spread(score.vector).error
    )


def test_the_same_predictions_score_the_same_bytes_again(tmp_path: Path) -> None:
    labels = ["a", "b"] * 50
    task = make_scored_task(tmp_path / "t", labels)
    predictions = predict(task, ["a", "b", "b", "b"] * 25)
    first, second = (score_predictions(task, predictions, "all") for _ in range(2))
    assert first.as_json() == second.as_json()
    assert first.vector is not None and second.vector is not None
    assert first.vector.to_bytes() == second.vector.to_bytes()


def test_predictions_of_another_table_are_refused(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"])
    other = make_scored_task(tmp_path / "u", ["a", "b"])
    with pytest.raises(ValueError, match="another table"):
        score_predictions(task, predict(other, ["a", "b"]), "all")


def test_a_missing_solution_says_what_to_do(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b"])
    (task.private / "solution.parquet").unlink()
    with pytest.raises(TaskError, match=r"solution\.parquet: no such file"):
        score_predictions(task, predict(task, ["a", "b"]), "all")


def test_scoring_loads_neither_pandas_nor_scipy_nor_sklearn(tmp_path: Path) -> None:
    labels = ["1", "0"] * 50
    make_scored_task(
        tmp_path / "t", labels, kind="matching", other=[(i + 1) % 90 for i in range(100)]
    )
    program = f"""
import sys
from pathlib import Path
import numpy as np
from challenge.scoring import score_predictions, baseline_score, Predictions
from challenge.task import read_task
task = read_task(Path({str(tmp_path / "t" / "public")!r}))
p = Predictions(task.id, task.kind, task.data_digest, np.array([1, 0, 0, 1] * 25, np.int32),
                None, np.linspace(0, 1, 100), "0" * 64, "labels+scores")
for _ in range(2):
    assert score_predictions(task, p, "all").primary.value == 0.5
baseline_score(task, "all")
print([name for name in ("pandas", "scipy", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
