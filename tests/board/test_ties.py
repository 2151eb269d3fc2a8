"""Ties and rank intervals: arithmetic by hand, exact McNemar as a yardstick, simulated contests."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from challenge.board.rules.ties import centre, compare_with_first

Floats = NDArray[np.float64]


def noise_like(n: int, draws: int = 400, seed: int = 0, sd: float = 0.01) -> Floats:
    return centre(np.random.default_rng(seed).normal(0, sd, (n, draws)))


def test_two_teams_worked_out_by_hand() -> None:
    # Differences B minus A of the noise: -.04 -.02 0 .02 .04; standard error sqrt(.004/5) = .0283.
    # Divided by it: -1.41 -.71 0 .71 1.41; the quantiles .025 and .975 of five draws lie 9/10 of
    # the last step out: 1.344. The slack 3 / sqrt(5) = 1.342 makes it 2.685, times .0283 = .0759.
    # So A minus B = .06 ± .0759: a tie.
    noise = np.array([[0.02, 0.01, 0, -0.01, -0.02], [-0.02, -0.01, 0, 0.01, 0.02]])
    ties = compare_with_first(np.array([0.6, 0.54]), noise)
    assert ties.behind_low[1] == pytest.approx(0.06 - 0.0759, abs=1e-4)
    assert ties.behind_high[1] == pytest.approx(0.06 + 0.0759, abs=1e-4)
    assert ties.tied_first.tolist() == [True, True]
    assert ties.rank_low.tolist() == [1, 1] and ties.rank_high.tolist() == [2, 2]
    apart = compare_with_first(np.array([0.6, 0.52]), noise)
    assert apart.tied_first.tolist() == [True, False]
    assert apart.rank_low.tolist() == [1, 2] and apart.rank_high.tolist() == [1, 2]


def test_noise_that_is_shared_cancels() -> None:
    shared = noise_like(1).repeat(2, axis=0)
    ties = compare_with_first(np.array([0.6, 0.599]), shared)
    assert ties.tied_first.tolist() == [True, False]
    assert ties.behind_low[1] == ties.behind_high[1] == pytest.approx(0.001)


def test_equal_scores_with_equal_noise_tie_exactly() -> None:
    ties = compare_with_first(np.array([0.6, 0.6]), noise_like(1).repeat(2, axis=0))
    assert ties.tied_first.all()
    assert (ties.behind_low[1], ties.behind_high[1]) == (0, 0)
    assert ties.rank_low.tolist() == [1, 1] and ties.rank_high.tolist() == [2, 2]


def test_one_team_alone_is_first() -> None:
    ties = compare_with_first(np.array([0.6]), noise_like(1))
    assert (ties.rank_low[0], ties.rank_high[0], ties.tied_first[0]) == (1, 1, True)


def test_no_team_at_all_is_no_error() -> None:
    assert len(compare_with_first(np.zeros(0), np.zeros((0, 1))).tied_first) == 0


def test_an_unknown_leader_ties_with_all() -> None:
    noise = noise_like(3)
    noise[0] = np.nan
    ties = compare_with_first(np.array([0.9, 0.5, 0.1]), noise)
    assert ties.tied_first.all()
    assert ties.rank_low.tolist() == [1, 1, 1]
    assert ties.rank_high.tolist() == [3, 2, 3]


def test_the_top_of_a_long_board_gets_wider_intervals() -> None:
    values, noise = np.linspace(0.6, 0.5, 20), noise_like(20)
    short = compare_with_first(values, noise)
    long = compare_with_first(values, noise, n_all=2000)
    assert (long.behind_low[1:] < short.behind_low[1:]).all()
    # z(.975^(1/1999)) / z(.975^(1/19)) = 4.212 / 3.004
    subset = (values[0] - values[5]) - short.behind_low[5]
    wide = (values[0] - values[5]) - long.behind_low[5]
    assert wide / subset == pytest.approx(4.212 / 3.004, rel=1e-3)
    assert long.rank_high[-1] == 2000


@pytest.mark.parametrize(
    ("only_a", "tied"), [(2, True), (4, True), (5, True), (6, False), (9, False)]
)
def test_few_discordant_rows_are_judged_as_by_the_exact_mcnemar_test(
    only_a: int, tied: bool
) -> None:
    # 2^-4 × 2 = .125, 2^-5 × 2 = .0625, 2^-6 × 2 = .031: a plain normal error of the difference
    # would call 4 against 0 significant (z = 2).
    n, draws = 400, 4000
    weights = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=draws)
    right = np.ones((2, n))
    right[:, :60] = 0
    right[0, :only_a] = 1
    ties = compare_with_first(right.mean(axis=1), centre(right @ weights.T / n))
    assert bool(ties.tied_first[1]) is tied


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
    st.integers(0, 1000),
    st.floats(1e-4, 0.3),
    st.sets(st.integers(0, 7)),
)
def test_intervals_hold_the_rank_and_agree_with_the_tied_group(
    values: list[float], seed: int, sd: float, unknown: set[int]
) -> None:
    scores = np.sort(np.array(values))[::-1]
    noise = noise_like(len(scores), draws=60, seed=seed, sd=sd)
    noise[[i for i in unknown if i < len(scores)]] = np.nan
    ties = compare_with_first(scores, noise)
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
    draws: int
    seed: int

    def weights(self) -> list[Floats]:
        """One matrix a task, made once as in a real challenge: draws × rows."""
        generator = np.random.default_rng(self.seed)
        n = self.n_rows // self.cluster_size
        return [
            generator.multinomial(n, np.full(n, 1 / n), size=self.draws)
            .astype(np.float64)
            .repeat(self.cluster_size, axis=1)
            for _ in range(self.n_tasks)
        ]

    def play(
        self, truths: Floats, weights: list[Floats], generator: np.random.Generator, n_finals: int
    ) -> tuple[Floats, Floats]:
        """Return scores and noise of all teams; each final errs a little differently."""
        n_teams = len(truths)
        values, noise = np.zeros(n_teams), np.zeros((n_teams, self.draws))
        n = self.n_rows // self.cluster_size
        for t, drawn in enumerate(weights):
            shared = generator.normal(size=n).repeat(self.cluster_size)
            own = generator.normal(size=(n_teams, 1, self.n_rows))
            last = generator.normal(size=(n_teams, n_finals, self.n_rows))
            hard = np.sqrt(0.6) * shared + np.sqrt(0.3) * own + np.sqrt(0.1) * last
            limits = np.array([NormalDist().inv_cdf(truth) for truth in truths[:, t]])
            right = (hard < limits[:, None, None]).astype(np.float64)
            replicates = np.einsum("sfr,br->sfb", right, drawn, optimize=True) / self.n_rows
            values += right.mean(axis=2).max(axis=1) / self.n_tasks
            noise += centre(replicates.max(axis=1)) / self.n_tasks
        return values, noise


def simulate(field: Field, truths: Floats, n_contests: int, n_finals: int = 1) -> dict[str, float]:
    """Play contests with the first team as a true best; return what the tied group did.

    `held`: share of contests in which the group holds team 0. `covered`: share of rank intervals
    that hold the team's true rank. `shut_out`: share of contests in which the last team, plainly
    worse, is not in the group. `size`: mean size of the group.
    """
    generator = np.random.default_rng(field.seed + 1)
    weights = field.weights()
    means = truths.mean(axis=1)
    best_rank = 1 + (means[None, :] > means[:, None] + 1e-12).sum(axis=1)
    last_rank = (means[None, :] >= means[:, None] - 1e-12).sum(axis=1)
    held, shut_out, size, covered = 0, 0, 0, 0.0
    for _ in range(n_contests):
        values, noise = field.play(truths, weights, generator, n_finals)
        order = np.argsort(-values, kind="stable")
        ties = compare_with_first(values[order], noise[order])
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
    found = simulate(Field(6, 240, 1, 400, 11), spread(12, 6, 0.004), 150)
    assert found["held"] >= 0.95
    assert found["covered"] >= 0.95
    assert found["shut_out"] == 1.0
    assert found["size"] < 11.5


def test_twelve_equal_teams_one_of_them_is_shut_out_seldom() -> None:
    # The hardest case: everybody is a true best, and the leader is the luckiest of twelve.
    truths = np.full((12, 6), 0.75)
    found = simulate(Field(6, 200, 1, 400, 12), truths, 200)
    assert found["held"] >= 0.95


def test_sixty_teams_on_six_tasks_the_group_holds_the_best_and_shuts_out_the_worse() -> None:
    found = simulate(Field(6, 160, 1, 300, 13), spread(60, 6, 0.002), 40)
    assert found["held"] >= 0.95
    assert found["covered"] >= 0.95
    assert found["shut_out"] == 1.0


def test_rows_that_hang_together_are_drawn_together() -> None:
    found = simulate(Field(6, 400, 4, 400, 14), np.full((12, 6), 0.75), 150)
    assert found["held"] >= 0.95


def test_the_better_of_two_finals_keeps_the_promise() -> None:
    found = simulate(Field(6, 200, 1, 400, 15), spread(12, 6, 0.004), 100, n_finals=2)
    assert found["held"] >= 0.95
    assert found["shut_out"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("n_teams", "n_contests"), [(12, 600), (60, 200)])
def test_many_contests_at_full_size(n_teams: int, n_contests: int) -> None:
    equal = simulate(Field(6, 500, 1, 1000, 16), np.full((n_teams, 6), 0.8), n_contests)
    assert equal["held"] >= 0.95
    uneven = simulate(Field(6, 500, 1, 1000, 17), spread(n_teams, 6, 0.003), n_contests)
    assert uneven["held"] >= 0.95 and uneven["shut_out"] == 1.0
