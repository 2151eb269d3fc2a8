"""Quantiles and exact tests agree with scipy."""

from __future__ import annotations

import pytest
from scipy import stats

from challenge.kinds.statistics.distributions import (
    beta_cdf,
    beta_quantile,
    binomial_p,
    clopper_pearson,
    normal_quantile,
    t_quantile,
)

PROBABILITIES = (1e-6, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999)


@pytest.mark.parametrize("a", [0.5, 1.0, 2.3, 10.0, 200.0, 5e3, 1e5])
@pytest.mark.parametrize("b", [0.5, 1.0, 3.0, 77.0, 1e4, 3e5])
def test_beta_agrees_with_scipy(a: float, b: float) -> None:
    for p in PROBABILITIES:
        x = float(stats.beta.ppf(p, a, b))
        assert beta_quantile(p, a, b) == pytest.approx(x, abs=1e-10)
        assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), abs=1e-9)


@pytest.mark.parametrize("df", [1.0, 2.0, 4.0, 5.5, 29.0, 199.0, 999.0, 4_999.0, 5_001.0, 1e6])
def test_t_agrees_with_scipy(df: float) -> None:
    for p in PROBABILITIES[1:-1]:
        assert t_quantile(p, df) == pytest.approx(float(stats.t.ppf(p, df)), rel=1e-10, abs=1e-12)


def test_normal_agrees_with_scipy() -> None:
    for p in PROBABILITIES:
        assert normal_quantile(p) == pytest.approx(float(stats.norm.ppf(p)), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "n"), [(0, 1), (0, 30), (7, 7), (3, 10), (999, 1000), (1, 20_000)]
)
def test_clopper_pearson_agrees_with_scipy(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-10)


def test_clopper_pearson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 hits of 0"):
        clopper_pearson(0, 0)


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (6, 0), (3, 10), (7, 7), (400, 500), (600, 700), (5_000, 5_200)]
)
def test_the_sign_test_agrees_with_scipy(wins: int, losses: int) -> None:
    n = wins + losses
    expected = stats.binomtest(wins, n).pvalue if n else 1.0
    assert binomial_p(wins, losses) == pytest.approx(float(expected), abs=1e-10)


def test_six_wins_without_a_loss_are_the_fewest_that_tell() -> None:
    assert binomial_p(5, 0) == 0.0625
    assert binomial_p(6, 0) == 0.03125
