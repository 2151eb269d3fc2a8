"""Policies judged offline: agreement with `obp`, reliability, intervals, files and the log."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.policies import covered, log_of, outcome_of, policies_of
from challenge.errors import SubmissionError
from challenge.kinds import kind_of
from challenge.kinds.bandit import KIND
from challenge.kinds.estimates import estimate, estimates
from challenge.kinds.metrics.policy_values import METRICS, PolicyOutcome
from challenge.scoring import (
    baseline_score,
    compare_predictions,
    confusion_counts,
    read_predictions,
    score_on_train,
    score_predictions,
)
from challenge.scoring.statistics.comparison import paired_difference
from challenge.task import Task, read_task
from tests.toy import build_toy

FROZEN: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "frozen_obp.json").read_text()
)
COPIES = 40
"""Means do not change when each row is there 40 times, and 30 rows become reliable."""


def frozen_outcome(case: dict[str, Any]) -> PolicyOutcome:
    arms, policy = np.tile(case["arms"], COPIES), np.tile(case["policy"], (COPIES, 1))
    log = np.column_stack([np.tile(case["propensities"], COPIES), np.tile(case["rewards"], COPIES)])
    expected = np.tile(case["expected"], (COPIES, 1))
    return outcome_of(arms, log, policy, expected)


@pytest.mark.parametrize("name", FROZEN)
def test_estimates_agree_with_obp(name: str) -> None:
    found = estimates(METRICS, frozen_outcome(FROZEN[name]))
    expected = dict(FROZEN[name]["figures"])
    replay = expected.pop("replay", None)
    assert set(expected) == set(found)
    for metric, value in expected.items():
        assert found[metric].value == pytest.approx(value, abs=1e-12, rel=0), metric
    if replay is not None:
        assert found["snips"].value == pytest.approx(replay, abs=1e-12, rel=0)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2_000, 4_000), arms=st.integers(2, 9), seed=st.integers(0, 9_999))
def test_snips_is_the_replay_estimator_of_one_arm_a_row_on_uniform_logs(
    n: int, arms: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    shown, chosen = random.integers(0, arms, n), random.integers(0, arms, n)
    rewards = random.random(n)
    log = np.column_stack([np.full(n, 1.0 / arms), rewards])
    outcome = outcome_of(shown, log, np.eye(arms)[chosen], np.zeros((n, arms)))
    match = shown == chosen
    assert estimate(METRICS[0], outcome).value == math.fsum(rewards[match]) / match.sum()
    assert outcome.effective_sample_size == match.sum()


def test_an_estimate_that_few_rows_carry_is_called_unreliable() -> None:
    n = 2_000
    random = np.random.default_rng(0)
    shown, rewards = random.integers(0, 2, n), random.random(n)
    rare = np.where(np.arange(n) < 10, 1e-3, 0.5)
    for propensity, texts in (
        (np.full(n, 0.5), None),
        (rare, ("effective sample size", "largest weight 1000, at most 50 allowed", "SNIPS 0.")),
    ):
        log = np.column_stack([propensity, rewards])
        outcome = outcome_of(shown, log, np.eye(2)[shown], np.zeros((n, 2)))
        found = estimate(METRICS[0], outcome)
        if texts is None:
            assert found.value is not None
            continue
        assert found.value is None and found.reason is not None
        assert found.reason.startswith("unreliable: ")
        assert all(text in found.reason for text in texts)
        # The other estimates are shown with their intervals.
        assert estimate(METRICS[1], outcome).value is not None
    log = np.column_stack([np.full(n, 0.5), rewards])
    nowhere = outcome_of(shown, log, np.eye(2)[1 - shown], np.zeros((n, 2)))
    none = estimate(METRICS[0], nowhere)
    assert none.value is None and "no row of the log has an arm of the policy" in str(none.reason)
    assert estimate(METRICS[1], nowhere).value == 0.0


@pytest.mark.parametrize(("uniform", "deterministic"), [(True, True), (False, False)])
def test_intervals_cover_the_true_value(uniform: bool, deterministic: bool) -> None:
    # 200 logs: four standard errors to either side of 95 %; `benchmarks.policies` has 2,000.
    for name, share in covered(uniform, deterministic, n=1_500, times=200, seed=3).items():
        if name != "dm":
            assert 0.888 <= share <= 0.995, name


def test_with_shuffled_rewards_no_policy_is_distinguished_from_another() -> None:
    random = np.random.default_rng(8)
    apart = total = 0
    for _ in range(40):
        arms, log, contexts = log_of(1_200, uniform=False, random=random)
        log = np.column_stack([log[:, 0], random.permutation(log[:, 1])])
        found = [
            estimate(METRICS[0], outcome_of(arms, log, policy, np.zeros(policy.shape)))
            for policy in policies_of(contexts)
        ]
        for index, one in enumerate(found):
            for other in found[index + 1 :]:
                difference = paired_difference(one, other)
                apart, total = apart + difference.excludes_zero, total + 1
    # One in twenty intervals misses 0; those of one log are not independent.
    assert total == 120 and apart <= 0.1 * total


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("bandit"), "bandit", 3_000)


def write(task: Task, path: Path, **columns: object) -> Path:
    ids = pd.read_parquet(task.public / "test.parquet").id
    pd.DataFrame({"id": ids, **columns}).to_csv(path, index=False)
    return path


def even(task: Task) -> dict[str, object]:
    return dict.fromkeys(task.classes, 1 / 3)


def test_the_test_log_hides_what_was_shown_and_what_it_earned(task: Task) -> None:
    train, test = (pq.read_table(task.public / f"{name}.parquet") for name in ("train", "test"))
    hidden = {"propensity", "reward", "label"}
    assert hidden <= set(train.column_names) and not hidden & set(test.column_names)
    assert train.schema.field("reward").type == pa.float64()
    solution = pq.read_table(task.private / "solution.parquet")
    assert hidden <= set(solution.column_names)
    assert "uniform" in " ".join(task.document["notes"])


def test_files_of_arms_and_of_probabilities_are_scored(task: Task, tmp_path: Path) -> None:
    even_file = read_predictions(task, write(task, tmp_path / "even.csv", **even(task)))
    one_file = read_predictions(task, write(task, tmp_path / "one.csv", label="arm 1"))
    score = score_predictions(task, even_file, "all")
    logged = pq.read_table(task.private / "solution.parquet")["reward"].to_numpy().mean()
    # The uniform policy is the one that made the log.
    assert score.primary.value == pytest.approx(logged, abs=1e-12)
    assert baseline_score(task, "all").value == pytest.approx(logged, abs=1e-12)
    assert score.diagnostics["n_effective_sample_size"] == pytest.approx(task.n_test)
    one = score_predictions(task, one_file, "all")
    assert one.primary.low is not None and one.diagnostics["largest_weight"] == 3.0
    for metric in one.metrics.values():
        assert metric.value is not None and metric.low is not None and metric.high is not None
    comparison = compare_predictions(task, even_file, one_file, "all")
    assert comparison.primary.low is not None and comparison.upgrade is None
    # The arm that was shown is no slice: its rows would be known.
    assert "class" not in {kind for kind, _, _ in comparison.slices}
    assert len(confusion_counts(task, one_file, "all")) == 0


def test_faults_name_arms(task: Task, tmp_path: Path) -> None:
    cases: tuple[tuple[dict[str, object], str], ...] = (
        ({"label": "arm 9"}, "one of the 3 arms of the task"),
        (dict.fromkeys(task.classes, 0.2), "divide each row by its sum"),
        ({"arm 0": 0.5, "arm 1": 0.5}, "one probability column per arm"),
        ({"guess": 1}, "one column per arm"),
        ({"label": "arm 1", "score": 0.3}, "for matching"),
    )
    for columns, text in cases:
        with pytest.raises(SubmissionError) as caught:
            read_predictions(task, write(task, tmp_path / "bad.csv", **columns))
        assert text in str(caught.value)


def test_out_of_fold_policies_are_scored_on_train(task: Task, tmp_path: Path) -> None:
    ids = pd.read_parquet(task.public / "train.parquet").id
    pd.DataFrame({"id": ids, **even(task)}).to_csv(tmp_path / "train.csv", index=False)
    score = score_on_train(task, tmp_path / "train.csv")
    assert all(metric.low is not None for metric in score.metrics.values())


def test_the_reward_model_knows_nothing_of_the_hidden_log(task: Task, tmp_path: Path) -> None:
    from challenge.scoring.reward_model import expected_rewards

    before = expected_rewards(task, "test")
    path = task.private / "solution.parquet"
    content = path.read_bytes()
    try:
        path.write_bytes(b"")
        expected_rewards.cache_clear()
        assert (expected_rewards(read_task(task.public), "test") == before).all()
    finally:
        path.write_bytes(content)
    assert before.shape == (task.n_test, 3) and before.min() >= 0.0 and before.max() <= 1.0
    # It found which arm is right: the words of a row say so.
    assert before.max(axis=1).mean() > before.mean() + 0.1


def test_the_objects_say_what_boards_ask() -> None:
    assert kind_of("bandit") is KIND and KIND.has_classes and not KIND.has_right_answers
    assert KIND.primary_metrics == ("snips",) and KIND.metric("snips").averaged
    assert [metric.title for metric in METRICS] == ["SNIPS", "IPS", "DR", "DM"]
