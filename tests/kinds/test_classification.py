"""Classification: replicates against weights by row, row order, resolution, train scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from challenge.kinds.estimates import replicates
from challenge.kinds.scored_rows import ScoredRows
from challenge.scoring import score_on_train, score_predictions
from challenge.scoring.statistics.block_weights import draw_weights
from tests.scoring.scored import make_scored_task, predict, solution_of


def test_replicates_are_the_metric_with_the_weights_of_clusters(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth, codes, cluster = rng.integers(0, 3, (3, 400))
    cluster = rng.integers(0, 50, 400)
    weights = draw_weights(solution_of(truth, cluster), "all", b"key")
    part = ScoredRows(
        np.arange(400), 400, truth.astype(np.int32), ("0", "1", "2"), weights.grouping
    )
    task = make_scored_task(tmp_path / "t", [str(t) for t in truth])
    predictions = predict(task, [str(c) for c in codes])
    outcome = task.kind.outcome(part, predictions.answers)
    found = replicates(task.kind.metric("macro_f1"), outcome, weights.draws)
    for draw in range(5):
        rows = weights.draws[draw].astype(np.float64)[weights.grouping.group]
        expected = sk.f1_score(truth, codes, average="macro", sample_weight=rows)
        assert found[draw] == pytest.approx(expected, abs=1e-5)


def test_the_resolution_is_one_row_of_a_perfect_file(tmp_path: Path) -> None:
    labels = ["a"] * 6 + ["b"] * 4
    task = make_scored_task(tmp_path / "t", labels, metric="accuracy")
    score = score_predictions(task, predict(task, labels), "all")
    assert score.resolution == pytest.approx(0.1)
    assert score.diagnostics["smallest_gap"] == pytest.approx(0.6)


def test_a_class_that_no_team_can_meet_changes_no_ones_average(tmp_path: Path) -> None:
    labels = ["a", "b"] * 20
    few = make_scored_task(tmp_path / "few", labels)
    many = make_scored_task(tmp_path / "many", labels, classes=["a", "b", "c", "d"])
    guess = ["a"] * 40
    values = [score_predictions(task, predict(task, guess), "all") for task in (few, many)]
    assert values[0].primary.value == values[1].primary.value == pytest.approx(1 / 3)


def test_probabilities_bring_their_metrics(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(5), 200)
    truth = rng.integers(0, 5, 200)
    task = make_scored_task(tmp_path / "t", [str(t) for t in truth])
    score = score_predictions(task, predict(task, probabilities=p), "all")
    expected = {
        "accuracy": sk.accuracy_score(truth, p.argmax(axis=1)),
        "log_loss": sk.log_loss(truth, p),
        "top_3_accuracy": sk.top_k_accuracy_score(truth, p, k=3),
    }
    for name, value in expected.items():
        metric = score.metrics[name]
        assert metric.value == pytest.approx(value, abs=1e-12)
        assert metric.low is not None and metric.high is not None
        assert metric.low < value < metric.high
    assert score.metrics["ece"].low is None
    assert "too high" in (score.metrics["ece"].reason or "")


def test_few_classes_have_no_top_3(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["a", "b", "c"] * 20)
    score = score_predictions(task, predict(task, probabilities=np.full((60, 3), 1 / 3)), "all")
    assert score.metrics["top_3_accuracy"].value is None


def test_out_of_fold_predictions_score_on_public_data_alone(tmp_path: Path) -> None:
    train = {"label": ["a", "b"] * 30}
    task = make_scored_task(tmp_path / "t", ["a", "b"], metric="accuracy", train=train)
    for path in task.private.iterdir():
        path.unlink()
    task.private.rmdir()
    lines = [f"t{i:016x},{'a' if i % 3 else train['label'][i]}" for i in range(60)]
    file = tmp_path / "oof.csv"
    file.write_text("id,label\n" + "\n".join(lines) + "\n")
    score = score_on_train(task, file)
    # a is always right; of 30 b rows those at multiples of 3 (odd ones: 10) are right
    assert score.primary.value == pytest.approx(40 / 60)
    assert score.primary.low is not None
    assert (score.subset, score.replicates, score.weights_hash) == ("train", None, "")


def test_groups_that_the_public_cannot_know_are_named_beside_the_interval(tmp_path: Path) -> None:
    train = {"label": ["a", "b"] * 20}
    task = make_scored_task(tmp_path / "t", ["a", "b"], metric="accuracy", train=train)
    file = tmp_path / "oof.csv"
    file.write_text("id,label\n" + "".join(f"t{i:016x},a\n" for i in range(40)))
    assert score_on_train(task, file).notes == ()
    grouped = {**task.document, "split": {"by": "group", "group": "series"}}
    notes = score_on_train(replace(task, document=grouped), file).as_json()["notes"]
    assert notes == [
        "The groups (series) of the train rows are not public: the intervals take rows as "
        "independent and may be too narrow."
    ]
