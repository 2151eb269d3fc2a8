"""Matching: vectors against entities left out, ends of the range, entities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from challenge.kinds.estimates import estimate
from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring import score_predictions
from tests.scoring.scored import make_scored_task, predict

SQUARED = 1.959963984540054**2


def drawn(n: int = 300, entities: int = 40) -> tuple[ScoredRows, np.ndarray]:
    """Return pairs of entities, half of them inside one, with scores."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n)
    left, right = rng.integers(0, entities, (2, n)).astype(np.int32)
    right = np.where(truth == 1, left, right)
    part = ScoredRows(
        np.arange(n), n, truth.astype(np.int32), ("0", "1"), group_rows(left, right, b"key")
    )
    return part, np.clip(np.round(0.3 + 0.3 * truth + rng.normal(0, 0.2, n), 2), 0, 1)


@pytest.mark.parametrize("metric", ["f1", "average_precision", "roc_auc"])
def test_the_vector_is_what_is_lost_without_each_entity(tmp_path: Path, metric: str) -> None:
    part, scores = drawn()
    task = make_scored_task(tmp_path / "t", [str(t) for t in part.labels], kind="matching")
    outcome = task.kind.outcome(part, predict(task, scores=scores).answers)
    found = estimate(task.kind.metric(metric), outcome)
    grouping = part.grouping
    assert grouping.n_groups == 40 and len(grouping.crossing) > 50
    assert len(found.vector.couples) == len(grouping.cell_left)
    for entity in range(40):
        rest = (grouping.group != entity) & (grouping.other != entity)
        truth, kept = part.labels[rest], scores[rest]
        if metric == "f1":
            without = sk.f1_score(truth, kept >= 0.5)
        elif metric == "roc_auc":
            without = sk.roc_auc_score(truth, kept)
        else:
            without = sk.average_precision_score(truth, kept)
        assert found.vector.clusters[entity] == pytest.approx(found.value - without, abs=1e-12)


def test_enough_components_of_entities_are_the_clusters() -> None:
    # 20 components of three entities each, joined in a chain
    first = np.arange(20, dtype=np.int32) * 3
    left, right = np.concatenate((first, first + 1)), np.concatenate((first + 1, first + 2))
    found = group_rows(left, right, b"key")
    assert (found.n_clusters, found.n_groups, len(found.crossing)) == (20, 20, 0)
    assert found.effective_clusters == pytest.approx(20.0)
    assert found.cluster is left and found.second is right
    few = left < 33
    assert group_rows(left[few], right[few], b"key").n_clusters == 33


def test_perfect_pairs_have_the_end_of_wilson_and_no_point(tmp_path: Path) -> None:
    labels = ["1", "0"] * 40
    task = make_scored_task(tmp_path / "t", labels, kind="matching")
    score = score_predictions(task, predict(task, scores=[float(w) for w in labels]), "all")
    # 40 matches: Wilson's end for 40 rows, all right
    share = 1 / (1 + SQUARED / 40)
    assert (score.primary.value, score.primary.high) == (1.0, 1.0)
    for name in ("f1", "precision", "recall", "average_precision", "roc_auc"):
        assert score.metrics[name].value == score.metrics[name].high == 1.0
        assert score.metrics[name].low == pytest.approx(share, abs=1e-12)
    loss = score.metrics["log_loss"]
    assert (loss.value, loss.low) == (0.0, 0.0)
    ratio = SQUARED / 80
    assert loss.high == pytest.approx(36.0437 * ratio / (1 + ratio), abs=1e-3)


def test_only_wrong_pairs_have_0_and_the_end_of_wilson(tmp_path: Path) -> None:
    labels = ["1", "0"] * 40
    task = make_scored_task(tmp_path / "t", labels, kind="matching")
    score = score_predictions(task, predict(task, labels[1:] + labels[:1]), "all")
    # 80 errors: Wilson's end for 80 rows, none right
    assert (score.primary.value, score.primary.low) == (0.0, 0.0)
    assert score.primary.high == pytest.approx(SQUARED / 80 / (1 + SQUARED / 80), abs=1e-12)


def test_no_predicted_match_has_f1_0_and_no_precision(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["1", "0"] * 40, kind="matching")
    score = score_predictions(task, predict(task, ["0"] * 80), "all")
    assert score.primary.value == 0.0
    assert score.metrics["precision"].value is None
    assert score.metrics["precision"].reason == "nothing is predicted as a match: 0/0"


def test_one_score_for_all_pairs_says_that_nothing_moves(tmp_path: Path) -> None:
    task = make_scored_task(
        tmp_path / "t", ["1", "0", "0", "0"] * 20, kind="matching", metric="roc_auc"
    )
    score = score_predictions(task, predict(task, scores=[0.7] * 80), "all")
    assert score.primary.value == 0.5
    assert score.primary.reason == "no interval: no row changes this value"
    assert score.vector is not None and not score.vector.clusters.any()
    assert score.metrics["average_precision"].value == pytest.approx(0.25)


def test_no_match_in_a_half_is_undefined_and_says_so(tmp_path: Path) -> None:
    task = make_scored_task(tmp_path / "t", ["0"] * 40, kind="matching")
    score = score_predictions(task, predict(task, scores=np.linspace(0, 1, 40)), "all")
    for name in ("f1", "recall", "average_precision"):
        assert score.metrics[name].value is None
        assert score.metrics[name].reason == "no pair here is a match"
    assert score.metrics["roc_auc"].reason == "all pairs here are of one class"
    assert score.as_json()["resolution"] is None


def test_a_half_without_rows_is_undefined(tmp_path: Path) -> None:
    for kind, labels in (("matching", ["0", "1"]), ("classification", ["a", "b"])):
        task = make_scored_task(tmp_path / kind, labels, kind=kind)
        score = score_predictions(task, predict(task, labels), "public")
        assert (score.n, score.n_clusters, score.primary.value) == (0, 0, None)
        assert score.primary.reason == "no row is scored here"


def test_entities_worked_out_by_hand(tmp_path: Path) -> None:
    # records a b c of one entity, d e of another; predicted a = b, b = c, but not a = c; d != e
    test = {"left_id": ["a", "b", "a", "d", "c"], "right_id": ["b", "c", "c", "e", "d"]}
    train = {"left_id": ["a"], "right_id": ["b"], "label": ["1"]}
    task = make_scored_task(
        tmp_path / "t",
        ["1", "1", "1", "1", "0"],
        kind="matching",
        cluster=[0, 0, 0, 1, 0],
        other=[0, 0, 0, 1, 1],
        test=test,
        train=train,
    )
    score = score_predictions(task, predict(task, ["1", "1", "0", "0", "0"]), "all")
    found = score.diagnostics
    assert found["intransitive_share"] == pytest.approx(1 / 3)
    assert found["b_cubed_precision"] == 1.0
    # a b c whole, d and e halves: (3 + 2 · 1/2) / 5
    assert found["b_cubed_recall"] == pytest.approx(0.8)
    assert found["n_positive_clusters"] == 2
    # both seen: a = b right; one: b = c right, a = c missed; none: d = e missed, c and d differ
    assert found["f1_seen"] == 1.0
    assert found["f1_unseen"] == 0.0
    assert found["f1_half_seen"] == pytest.approx(2 / 3)
