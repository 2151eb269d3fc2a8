"""Matching: replicates against weights multiplied out row by row, edges, entities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from challenge.kinds.estimates import replicates
from challenge.kinds.scored_rows import ScoredRows
from challenge.scoring import score_predictions
from challenge.scoring.statistics.block_weights import draw_weights
from tests.scoring.scored import make_scored_task, predict, solution_of


def drawn(n: int = 300, entities: int = 40) -> tuple[ScoredRows, np.ndarray, np.ndarray]:
    """Return pairs of entities, half of them inside one, with scores and draws."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n)
    left, right = rng.integers(0, entities, (2, n))
    right = np.where(truth == 1, left, right)
    weights = draw_weights(solution_of(truth, left, right), "all", b"key")
    part = ScoredRows(np.arange(n), n, truth.astype(np.int32), ("0", "1"), weights.grouping)
    scores = np.clip(np.round(0.3 + 0.3 * truth + rng.normal(0, 0.2, n), 2), 0, 1)
    return part, scores, weights.draws


@pytest.mark.parametrize("metric", ["f1", "average_precision", "roc_auc"])
def test_replicates_are_the_metric_with_products_of_weights(tmp_path: Path, metric: str) -> None:
    part, scores, draws = drawn()
    task = make_scored_task(tmp_path / "t", [str(t) for t in part.labels], kind="matching")
    outcome = task.kind.outcome(part, predict(task, scores=scores).answers)
    found = replicates(task.kind.metric(metric), outcome, draws)
    grouping = part.grouping
    assert len(grouping.crossing) > 50
    for draw in range(5):
        weight = draws[draw].astype(np.float64)
        rows = weight[grouping.group] * np.where(
            grouping.group == grouping.other, 1.0, weight[grouping.other]
        )
        if metric == "f1":
            expected = sk.f1_score(part.labels, scores >= 0.5, sample_weight=rows)
        elif metric == "roc_auc":
            expected = sk.roc_auc_score(part.labels, scores, sample_weight=rows)
        else:
            expected = sk.average_precision_score(part.labels, scores, sample_weight=rows)
        assert found[draw] == pytest.approx(expected, abs=1e-5)


def test_perfect_pairs_have_an_exact_end_and_no_point(tmp_path: Path) -> None:
    labels = ["1", "0"] * 40
    task = make_scored_task(tmp_path / "t", labels, kind="matching")
    score = score_predictions(task, predict(task, scores=[float(w) for w in labels]), "all")
    # 40 hits and no error: s >= .025 ** (1/40), F1 = 2s / (1 + s)
    share = 0.025 ** (1 / 40)
    assert (score.primary.value, score.primary.high) == (1.0, 1.0)
    assert score.primary.low == pytest.approx(2 * share / (1 + share), abs=1e-12)
    for name in ("precision", "recall", "average_precision", "roc_auc"):
        assert score.metrics[name].value == score.metrics[name].high == 1.0
        assert score.metrics[name].low == pytest.approx(share, abs=1e-12)
    loss = score.metrics["log_loss"]
    assert (loss.value, loss.low) == (0.0, 0.0)
    assert loss.high == pytest.approx(36.0437 * (1 - 0.025 ** (1 / 80)), abs=1e-3)


def test_only_wrong_pairs_have_0_and_an_exact_end(tmp_path: Path) -> None:
    labels = ["1", "0"] * 40
    task = make_scored_task(tmp_path / "t", labels, kind="matching")
    score = score_predictions(task, predict(task, labels[1:] + labels[:1]), "all")
    # 80 errors: s <= 1 - .025 ** (1/80)
    share = 1 - 0.025 ** (1 / 80)
    assert (score.primary.value, score.primary.low) == (0.0, 0.0)
    assert score.primary.high == pytest.approx(2 * share / (1 + share), abs=1e-12)


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
