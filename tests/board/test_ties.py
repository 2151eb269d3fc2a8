"""Ties and rank intervals: arithmetic by hand, one decision with `compare`, simulated contests."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from challenge.board.rules.ties import compare_with_first, stacked
from challenge.kinds.statistics.vector import Vector
from challenge.kinds.statistics.vector import spread as spread_of

Floats = NDArray[np.float64]


def vectors_like(n: int, n_clusters: int = 400, seed: int = 0, error: float = 0.01) -> Vector:
    drawn = np.random.default_rng(seed).normal(0, error / n_clusters**0.5, (n, n_clusters))
    return Vector(drawn, np.zeros((n, 0)))


def repeated(vector: Vector, n: int) -> Vector:
    return Vector(vector.clusters.repeat(n, axis=0), np.zeros((n, 0)))


def test_two_teams_worked_out_by_hand() -> None:
    # Difference of the vectors: ± .02, 50 clusters each. Error: root of .99 · 100 · .0004 = .199;
    # (3.16 - 2.77 / 10) · 100 = 288 degrees of freedom: t = 1.968, so ± .3917.
    signs = np.repeat([1.0, -1.0], 50)
    vectors = Vector(np.stack([0.01 * signs, -0.01 * signs]), np.zeros((2, 0)))
    ties = compare_with_first(np.array([0.9, 0.52]), vectors)
    assert ties.behind_low[1] == pytest.approx(0.38 - 0.3917, abs=2e-4)
    assert ties.behind_high[1] == pytest.approx(0.38 + 0.3917, abs=2e-4)
    assert ties.tied_first.tolist() == [True, True]
    assert ties.rank_low.tolist() == [1, 1] and ties.rank_high.tolist() == [2, 2]
    apart = compare_with_first(np.array([0.9, 0.5]), vectors)
    assert apart.tied_first.tolist() == [True, False]
    assert apart.rank_low.tolist() == [1, 2] and apart.rank_high.tolist() == [1, 2]


@settings(deadline=None, max_examples=200)
@given(
    seed=st.integers(0, 10_000),
    gap=st.floats(0, 0.1),
    n_clusters=st.integers(2, 60),
    n_couples=st.sampled_from([0, 0, 5]),
)
def test_the_verdict_on_two_teams_is_that_of_their_comparison(
    seed: int, gap: float, n_clusters: int, n_couples: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        Vector(rng.normal(0, 0.01, n_clusters), rng.normal(0, 0.002, n_couples)) for _ in range(2)
    )
    reach = spread_of(a - b).reach
    ties = compare_with_first(np.array([0.5 + gap, 0.5]), stacked([a, b]))
    assert ties.behind_high[1] - ties.behind[1] == pytest.approx(reach, rel=1e-6)
    if abs(gap - reach) > 1e-6 * reach:
        assert bool(ties.tied_first[1]) is (gap <= reach)


def test_noise_that_is_shared_cancels() -> None:
    ties = compare_with_first(np.array([0.6, 0.599]), repeated(vectors_like(1), 2))
    assert ties.tied_first.tolist() == [True, False]
    assert ties.behind_low[1] == ties.behind_high[1] == pytest.approx(0.001)
    assert ties.rank_low.tolist() == [1, 2] and ties.rank_high.tolist() == [1, 2]


def test_equal_scores_with_equal_vectors_tie_exactly() -> None:
    ties = compare_with_first(np.array([0.6, 0.6]), repeated(vectors_like(1), 2))
    assert ties.tied_first.all()
    assert (ties.behind_low[1], ties.behind_high[1]) == (0, 0)
    assert ties.rank_low.tolist() == [1, 1] and ties.rank_high.tolist() == [2, 2]


def test_one_team_alone_is_first() -> None:
    ties = compare_with_first(np.array([0.6]), vectors_like(1))
    assert (ties.rank_low[0], ties.rank_high[0], ties.tied_first[0]) == (1, 1, True)


def test_no_team_at_all_is_no_error() -> None:
    assert len(compare_with_first(np.zeros(0), stacked([])).tied_first) == 0


def test_an_unknown_leader_ties_with_all() -> None:
    vectors = vectors_like(3)
    vectors.clusters[0] = np.nan
    ties = compare_with_first(np.array([0.9, 0.5, 0.1]), vectors)
    assert ties.tied_first.all()
    assert ties.rank_low.tolist() == [1, 1, 1]
    assert ties.rank_high.tolist() == [3, 2, 3]


def test_vectors_of_different_clusters_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different clusters"):
        stacked([Vector(np.zeros(3)), Vector(np.zeros(4))])


def test_more_teams_need_wider_intervals() -> None:
    values = np.linspace(0.6, 0.5, 300)
    vectors = vectors_like(300)
    widths = []
    for n in (2, 20, 300):
        ties = compare_with_first(values[:n], vectors.rows(slice(0, n)))
        widths.append(ties.behind_high[1] - ties.behind_low[1])
    assert widths == sorted(widths) and widths[2] > 1.5 * widths[0]


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
    st.integers(0, 1000),
    st.floats(1e-4, 0.3),
    st.sets(st.integers(0, 7)),
)
def test_intervals_hold_the_rank_and_agree_with_the_tied_group(
    values: list[float], seed: int, error: float, unknown: set[int]
) -> None:
    scores = np.sort(np.array(values))[::-1]
    vectors = vectors_like(len(scores), n_clusters=60, seed=seed, error=error)
    vectors.clusters[[i for i in unknown if i < len(scores)]] = np.nan
    ties = compare_with_first(scores, vectors)
    ranks = np.array([1 + (scores > score).sum() for score in scores])
    assert (ties.rank_low <= ranks).all() and (ranks <= ties.rank_high).all()
    assert ties.tied_first[ranks == 1].all()
    assert ((ties.rank_low == 1) == ties.tied_first).all()
    assert (ties.rank_high <= len(scores)).all()
    known = np.isfinite(ties.behind_low)
    assert (ties.behind_low <= ties.behind)[known].all()
    assert (ties.behind <= ties.behind_high)[known].all()


@dataclass(frozen=True)
class Field:
    """A simulated contest: rows of every task in clusters, errors shared between the teams."""

    n_tasks: int
    n_rows: int
    cluster_size: int
    seed: int

    def play(
        self, truths: Floats, generator: np.random.Generator, n_finals: int
    ) -> tuple[Floats, Vector]:
        """Return scores and vectors of all teams; each final errs a little differently."""
        n_teams = len(truths)
        n = self.n_rows // self.cluster_size
        values, parts = np.zeros(n_teams), []
        for t in range(self.n_tasks):
            shared = generator.normal(size=n).repeat(self.cluster_size)
            own = generator.normal(size=(n_teams, 1, self.n_rows))
            last = generator.normal(size=(n_teams, n_finals, self.n_rows))
            hard = np.sqrt(0.6) * shared + np.sqrt(0.3) * own + np.sqrt(0.1) * last
            limits = np.array([NormalDist().inv_cdf(truth) for truth in truths[:, t]])
            right = (hard < limits[:, None, None]).astype(np.float64)
            best = right.mean(axis=2).argmax(axis=1)
            right = right[np.arange(n_teams), best]
            share = right.mean(axis=1, keepdims=True)
            hits = right.reshape(n_teams, n, self.cluster_size).sum(axis=2)
            moved = (hits - share * self.cluster_size) / (self.n_rows - self.cluster_size)
            values += share[:, 0] / self.n_tasks
            parts.append(moved / self.n_tasks)
        return values, Vector(np.concatenate(parts, axis=1), np.zeros((n_teams, 0)))


def simulate(field: Field, truths: Floats, n_contests: int, n_finals: int = 1) -> dict[str, float]:
    """Play contests with the first team as a true best; return what the tied group did.

    `held`: share of contests in which the group holds team 0. `covered`: share of rank intervals
    that hold the team's true rank. `shut_out`: share of contests in which the last team, plainly
    worse, is not in the group. `size`: mean size of the group.
    """
    generator = np.random.default_rng(field.seed + 1)
    means = truths.mean(axis=1)
    best_rank = 1 + (means[None, :] > means[:, None] + 1e-12).sum(axis=1)
    last_rank = (means[None, :] >= means[:, None] - 1e-12).sum(axis=1)
    held, shut_out, size, covered = 0, 0, 0, 0.0
    for _ in range(n_contests):
        values, vectors = field.play(truths, generator, n_finals)
        order = np.argsort(-values, kind="stable")
        ties = compare_with_first(values[order], vectors.rows(order))
        tied = np.empty(len(order), dtype=bool)
        tied[order] = ties.tied_first
        held += int(tied[0])
        shut_out += int(not tied[-1])
        size += int(tied.sum())
        inside = (ties.rank_low <= last_rank[order]) & (best_rank[order] <= ties.rank_high)
        covered += float(inside.mean())
    return {
        "held": held / n_contests,
        "shut_out": shut_out / n_contests,
        "size": size / n_contests,
        "covered": covered / n_contests,
    }


def spread(n_teams: int, n_tasks: int, step: float) -> Floats:
    """True scores of a field whose teams are good at different tasks; the last is plainly worse."""
    generator = np.random.default_rng(n_teams)
    level = 0.8 - step * np.arange(n_teams)
    level[-1] = 0.6
    taste = generator.normal(0, 0.03, (n_teams, n_tasks))
    truths: Floats = level[:, None] + taste - taste.mean(axis=1, keepdims=True)
    return truths


def test_twelve_teams_on_six_tasks_the_group_holds_the_best_and_shuts_out_the_worse() -> None:
    found = simulate(Field(6, 240, 1, 11), spread(12, 6, 0.004), 150)
    assert found["held"] >= 0.95
    assert found["covered"] >= 0.95
    assert found["shut_out"] == 1.0
    assert found["size"] < 11.5


def test_twelve_equal_teams_one_of_them_is_shut_out_seldom() -> None:
    # The hardest case: everybody is a true best, and the leader is the luckiest of twelve.
    found = simulate(Field(6, 200, 1, 12), np.full((12, 6), 0.75), 200)
    assert found["held"] >= 0.95


def test_sixty_teams_on_six_tasks_the_group_holds_the_best_and_shuts_out_the_worse() -> None:
    found = simulate(Field(6, 160, 1, 13), spread(60, 6, 0.002), 40)
    assert found["held"] >= 0.95
    assert found["covered"] >= 0.95
    assert found["shut_out"] == 1.0


def test_rows_of_one_cluster_count_together() -> None:
    found = simulate(Field(6, 400, 4, 14), np.full((12, 6), 0.75), 150)
    assert found["held"] >= 0.95


def test_the_better_of_two_finals_keeps_the_promise() -> None:
    found = simulate(Field(6, 200, 1, 15), spread(12, 6, 0.004), 100, n_finals=2)
    assert found["held"] >= 0.95
    assert found["shut_out"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("n_teams", "n_contests"), [(12, 600), (60, 100)])
def test_many_contests_at_full_size(n_teams: int, n_contests: int) -> None:
    equal = simulate(Field(6, 500, 1, 16), np.full((n_teams, 6), 0.8), n_contests)
    assert equal["held"] >= 0.95
    uneven = simulate(Field(6, 500, 1, 17), spread(n_teams, 6, 0.003), n_contests)
    assert uneven["held"] >= 0.95 and uneven["shut_out"] == 1.0
