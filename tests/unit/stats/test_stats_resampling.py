"""The bootstrap-t of score differences: against a slow reference, small samples, duality, order and seed."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.stats import lift, paired
from evalgate.stats.paired import Counts
from evalgate.stats.resamples import RESAMPLES
from evalgate.stats.resampling import (
    Resampled,
    certified_margin,
    held,
    lift_interval,
    mean_of,
    p_above,
    p_below,
    p_down,
    p_up,
)


def lone(*differences: float) -> Resampled:
    return mean_of([(difference, 1) for difference in differences])


def drawn(seed: int, n: int, clustered: bool = False) -> list[tuple[float, int]]:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 6, n) if clustered else np.ones(n, int)
    return [(float(draw.normal(0.03, 0.2, size).clip(-1, 1).sum()), int(size)) for size in sizes]


def slow_ratios(units: list[tuple[float, int]], resamples: int, seed: int) -> list[float]:
    """One resample after another, each with its own mean and its own linearised standard error."""
    draw, n, ratios = np.random.default_rng(seed), len(units), []
    estimate = sum(total for total, _ in units) / sum(size for _, size in units)
    for _ in range(resamples):
        again = [units[place] for place in draw.integers(0, n, n)]
        cases = sum(size for _, size in again)
        mean = sum(total for total, _ in again) / cases
        error = math.sqrt(sum((total - mean * size) ** 2 for total, size in again) * n / (n - 1)) / cases
        ratios.append((mean - estimate) / error)
    return sorted(ratios)


class TestResamples:
    @pytest.mark.parametrize("clustered", [False, True])
    def test_the_ratios_are_those_of_a_slow_bootstrap_up_to_chance(self, clustered):
        units = drawn(1, 40, clustered)
        fast, slow = mean_of(units).ratios, slow_ratios(units, 4000, 2)
        for share in (0.02, 0.05, 0.5, 0.95, 0.98):
            assert np.quantile(fast, share) == pytest.approx(np.quantile(slow, share), abs=0.17)
        assert len(fast) == RESAMPLES == 9_999
        assert list(fast) == sorted(fast)

    def test_estimate_and_error_are_the_ratio_estimators(self):
        units = drawn(3, 30, clustered=True)
        sums, sizes = np.array(units).T
        sample = mean_of(units)
        mean = sums.sum() / sizes.sum()
        assert sample.estimate == pytest.approx(mean)
        assert sample.error == pytest.approx(np.sqrt(((sums - mean * sizes) ** 2).sum() * 30 / 29) / sizes.sum())
        assert (sample.n, sample.cases) == (30, sizes.sum())
        assert (sample.gains, sample.losses) == ((sums > 0).sum(), (sums < 0).sum())

    def test_lone_cases_have_the_usual_standard_error(self):
        values = [d for d, _ in drawn(4, 50)]
        assert lone(*values).error == pytest.approx(np.std(values, ddof=1) / np.sqrt(50))

    def test_few_kinds_and_many_kinds_are_drawn_alike(self):
        values = np.random.default_rng(5).choice([-0.5, 0.0, 0.5], 200)
        jittered = values + np.random.default_rng(6).normal(0, 1e-6, 200)
        few, many = lone(*values).ratios, lone(*jittered).ratios
        for share in (0.05, 0.5, 0.95):
            assert np.quantile(few, share) == pytest.approx(np.quantile(many, share), abs=0.1)

    @given(st.integers(0, 100), st.booleans(), st.randoms(use_true_random=False))
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_the_units_does_not_matter(self, seed, clustered, shuffler):
        units = drawn(seed, 20, clustered)
        again = units.copy()
        shuffler.shuffle(again)
        there, back = mean_of(units), mean_of(again)
        assert np.array_equal(there.ratios, back.ratios)
        assert there._replace(ratios=0) == back._replace(ratios=0)

    @pytest.mark.parametrize("seed", range(5))
    def test_another_seed_moves_a_p_value_by_little(self, seed):
        units = drawn(seed, 60)
        one, other = (p_above(mean_of(units, chance), -0.02) for chance in (1, 2))
        assert one == pytest.approx(other, abs=0.02)

    def test_a_thousand_units_are_quick(self):
        units = drawn(7, 1000)
        start = time.perf_counter()
        mean_of(units)
        assert time.perf_counter() - start < 2.0  # 0.2 s when nothing else runs

    @pytest.mark.parametrize("unit", [(1.1, 1), (math.nan, 1), (0.0, 0), (-3.0, 2)])
    def test_what_cannot_be_a_difference_is_refused(self, unit):
        with pytest.raises(ValueError, match="each difference in"):
            mean_of([(0.0, 1), unit])


class TestSmallSamples:
    @pytest.mark.parametrize("units", [[], [(0.9, 1)], [(-0.9, 1)], [(4.5, 5)]])
    def test_none_or_one_unit_shows_nothing(self, units):
        sample = mean_of(units)
        assert lift_interval(sample, 0.05) == (-1.0, 1.0)
        assert certified_margin(sample, 0.05) == 1.0
        assert not held(sample, 0.99, 0.2)
        assert p_up(sample) == p_down(sample) == 1.0

    @pytest.mark.parametrize(("margin", "needed"), [(0.10, 29), (0.05, 59)])
    def test_without_a_difference_held_needs_what_right_or_wrong_needs(self, margin, needed):
        assert held(lone(*[0.0] * needed), margin, 0.05)
        assert not held(lone(*[0.0] * (needed - 1)), margin, 0.05)

    def test_without_a_difference_nothing_is_proven(self):
        same = lone(*[0.0] * 300)
        assert p_up(same) == p_down(same) == 1.0
        low, high = lift_interval(same, 0.05)
        assert (low, high) == pytest.approx((-0.00994, 0.00994), abs=1e-5)

    def test_all_alike_is_no_certainty(self):
        low, high = lift_interval(lone(*[0.02] * 20), 0.05)
        assert low < -0.1
        assert high > 0.02
        assert p_up(lone(*[0.02] * 100)) > 0.05
        assert p_up(lone(*[0.3] * 100)) < 0.001

    def test_small_gains_do_not_rule_out_the_large_losses_that_few_cases_cannot_show(self):
        assert p_up(lone(*[0.02 + place * 1e-4 for place in range(40)])) > 0.2
        assert not held(lone(*[0.001] * 58), 0.049, 0.05)

    def test_where_nothing_gained_or_lost_that_direction_has_p_one(self):
        assert p_up(lone(*[-0.1] * 40, *[0.0] * 40)) == 1.0
        assert p_down(lone(*[0.1] * 40, *[0.0] * 40)) == 1.0

    @given(
        st.lists(st.sampled_from([-1.0, -0.5, -0.02, 0.0, 0.02, 0.3, 1.0]), min_size=2, max_size=25),
        st.sampled_from([0.2, 0.05, 0.01]),
    )
    @settings(max_examples=40, deadline=None)
    def test_no_interval_is_of_zero_width_and_each_holds_the_estimate(self, differences, alpha):
        sample = lone(*differences)
        low, high = lift_interval(sample, alpha)
        assert -1 <= low <= sample.estimate + 1e-9
        assert sample.estimate - 1e-9 <= high <= 1
        assert high - low > 1 / (len(differences) + 1) * min(1.0, -math.log(alpha)) / 2


class TestDuality:
    @given(st.integers(0, 1000), st.sampled_from([0.1, 0.05, 0.04, 0.005]), st.floats(0.01, 0.4))
    @settings(max_examples=40, deadline=None)
    def test_held_is_where_the_interval_ends(self, seed, alpha, margin):
        sample = mean_of(drawn(seed, 30))
        low = lift_interval(sample, alpha)[0]
        assert held(sample, margin, alpha) == (margin >= -low)
        if p_above(sample, -margin) <= alpha - 1e-6:
            assert held(sample, margin, alpha)

    @given(st.integers(0, 1000))
    @settings(max_examples=20, deadline=None)
    def test_improvement_is_shown_where_the_interval_lies_above_zero(self, seed):
        sample = mean_of(drawn(seed, 80))
        if abs(p_up(sample) - 0.05) > 1e-3:
            assert (p_up(sample) <= 0.05) == (lift_interval(sample, 0.05)[0] > 0)

    @given(st.integers(0, 1000), st.booleans())
    @settings(max_examples=20, deadline=None)
    def test_seen_from_the_other_variant_everything_is_mirrored(self, seed, clustered):
        units = drawn(seed, 25, clustered)
        sample, other = mean_of(units), mean_of(units).flipped()
        assert lift_interval(other, 0.05) == tuple(-end for end in reversed(lift_interval(sample, 0.05)))
        assert p_up(other) == p_down(sample)
        assert p_below(sample, 0.1) == p_above(other, -0.1)
        assert other.flipped()._replace(ratios=0) == sample._replace(ratios=0)

    def test_a_wider_margin_or_a_larger_alpha_keeps_it_held(self):
        sample = mean_of(drawn(11, 60))
        margins = [certified_margin(sample, alpha) for alpha in (0.2, 0.1, 0.05, 0.01, 0.001)]
        assert margins == sorted(margins)
        p_values = [p_above(sample, bound / 50) for bound in range(-20, 5)]
        assert p_values == sorted(p_values)

    def test_an_alpha_that_the_resamples_cannot_tell_leaves_the_losses_alone(self):
        sample = lone(*[0.1, 0.2] * 200)
        assert held(sample, 0.05, 1e-6)
        assert not held(sample, 0.01, 1e-6)


class TestLift:
    @pytest.mark.parametrize("sample", [Counts(60, 9, 2), Counts(60, 9, 2, 2.0, 20)])
    def test_counts_are_asked_as_before(self, sample):
        assert lift.p_up(sample) == paired.p_up(sample)
        assert lift.p_down(sample) == paired.p_down(sample)
        assert lift.held(sample, 0.05, 0.05) == paired.held(sample, 0.05, 0.05)
        assert lift.lift_interval(sample, 0.05) == paired.lift_interval(sample, 0.05)
        assert lift.certified_margin(sample, 0.05) == paired.certified_margin(sample, 0.05)

    def test_scores_are_asked_by_the_same_names(self):
        sample = mean_of(drawn(12, 50))
        assert lift.p_up(sample) == p_up(sample)
        assert lift.p_down(sample) == p_down(sample)
        assert lift.held(sample, 0.05, 0.05) == held(sample, 0.05, 0.05)
        assert lift.lift_interval(sample, 0.05) == lift_interval(sample, 0.05)
        assert lift.certified_margin(sample, 0.05) == certified_margin(sample, 0.05)

    def test_right_or_wrong_answers_seen_as_scores_say_nearly_the_same(self):
        differences = [1.0] * 30 + [-1.0] * 14 + [0.0] * 256
        there, here = lift.lift_interval(Counts(300, 30, 14), 0.05), lift.lift_interval(lone(*differences), 0.05)
        assert here == pytest.approx(there, abs=0.006)
