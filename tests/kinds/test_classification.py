"""Classification: vectors against rows left out, resolution, train scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from challenge.kinds import kind_of
from challenge.kinds.estimates import estimate
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring import score_on_train, score_predictions
from tests.scoring.scored import make_scored_task, predict


def drawn(k: int = 4, n: int = 400, clusters: int = 60) -> tuple[ScoredRows, np.ndarray]:
    """Return rows of clusters of unequal sizes, and codes of which two thirds are right."""
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, k, (2, n)).astype(np.int32)
    cluster = np.sort((rng.random(n) ** 2 * clusters).astype(np.int32))
    grouping = group_rows(cluster, cluster, b"key")
    rows = ScoredRows(np.arange(n), n, truth, tuple(map(str, range(k))), grouping)
    return rows, np.where(rng.random(n) < 0.6, truth, guess).astype(np.int32)


@pytest.mark.parametrize("name", ["weighted_f1", "mcc"])
def test_other_metrics_are_computed_again_without_each_cluster(name: str) -> None:
    rows, codes = drawn()
    kind = kind_of("classification")
    found = estimate(kind.metric(name), kind.outcome(rows, Answers(codes)))
    for cluster in range(rows.grouping.n_groups):
        rest = rows.grouping.group != cluster
        if name == "mcc":
            without = sk.matthews_corrcoef(rows.labels[rest], codes[rest])
        else:
            without = sk.f1_score(rows.labels[rest], codes[rest], average="weighted")
        assert found.vector.clusters[cluster] == pytest.approx(found.value - without, abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_means_of_ratios_follow_the_formula(name: str) -> None:
    """d_g = sum of w (x - t y) / max(Y - y, Y / 2), t = (X + value) / (Y + 1); one ratio: X / Y."""
    rows, codes = drawn()
    kind = kind_of("classification")
    found = estimate(kind.metric(name), kind.outcome(rows, Answers(codes)))
    assert found.value is not None
    classes = range(1 if name == "accuracy" else 4)
    expected = np.zeros(rows.grouping.n_groups)
    for label in classes:
        hit = (rows.labels == codes) & ((rows.labels == label) | (name == "accuracy"))
        true, said = rows.labels == label, codes == label
        above, below = {
            "accuracy": (hit * 1.0, np.ones(rows.n)),
            "balanced_accuracy": (hit * 1.0, true * 1.0),
            "macro_f1": (2.0 * hit, true * 1.0 + said),
        }[name]
        whole = above.sum(), below.sum()
        share = (whole[0] + found.value) / (whole[1] + 1.0)
        if name == "accuracy":
            share = whole[0] / whole[1]
        for cluster in range(len(expected)):
            here = rows.grouping.group == cluster
            x, y = above[here].sum(), below[here].sum()
            lost = (x - share * y) / max(whole[1] - y, whole[1] / 2)
            expected[cluster] += lost / len(classes)
    assert found.vector.clusters == pytest.approx(expected, abs=1e-14)


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
    assert (score.subset, score.solution_digest) == ("train", "")


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
