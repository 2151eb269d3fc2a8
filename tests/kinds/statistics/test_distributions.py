"""Quantiles and exact tests agree with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from challenge.kinds.statistics.distributions import beta_cdf, binomial_p, t_quantile


@pytest.mark.parametrize("a", [0.5, 1.0, 2.3, 10.0, 200.0, 5e3, 1e5])
@pytest.mark.parametrize("b", [0.5, 1.0, 3.0, 77.0, 1e4, 3e5])
def test_beta_agrees_with_scipy(a: float, b: float) -> None:
    for p in (1e-6, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999):
        x = float(stats.beta.ppf(p, a, b))
        assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), abs=1e-9)


@pytest.mark.parametrize("critical", [1.959963984540054, 2.5, 3.5, 4.5])
def test_t_agrees_with_scipy(critical: float) -> None:
    df = np.array([1.0, 2.0, 3.0, 5.5, 29.0, 199.0, 4_999.0, 1e6, 1e9])
    expected = stats.t.isf(stats.norm.sf(critical), df)
    found = t_quantile(critical, df)
    assert found[1:] == pytest.approx(expected[1:], rel=5e-4)
    assert found[2:] == pytest.approx(expected[2:], rel=1e-5)
    assert expected[0] < found[0] < 1.19 * expected[0]


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
