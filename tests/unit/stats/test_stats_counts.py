"""Binomial tails, mid-p McNemar and Clopper-Pearson, against sums of exact fractions."""

from fractions import Fraction
from math import comb

import pytest

from evalgate.stats.counts import mid_p, tail, upper_bound

HALF = Fraction(1, 2)


def chance(k: int, n: int, share: Fraction) -> Fraction:
    """P(Bin(n, share) = k)."""
    return comb(n, k) * share**k * (1 - share) ** (n - k)


def at_least(k: int, n: int, share: Fraction) -> Fraction:
    return sum((chance(i, n, share) for i in range(k, n + 1)), Fraction(0))


@pytest.mark.parametrize("flips", [1, 2, 3, 7, 20, 41])
def test_mid_p__is_the_exact_sum(flips):
    for hits in range(flips + 1):
        exact = at_least(hits + 1, flips, HALF) + chance(hits, flips, HALF) / 2
        assert mid_p(hits, flips - hits) == pytest.approx(float(exact), rel=1e-12)


def test_mid_p__proves_nothing_without_a_flip():
    assert mid_p(0, 0) == 1.0


@pytest.mark.parametrize(("hits", "misses"), [(0, 1), (3, 3), (10, 2), (400, 350)])
def test_mid_p__of_both_directions_adds_to_one(hits, misses):
    assert mid_p(hits, misses) + mid_p(misses, hits) == pytest.approx(1.0, abs=1e-12)


def test_mid_p__falls_with_every_hit_and_rises_with_every_miss():
    for hits in range(30):
        for misses in range(30):
            if hits + misses:
                assert mid_p(hits + 1, misses) < mid_p(hits, misses) < mid_p(hits, misses + 1)


def test_mid_p__stays_a_probability_for_many_flips():
    assert 0.0 <= mid_p(100_000, 0) < 1e-300
    assert mid_p(0, 100_000) == pytest.approx(1.0)


@pytest.mark.parametrize("share", [Fraction(3, 100), Fraction(15, 100), Fraction(1, 2), Fraction(99, 100)])
@pytest.mark.parametrize("n", [1, 2, 17, 60])
def test_tail__is_the_exact_sum(n, share):
    for hits in range(n + 1):
        assert tail(hits, n, float(share)) == pytest.approx(float(at_least(hits, n, share)), rel=1e-9, abs=1e-14)


def test_tail__proves_nothing_without_a_hit_or_without_a_case():
    assert tail(0, 0, 0.15) == tail(3, 0, 0.15) == tail(0, 100, 0.15) == 1.0


def test_tail__at_the_ends_a_share_of_one_is_never_exceeded_and_of_zero_always():
    assert tail(10, 10, 1.0) == 1.0
    assert tail(1, 10, 0.0) == 0.0


@pytest.mark.parametrize("alpha", [0.05, 0.04, 0.005])
@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 30), (1, 2), (3, 50), (49, 50), (5, 400)])
def test_upper_bound__is_the_share_at_which_so_few_hits_have_the_chance_alpha(hits, n, alpha):
    share = Fraction(upper_bound(hits, n, alpha))
    assert float(1 - at_least(hits + 1, n, share)) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("n", [1, 10, 29, 59, 1000])
def test_upper_bound__without_a_hit_is_the_root_of_alpha(n):
    assert upper_bound(0, n, 0.05) == pytest.approx(1 - 0.05 ** (1 / n))


@pytest.mark.parametrize("n", [30, 100, 3000])
def test_upper_bound__without_a_hit_is_about_three_in_n(n):
    assert upper_bound(0, n, 0.05) == pytest.approx(3 / n, rel=0.06)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (0, -1), (1, 1), (7, 7), (8, 7), (2.5, 2.5)])
def test_upper_bound__is_one_when_there_is_no_case_or_all_hit(hits, n):
    assert upper_bound(hits, n, 0.05) == 1.0


def test_upper_bound__grows_with_hits_and_shrinks_with_cases():
    for hits in range(20):
        assert upper_bound(hits, 50, 0.05) < upper_bound(hits + 1, 50, 0.05)
        assert upper_bound(hits, 51, 0.05) < upper_bound(hits, 50, 0.05)


def test_upper_bound__of_effective_counts_is_wider():
    assert upper_bound(2 / 3, 100 / 3, 0.05) > upper_bound(2, 100, 0.05)
