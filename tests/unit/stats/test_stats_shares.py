"""Claims about one share on its own."""

import pytest
from scipy.stats import beta, binom

from evalgate.stats.shares import cases_to_place, share_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (3, 10), (50, 50), (199, 200)])
def test_interval__is_clopper_and_pearsons(hits, n):
    low, high = share_interval(hits, n, 0.05)
    assert low == pytest.approx(beta.ppf(0.05, hits, n - hits + 1) if hits else 0.0)
    assert high == pytest.approx(beta.ppf(0.95, hits + 1, n - hits) if hits < n else 1.0)


def test_interval__is_everything_without_a_case_and_never_a_point():
    assert share_interval(0, 0, 0.05) == (0.0, 1.0)
    for hits in range(11):
        low, high = share_interval(hits, 10, 0.05)
        assert low < high


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_each_end__misses_the_true_share_at_most_at_its_error_rate(share):
    n = 60
    missed = [0.0, 0.0]
    for hits in range(n + 1):
        low, high = share_interval(hits, n, 0.05)
        chance = binom.pmf(hits, n, share)
        missed[0] += chance * (low > share)
        missed[1] += chance * (high < share)
    assert max(missed) <= 0.05


def test_unknown_cases__are_misses_below_and_hits_above():
    low, high = share_interval(8, 10, 0.05, unknown=2)
    assert low == share_interval(8, 10, 0.05)[0]
    assert high == 1.0
    assert share_interval(0, 10, 0.05, unknown=10) == (0.0, 1.0)


def test_clusters__widen_it():
    alone, clustered = share_interval(80, 100, 0.05), share_interval(80, 100, 0.05, design_effect=4)
    assert clustered[0] < alone[0] < alone[1] < clustered[1]
    assert clustered == pytest.approx(share_interval(20, 25, 0.05))


def test_cases_to_place__show_what_they_promise():
    needed = cases_to_place(0.05, 0.85 * 0.15, 0.05)
    assert needed == 316
    power = sum(binom.pmf(h, needed, 0.9) for h in range(needed + 1) if share_interval(h, needed, 0.05)[0] > 0.85)
    assert 0.75 < power < 0.9


def test_cases_to_place__none_settles_a_mean_on_the_line_and_one_is_the_least():
    assert cases_to_place(0.0, 0.2, 0.05) is None
    assert cases_to_place(0.9, 0.001, 0.05) == 1
    assert cases_to_place(-0.1, 0.2, 0.05) == cases_to_place(0.1, 0.2, 0.05)
