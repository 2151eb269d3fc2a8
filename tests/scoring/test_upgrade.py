"""Negative flips: counts by hand, the sources' definitions, intervals that hold, and where."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from challenge.kinds.scored_rows import ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.scoring import compare_predictions
from challenge.scoring.statistics.upgrade import Upgrade, negative_flip_rates, upgrade_of
from tests.scoring.scored import make_scored_task, predict


def rates(old: np.ndarray, new: np.ndarray, size: int = 1) -> Upgrade:
    """Return the upgrade of rows in clusters of one size."""
    n = len(old)
    cluster = (np.arange(n) // size).astype(np.int32)
    grouping = group_rows(cluster, cluster, b"flips")
    labels = np.zeros(n, np.int32)
    return upgrade_of(ScoredRows(np.arange(n), n, labels, ("a", "b"), grouping), old, new)


def values(found: Upgrade) -> dict[str, float | None]:
    return {one.name: one.value for one in found.rates}


def test_rates_worked_out_by_hand() -> None:
    # 100 rows: 60 right in both, 15 only in the old one, 20 only in the new one, 5 in neither.
    old = np.repeat([True, True, False, False], [60, 15, 20, 5])
    new = np.repeat([True, False, True, False], [60, 15, 20, 5])
    found = rates(old, new)
    assert (found.n_negative, found.n_positive) == (15, 20)
    assert values(found) == {
        "negative_flip_rate": 0.15,
        "positive_flip_rate": 0.2,
        # Errors are .25 before and .2 now.
        "relative_nfr": pytest.approx(0.15 / (0.75 * 0.2)),
        "backward_trust": 60 / 75,
        "error_compatibility": 5 / 20,
    }
    for one in found.rates:
        assert one.low is not None and one.high is not None and one.value is not None
        assert one.low < one.value < one.high


@pytest.mark.parametrize(("size", "step"), [(1, 0), (5, 0), (40, 0), (5, 1), (200, 0)])
def test_several_pairs_at_once_have_the_rates_of_each(size: int, step: int) -> None:
    # With a step each row is a pair of two entities, and lies across two clusters.
    rng = np.random.default_rng(2)
    n, cluster = 1000, (np.arange(1000) // size).astype(np.int32)
    other = ((cluster + step * (1 + np.arange(n) % 7)) % (n // size)).astype(np.int32)
    labels, grouping = np.zeros(n, np.int32), group_rows(cluster, other, b"flips")
    assert bool(len(grouping.crossing)) is bool(step)
    part = ScoredRows(np.arange(n), n, labels, ("a", "b"), grouping)
    old, new = (rng.random((6, n)) < share for share in (0.8, 0.85))
    new[0], old[1], new[1] = old[0], True, False
    together = negative_flip_rates(part, old & ~new)
    for one, a, b in zip(together, old, new, strict=True):
        alone = upgrade_of(part, a, b).rates[0]
        assert (one.name, one.title, one.value, one.reason) == (
            *(alone.name, alone.title, alone.value, alone.reason),
        )
        assert (one.low, one.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
    # Pages hold the figures whole: they must not depend on which pairs came together.
    assert [
        negative_flip_rates(part, (a & ~b)[None])[0] for a, b in zip(old, new, strict=True)
    ] == (together)


def test_errors_that_know_nothing_of_each_other_have_a_relative_rate_of_one() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.random(200_000) < 0.7, rng.random(200_000) < 0.8
    assert values(rates(old, new))["relative_nfr"] == pytest.approx(1.0, abs=0.02)


def test_the_same_file_flips_nothing_and_has_no_width_below_zero() -> None:
    old = np.random.default_rng(1).random(400) < 0.7
    found = rates(old, old)
    assert (found.n_negative, found.n_positive) == (0, 0)
    negative = found.rates[0]
    assert negative.low == 0.0
    assert negative.high == pytest.approx(3.84 / (400 + 3.84), rel=0.01)
    assert values(found)["backward_trust"] == 1.0
    assert values(found)["relative_nfr"] == 0.0
    assert found.rates[2].reason == "no interval: no row changes this value"


def test_what_cannot_be_said_is_undefined() -> None:
    right, wrong = np.ones(50, np.bool_), np.zeros(50, np.bool_)
    found = {one.name: one for one in rates(wrong, right).rates}
    assert found["backward_trust"].value is None
    assert found["backward_trust"].reason == "no row was right before"
    assert found["error_compatibility"].reason == "no row is wrong now"
    assert found["relative_nfr"].value is None
    assert "undefined" in found["relative_nfr"].line()


@pytest.mark.parametrize("size", [1, 4])
def test_intervals_hold_the_rate_of_the_population(size: int) -> None:
    rng = np.random.default_rng(size)
    n, n_sets, n_held = 600, 300, {}
    drawn = []
    for _ in range(n_sets):
        pull = np.repeat(rng.normal(0, 0.6, n // size), size)
        old, new = (pull + rng.normal(size=n) < limit for limit in (0.8, 1.1))
        drawn.append({one.name: one for one in rates(old, new, size).rates})
    for name in drawn[0]:
        truth = np.mean([one[name].value for one in drawn])
        ends = np.array([(one[name].low, one[name].high) for one in drawn])
        n_held[name] = int(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).sum())
    assert all(0.91 * n_sets <= n <= 0.99 * n_sets for n in n_held.values()), n_held


def test_a_comparison_tells_what_the_second_one_changes(tmp_path: Path) -> None:
    labels = [*"ab"] * 60
    task = make_scored_task(tmp_path / "t", labels, metric="accuracy")
    old = predict(task, [word if i % 4 else "b" for i, word in enumerate(labels)])
    new = predict(task, [word if i % 6 else "b" for i, word in enumerate(labels)], sha256="e" * 64)
    found = compare_predictions(task, old, new, "all")
    assert found.upgrade is not None
    assert (found.upgrade.n_negative, found.upgrade.n_positive) == (10, 20)
    assert (found.outcomes.wins, found.outcomes.losses) == (10, 20)
    assert found.as_json()["upgrade"]["negative"] == 10
    json.dumps(found.as_json(), allow_nan=False)
    back = compare_predictions(task, new, old, "all")
    assert [name for name, _ in back.worst_slices()] == ["a"]
    assert found.worst_slices() == []
