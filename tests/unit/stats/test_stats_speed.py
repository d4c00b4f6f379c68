"""Slower or dearer: ratios against numpy, sizes by simulation, and what few cases must not show."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.stats.speed import FEWEST, mean_ratio, p95, ratio_p95


def latencies(seed: int, n: int, slower: float = 1.0, spread: float = 0.4):
    draw = np.random.default_rng(seed)
    case = draw.normal(0, spread, n)
    base, candidate = (np.exp(case + draw.normal(0, spread, n)) for _ in range(2))
    return 50 * base, 50 * slower * candidate


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100])
def test_p95__is_numpys(n):
    values = np.random.default_rng(n).exponential(50, n)
    assert p95(list(values)) == pytest.approx(np.quantile(values, 0.95))


def test_p95__of_nothing_is_no_number():
    assert math.isnan(p95([]))


@pytest.mark.parametrize("ratio_of", [ratio_p95, mean_ratio])
class TestRatio:
    def test_it_is_inside_its_interval_which_has_width(self, ratio_of):
        for seed in range(5):
            found = ratio_of(*latencies(seed, 60))
            assert found.low < found.ratio < found.high

    def test_p_values_and_the_interval_agree(self, ratio_of):
        found = ratio_of(*latencies(6, 80, 1.3))
        assert found.p_of(found.low - 1 - 1e-6) <= 0.05 < found.p_of(found.low - 1 + 1e-3)
        values = [found.p_of(limit / 20) for limit in range(-10, 30)]
        assert values == sorted(values)
        assert 0 < values[0] <= values[-1] <= 1

    def test_twice_as_slow_is_found_and_as_fast_is_not(self, ratio_of):
        assert ratio_of(*latencies(7, 200, 2.0)).p_of(0.25) < 0.001
        assert ratio_of(*latencies(7, 200, 1.0)).p_of(0.25) > 0.5

    @pytest.mark.parametrize("n", [0, 1, 9])
    def test_few_cases_show_nothing(self, ratio_of, n):
        found = ratio_of(*latencies(8, n, 100.0))
        assert found.p_of(0.25) == 1.0
        assert (found.low, found.high) == (0.0, math.inf)
        assert math.isnan(found.ratio) == (n == 0)

    @given(st.randoms(use_true_random=False))
    @settings(max_examples=5, deadline=None)
    def test_the_order_of_the_cases_does_not_matter(self, ratio_of, shuffler):
        pairs = list(zip(*latencies(9, 40), strict=True))
        there = ratio_of(*zip(*pairs, strict=True))
        shuffler.shuffle(pairs)
        assert np.array_equal(ratio_of(*zip(*pairs, strict=True)).resampled, there.resampled)

    def test_another_seed_moves_a_p_value_by_little(self, ratio_of):
        base, candidate = latencies(10, 100, 1.2)
        assert ratio_of(base, candidate, 1).p_of(0.1) == pytest.approx(ratio_of(base, candidate, 2).p_of(0.1), abs=0.02)

    @pytest.mark.parametrize("wrong", [([1.0, 2.0], [1.0]), ([1.0, 0.0], [1.0, 1.0]), ([1.0, math.nan], [1.0, 1.0])])
    def test_what_gives_no_ratio_is_refused(self, ratio_of, wrong):
        with pytest.raises(ValueError, match=r"above 0|argument"):
            ratio_of(*wrong)


def test_a_p95__needs_twenty_cases():
    assert ratio_p95(*latencies(11, FEWEST - 1, 100.0)).p_of(0.25) == 1.0
    assert ratio_p95(*latencies(11, FEWEST, 100.0)).p_of(0.25) < 0.05


@pytest.mark.full
@pytest.mark.parametrize("ratio_of", [ratio_p95, mean_ratio])
@pytest.mark.parametrize("n", [20, 50, 100, 200])
def test_at_the_limit_itself__it_is_wrong_in_at_most_six_in_a_hundred(ratio_of, n):
    runs = 300
    wrong = sum(ratio_of(*latencies(1000 + seed, n, 1.25)).p_of(0.25) <= 0.05 for seed in range(runs))
    assert wrong / runs <= 0.06 + 2.5 * (0.06 * 0.94 / runs) ** 0.5
