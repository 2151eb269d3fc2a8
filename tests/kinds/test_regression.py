"""Regression agrees with scikit-learn and SciPy; scores, baselines and files of numbers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sk

from challenge.board.rules.ties import compare_with_first
from challenge.errors import SubmissionError
from challenge.kinds import kind_of
from challenge.kinds.estimates import MetricEstimate, estimate
from challenge.kinds.regression import METRICS
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.vector import Vector, spread
from challenge.scoring import (
    baseline_score,
    compare_predictions,
    content_digest,
    read_predictions,
    score_on_train,
    score_predictions,
    write_predictions,
)
from challenge.scoring.score import value_with_interval
from challenge.task import Task
from tests.scoring.scored import make_scored_task, predict

KIND = kind_of("regression")
MEAN = 4.0


def estimates_of(
    truth: np.ndarray,
    predicted: np.ndarray,
    cluster: np.ndarray | None = None,
    only: str | None = None,
) -> dict[str, MetricEstimate]:
    n = len(truth)
    clusters = (np.arange(n) if cluster is None else cluster).astype(np.int32)
    grouping = group_rows(clusters, clusters, b"key")
    rows = ScoredRows(np.arange(n), n, truth, (), grouping, trivial=lambda: MEAN)
    outcome = KIND.outcome(rows, Answers(numbers=predicted))
    return {
        metric.name: estimate(metric, outcome) for metric in METRICS if only in (None, metric.name)
    }


def drawn(n: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 2.0, n)
    return truth, truth + rng.normal(0.2, noise, n)


@pytest.mark.parametrize("offset", [0.0, 1e6, -300.0])
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("n", [5, 400, 401])
def test_metrics_agree_with_scikit_learn(offset: float, rounded: bool, n: int) -> None:
    truth, predicted = drawn(n)
    truth, predicted = truth + offset, predicted + offset
    if rounded:
        truth, predicted = truth.round(), predicted.round()
    mean = np.full(n, MEAN)
    expected = {
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "mae": sk.mean_absolute_error(truth, predicted),
        "median_absolute_error": sk.median_absolute_error(truth, predicted),
        "r2": sk.r2_score(truth, predicted),
        "spearman": spearmanr(truth, predicted).statistic,
        "skill": 1
        - sk.root_mean_squared_error(truth, predicted) / sk.root_mean_squared_error(truth, mean),
    }
    found = estimates_of(truth, predicted)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12, rel=1e-12), name


def test_undefined_figures_have_a_reason() -> None:
    truth = np.full(40, 2.0)
    found = estimates_of(truth, truth + np.arange(40))
    assert (found["r2"].value, found["r2"].reason) == (None, "the truth is constant: 0/0")
    assert found["spearman"].reason == "all ranks of the truth are equal: 0/0"
    constant = estimates_of(np.arange(40.0), truth)
    assert constant["spearman"].reason == "all ranks of the predictions are equal: 0/0"
    assert constant["r2"].value is not None and constant["r2"].value < 0.0
    same = estimates_of(np.full(40, MEAN), truth)
    assert same["skill"].reason == "every row here is the mean of train: 0/0"
    none = estimates_of(np.zeros(0), np.zeros(0))
    assert {one.reason for one in none.values()} == {"no row is scored here"}


def test_the_objects_say_what_boards_ask() -> None:
    metrics = KIND.metrics
    assert [name for name, one in metrics.items() if one.averaged] == ["skill"]
    assert KIND.default_metric == "skill" and KIND.primary_metrics == tuple(metrics)
    assert {name for name, one in metrics.items() if not one.higher_is_better} == {
        "rmse",
        "mae",
        "median_absolute_error",
    }
    assert not metrics["rmse"].within_unit and not metrics["skill"].within_unit
    assert metrics["rmse"].merit(1.0) > metrics["rmse"].merit(2.0)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(35, 300),
    noise=st.sampled_from([0.0, 1e-9, 0.1, 1.0, 30.0]),
    sign=st.sampled_from([1.0, -1.0]),
    clusters=st.sampled_from([0, 33]),
    seed=st.integers(0, 9_999),
)
def test_intervals_hold_their_value_within_the_bounds(
    n: int, noise: float, sign: float, clusters: int, seed: int
) -> None:
    truth, predicted = drawn(n, seed, noise)
    if noise == 0.0:
        predicted = truth
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, n) if clusters else None
    for name, one in estimates_of(truth, sign * predicted, cluster).items():
        value = value_with_interval(one)
        assert value.value is not None, name
        if value.low is None or value.high is None:
            assert value.reason
            continue
        low, high = one.metric.bounds
        assert low <= value.low <= value.value <= value.high <= high, name


@pytest.mark.parametrize("clusters", [0, 60])
@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_vectors_are_what_leaving_out_clusters_moves(name: str, clusters: int) -> None:
    truth, predicted = drawn(600, 1)
    rng = np.random.default_rng(2)
    cluster = rng.integers(0, clusters, 600) if clusters else np.arange(600)
    one = estimates_of(truth, predicted, cluster, name)[name]
    grouping, vector = one.outcome.rows.grouping, one.vector.clusters
    assert one.value is not None
    moved = []
    for group in range(grouping.n_groups):
        rest = one.metric.value(one.outcome.kept(grouping.group != group))
        assert isinstance(rest, float)
        moved.append(one.value - rest)
    if name == "median_absolute_error":
        # The density smooths what a median jumps; the signs and the whole spread agree.
        assert np.corrcoef(vector, moved)[0, 1] > 0.8
    else:
        scale = float(np.abs(moved).max())
        assert vector == pytest.approx(np.array(moved), abs=0.1 * scale)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_standard_errors_are_those_of_fresh_samples(name: str) -> None:
    values, errors = [], []
    for seed in range(150):
        one = estimates_of(*drawn(300, seed), only=name)[name]
        assert one.value is not None
        values.append(one.value)
        errors.append(spread(one.vector).error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def number_task(folder: Path, metric: str = "skill", n: int = 80) -> tuple[Task, np.ndarray]:
    truth, _ = drawn(n)
    train = {"label": [1.0, 2.0, 6.0]}
    subsets = ["private"] * (n // 2) + ["public"] * (n - n // 2 - 1) + ["void"]
    task = make_scored_task(
        folder, [*truth], kind="regression", metric=metric, train=train, subsets=subsets
    )
    return task, truth


@pytest.mark.parametrize("metric", KIND.primary_metrics)
def test_a_task_is_scored_from_its_file(tmp_path: Path, metric: str) -> None:
    task, truth = number_task(tmp_path / "t", metric)
    _, predicted = drawn(80)
    lines = [f"r{row:016x},{predicted[row]!r}" for row in reversed(range(80))]
    path = tmp_path / "p.csv"
    path.write_text(
        "\n".join(["id,label", *(line.replace("np.float64(", "") for line in lines)]).replace(
            ")", ""
        )
        + "\n"
    )
    predictions = read_predictions(task, path)
    assert (predictions.form, predictions.n) == ("numbers", 80)
    assert predictions.numbers == pytest.approx(predicted, abs=0)
    stored = tmp_path / "stored.parquet"
    write_predictions(predictions, task, stored)
    again = read_predictions(task, stored)
    assert content_digest(again, task) == content_digest(predictions, task)
    for _ in range(2):  # the second time from the prepared solution
        score = score_predictions(task, predictions, "all")
        assert score.n == 79
        expected = sk.root_mean_squared_error(truth[:79], predicted[:79])
        assert score.metrics["rmse"].value == pytest.approx(expected, abs=1e-12)
    of_mean = sk.root_mean_squared_error(truth[:79], np.full(79, 3.0))
    assert score.metrics["skill"].value == pytest.approx(1 - expected / of_mean, abs=1e-12)
    assert score.primary.low is not None and score.vector is not None
    baseline = baseline_score(task, "all").value
    assert baseline is not None
    value = score.primary.value
    assert value is not None
    assert KIND.metric(metric).merit(value) > KIND.metric(metric).merit(baseline)
    if metric == "rmse":
        assert baseline == pytest.approx(of_mean, abs=1e-12)
        assert 0.0 < score.resolution < baseline / 20


def test_two_submissions_are_compared_row_by_row(tmp_path: Path) -> None:
    task, truth = number_task(tmp_path / "t", "rmse")
    near, far = truth + 0.1, truth + np.where(np.arange(80) % 2, 3.0, -3.0)
    a, b = predict(task, numbers=near), predict(task, numbers=far, sha256="e" * 64)
    found = compare_predictions(task, a, b, "private")
    assert found.primary.value is not None and found.primary.value < 0.0
    assert (found.outcomes.wins, found.outcomes.losses) == (40, 0)
    assert "a alone nearer 40" in "\n".join(found.lines())


def test_train_is_scored_on_public_data(tmp_path: Path) -> None:
    task, _ = number_task(tmp_path / "t")
    path = tmp_path / "p.csv"
    path.write_text("id,label\n" + "".join(f"t{i:016x},{i + 1}\n" for i in range(3)))
    score = score_on_train(task, path)
    expected = 1 - np.sqrt((0 + 0 + 9) / 3) / np.sqrt((4 + 1 + 9) / 3)
    assert score.primary.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("value", "code"),
    [("", "number-empty"), ("nan", "number-nan"), ("inf", "number-infinite"),
     ("-inf", "number-infinite"), ("1e999", "number-overflow"), ("1,5", "number-comma"),
     ("high", "number-text"), ("50%", "number-percent")],
)  # fmt: skip
def test_a_number_that_is_none_is_a_fault(
    tmp_path: Path, value: str, code: str, ending: str
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    task, _ = number_task(tmp_path / "t")
    path = tmp_path / f"p{ending}"
    if ending == ".csv":
        rows = [f'r{row:016x},"{value if row == 7 else row}"' for row in range(80)]
        path.write_text("\n".join(["id,label", *rows]) + "\n")
    elif code in ("number-nan", "number-infinite", "number-empty"):
        numbers = [(float(value) if value else None) if row == 7 else row for row in range(80)]
        ids = [f"r{row:016x}" for row in range(80)]
        pq.write_table(pa.table({"id": ids, "label": pa.array(numbers, pa.float64())}), path)
    else:
        return
    with pytest.raises(SubmissionError) as error:
        read_predictions(task, path)
    assert [one.code for one in error.value.faults] == [code]
    assert error.value.faults[0].n == 1


def test_columns_of_other_kinds_are_named(tmp_path: Path) -> None:
    task, _ = number_task(tmp_path / "t")
    path = tmp_path / "p.csv"
    path.write_text("id,score\n" + "".join(f"r{row:016x},0.5\n" for row in range(80)))
    with pytest.raises(SubmissionError) as error:
        read_predictions(task, path)
    assert {one.code for one in error.value.faults} == {"column-kind", "column-missing"}


def test_no_warning_reaches_the_user(tmp_path: Path) -> None:
    task, truth = number_task(tmp_path / "t")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score_predictions(task, predict(task, numbers=np.full(80, 1.0)), "all")
        score_predictions(task, predict(task, numbers=truth), "all")


def test_a_value_that_no_row_moves_has_no_interval_and_is_compared_all_the_same(
    tmp_path: Path,
) -> None:
    truth, predicted = drawn(200)
    labels = {"label": [4.0] * 20}
    task = make_scored_task(
        tmp_path / "t", truth.tolist(), kind="regression", metric="skill", train=labels
    )
    of_mean = score_predictions(task, predict(task, numbers=np.full(200, 4.0)), "all")
    of_model = score_predictions(task, predict(task, numbers=predicted), "all")
    assert (of_mean.primary.value, of_mean.primary.low) == (0.0, None)
    assert of_mean.diagnostics["clear_gap"] is None
    assert of_mean.vector is not None and not of_mean.vector.clusters.any()
    assert of_model.vector is not None and of_model.primary.value is not None
    both = compare_with_first(
        np.array([of_model.primary.value, 0.0]),
        Vector(np.stack([of_model.vector.clusters, of_mean.vector.clusters]), np.zeros((2, 0))),
    )
    assert both.tied_first.tolist() == [True, False]
    assert both.rank_high.tolist() == [1, 2]
    difference = compare_predictions(
        task,
        predict(task, numbers=predicted),
        predict(task, numbers=np.full(200, 4.0), sha256="0" * 64),
        "all",
    ).differences["skill"]
    assert difference.low is not None and 0 < difference.low < of_model.primary.value
    few = make_scored_task(
        tmp_path / "few", truth[:5].tolist(), kind="regression", metric="skill", train=labels
    )
    assert score_predictions(few, predict(few, numbers=predicted[:5]), "all").vector is None
