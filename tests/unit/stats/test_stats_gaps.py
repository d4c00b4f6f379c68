"""The gap between two groups: against a constrained maximum found by search, and its exact size."""

import numpy as np
import pytest
from scipy.special import gammaln, xlogy

from evalgate.stats.gaps import gap_p, likeliest_rate


def log_likelihood(rate_h, right_g, n_g, right_h, n_h, limit):
    rate_g = rate_h + limit
    return xlogy(right_g, rate_g) + xlogy(n_g - right_g, 1 - rate_g) + xlogy(right_h, rate_h) + xlogy(n_h - right_h, 1 - rate_h)


def chances(n: int, rate: float) -> np.ndarray:
    k = np.arange(n + 1)
    return np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, rate) + xlogy(n - k, 1 - rate))


@pytest.mark.parametrize("limit", [-0.3, -0.05, 0.0, 0.05, 0.1, 0.5])
@pytest.mark.parametrize(
    "counts", [(18, 20, 12, 20), (5, 9, 40, 60), (0, 10, 0, 10), (10, 10, 3, 7), (10, 10, 7, 7), (0, 5, 5, 5)]
)
def test_the_rate__is_the_likeliest_on_a_fine_grid(counts, limit):
    grid = np.linspace(max(0, -limit), min(1, 1 - limit), 200_001)
    best = grid[np.argmax(log_likelihood(grid, *counts, limit))]
    assert likeliest_rate(*counts, limit) == pytest.approx(best, abs=2e-5)


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.1])
@pytest.mark.parametrize(("n_g", "n_h"), [(30, 30), (40, 120), (200, 60)])
def test_it__is_wrong_in_at_most_five_in_a_hundred_at_the_limit_itself(n_g, n_h, limit):
    fires = np.array([[gap_p(g, n_g, h, n_h, limit) <= 0.05 for h in range(n_h + 1)] for g in range(n_g + 1)])
    for rate_h in (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.85, 0.88, 0.95 - limit, 1 - limit):
        assert chances(n_g, rate_h + limit) @ fires @ chances(n_h, rate_h) <= 0.05


def test_without_a_case__nothing_is_shown():
    assert gap_p(0, 0, 3, 9, 0.05) == gap_p(3, 9, 0, 0, 0.05) == gap_p(0, 0, 0, 0, 0.0) == 1.0


def test_one_case_each__shows_nothing():
    assert min(gap_p(g, 1, h, 1, limit) for g in (0, 1) for h in (0, 1) for limit in (0.0, 0.05, 0.1)) > 0.05


@pytest.mark.parametrize("n", [1, 5, 40])
def test_equal_groups__are_never_apart(n):
    assert gap_p(n, n, n, n, 0.0) == gap_p(0, n, 0, n, 0.0) == 1.0
    assert gap_p(n, n, n, n, 0.05) > 0.5


def test_it__falls_as_one_group_gets_better_and_rises_with_the_limit():
    assert gap_p(46, 50, 30, 50, 0.1) < gap_p(45, 50, 30, 50, 0.1) < gap_p(45, 50, 31, 50, 0.1)
    values = [gap_p(45, 50, 30, 50, step / 50) for step in range(-40, 41)]
    assert values == sorted(values)


def test_a_swap_of_groups_and_of_the_limits_sign__is_the_other_tail():
    both = gap_p(45, 50, 30, 60, 0.1) + gap_p(30, 60, 45, 50, -0.1)
    assert 1.0 < both < 1.15, "half a case off either"


@pytest.mark.parametrize("wrong", [(6, 5, 0, 5, 0.1), (-1, 5, 0, 5, 0.1), (1, 5, 1, 5, 1.0)])
def test_what_is_no_share__is_refused(wrong):
    with pytest.raises(ValueError, match="not two groups"):
        gap_p(*wrong)
