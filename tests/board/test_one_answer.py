"""Comparison, matrix, boards, tied group and prizes give one answer to "is A better than B?"."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.board.rules.prizes import award
from challenge.board.rules.swap import swaps_of
from challenge.board.rules.ties import compare_with_first, stacked
from challenge.kinds import kind_of
from challenge.kinds.estimates import MetricEstimate, estimate
from challenge.kinds.scored_rows import Answers, ScoredRows
from challenge.kinds.statistics.grouping import group_rows
from challenge.kinds.statistics.vector import Vector
from challenge.ledger.submissions.ladder import outward, round_to_step
from challenge.scoring.score import value_with_interval
from challenge.scoring.statistics.comparison import paired_difference

METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "kappa"),
    "matching": ("f1", "precision", "recall", "average_precision", "roc_auc", "log_loss"),
}

FIELDS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**20),
        "kind": st.sampled_from(sorted(METRICS)),
        "metric": st.integers(0, 5),
        "k": st.integers(2, 6),
        "n": st.integers(20, 120),
        "n_clusters": st.sampled_from([4, 15, 40, 1_000]),
        "couples": st.booleans(),
        "right": st.sampled_from([0.5, 0.8, 0.97, 1.0]),
        "n_teams": st.integers(2, 6),
    }
)


def field(
    seed: int,
    kind: str,
    metric: int,
    k: int,
    n: int,
    n_clusters: int,
    couples: bool,
    right: float,
    n_teams: int,
) -> list[MetricEstimate]:
    """Return a metric of several teams on one test set, those that are defined, the best first."""
    rng = np.random.default_rng(seed)
    paired = kind == "matching"
    k = 2 if paired else k
    cluster = rng.integers(0, n_clusters, n).astype(np.int32)
    other = rng.integers(0, n_clusters, n).astype(np.int32) if paired and couples else cluster
    labels = rng.integers(0, k, n).astype(np.int32)
    rows = ScoredRows(
        np.arange(n), n, labels, tuple(map(str, range(k))), group_rows(cluster, other, b"key")
    )
    found = []
    for team in range(n_teams):
        hit = rng.random(n) < right - 0.05 * team
        codes = np.where(hit, labels, (labels + 1) % k).astype(np.int32)
        scores = np.clip(np.where(codes == 1, 0.7, 0.3) + rng.normal(0, 0.1, n), 0.0, 1.0)
        answers = Answers(codes, scores=scores if paired else None)
        outcome = kind_of(kind).outcome(rows, answers)
        found.append(estimate(kind_of(kind).metric(METRICS[kind][metric]), outcome))
    known = [one for one in found if one.value is not None]
    return sorted(known, key=lambda one: -one.metric.merit(float(one.value or 0.0)))


def vector_of(one: MetricEstimate) -> Vector | None:
    """Return the vector as the ledger stores it: none without an interval."""
    if value_with_interval(one).low is None:
        return None
    return one.vector * one.metric.merit(1.0)


def merits_of(teams: list[MetricEstimate]) -> np.ndarray:
    return np.array([one.metric.merit(float(one.value or 0.0)) for one in teams])


@settings(deadline=None, max_examples=60)
@given(FIELDS)
def test_of_two_teams_all_say_the_same(values: dict[str, object]) -> None:
    teams = field(**values)  # type: ignore[arg-type]
    for a, b in combinations(teams, 2):
        found = paired_difference(a, b)
        merits, vectors = merits_of([a, b]), stacked([vector_of(a), vector_of(b)])
        ties = compare_with_first(merits, vectors)
        (swap, _) = swaps_of(
            [(1, "A", "a"), (2, "B", "b")], merits[:, None], [vectors], ["t"], [0.0]
        )
        shares = award(merits, vectors, np.array([True, True]), "split")
        differs = found.excludes_zero
        assert bool(ties.tied_first[1]) is not differs
        assert bool(ties.rank_low[1] == 1) is not differs
        assert bool(ties.rank_high[0] == 1) is differs
        assert swap.worse == (("t",) if differs else ())
        assert shares.tolist() == ([1.0, 0.0] if differs else [0.5, 0.5])
        if found.low is not None and found.high is not None and np.isfinite(ties.behind_low[1]):
            sign = a.metric.merit(1.0)
            ends = sorted((sign * found.low, sign * found.high))
            assert np.allclose(ends, (ties.behind_low[1], ties.behind_high[1]), atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(FIELDS, st.sampled_from([0.0, 0.005, 0.02, 0.05]))
def test_a_board_never_separates_what_a_comparison_does_not(
    values: dict[str, object], step: float
) -> None:
    teams = field(**values)  # type: ignore[arg-type]
    merits = merits_of(teams)
    ties = compare_with_first(merits, stacked([vector_of(one) for one in teams]), step)
    for i, team in enumerate(teams[1:], 1):
        found = paired_difference(teams[0], team)
        if not ties.tied_first[i]:
            assert found.excludes_zero
            assert ties.behind_low[i] > 0.0 and ties.rank_low[i] > 1
        elif np.isfinite(ties.behind_low[i]):
            assert ties.behind_low[i] <= 0.0 and ties.rank_low[i] == 1
        assert ties.rank_low[i] <= i + 1 <= ties.rank_high[i] or merits[i] == merits[i - 1]
    shares = award(merits, stacked([vector_of(one) for one in teams]), merits > -np.inf, "split")
    exact = compare_with_first(merits, stacked([vector_of(one) for one in teams]))
    assert (shares > 0).tolist() == exact.tied_first.tolist()


@settings(deadline=None, max_examples=60)
@given(FIELDS, st.sampled_from([0.005, 0.01, 0.02, 0.05, 0.1, 0.2]))
def test_intervals_stay_in_their_bounds_and_hold_their_value(
    values: dict[str, object], step: float
) -> None:
    for one in field(**values):  # type: ignore[arg-type]
        found = value_with_interval(one)
        assert found.value is not None
        if found.low is None or found.high is None:
            assert found.reason
            continue
        low, high = one.metric.bounds
        assert low <= found.low <= found.value <= found.high <= high
        public = outward(found.low, found.high, step)
        assert public[0] <= found.low and found.high <= public[1]
        assert public[0] <= round_to_step(found.value, step) <= public[1]
