"""held, harmed and improved: exact error rates by enumeration, intervals, and what must not matter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy

from evalgate.stats.counts import mid_p
from evalgate.stats.families import alpha_of_attempt
from evalgate.stats.paired import Counts, certified_margin, held, lift_interval, p_down, p_up

FIRST = alpha_of_attempt(0.05, 1)
CASES = (17, 19, 21, 23, 25, 29, 34, 59, 100, 167)


def share_held(n: int, margin: float, alpha: float, discordances: list[float]) -> list[float]:
    """P(held) for a true drop of exactly `margin`, at each discordance: all outcomes (b, c) summed."""
    b, c = (
        np.array(axis)
        for axis in zip(
            *((b, c) for b in range(n + 1) for c in range(n + 1 - b) if held(Counts(n, b, c), margin, alpha)), strict=True
        )
    )
    ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(n - b - c + 1)
    return [
        float(np.exp(ways + xlogy(b, (d - margin) / 2) + xlogy(c, (d + margin) / 2) + xlogy(n - b - c, 1 - d)).sum())
        for d in discordances
    ]


class TestSize:
    @pytest.mark.parametrize("margin", [0.05, 0.10])
    @pytest.mark.parametrize("n", CASES)
    def test_held__at_the_first_attempts_level_is_wrong_in_fewer_than_six_in_a_hundred(self, n, margin):
        assert max(share_held(n, margin, FIRST, list(np.linspace(margin, 0.95, 25)))) <= 0.05
        assert share_held(n, margin, FIRST, [1.0])[0] <= 0.06

    @pytest.mark.parametrize("margin", [0.05, 0.10])
    @pytest.mark.parametrize("n", [n for n in CASES if n > 17])
    def test_held__at_five_percent_is_wrong_in_at_most_six_in_a_hundred_unless_nearly_all_flip(self, n, margin):
        assert max(share_held(n, margin, 0.05, list(np.linspace(margin, 0.90, 25)))) <= 0.06

    @pytest.mark.parametrize(("n", "margin", "discordance", "size"), [(20, 0.08, 1.0, 0.0694), (23, 0.05, 1.0, 0.0675)])
    def test_held__exceeds_six_in_a_hundred_where_enumeration_says_so(self, n, margin, discordance, size):
        assert share_held(n, margin, 0.05, [discordance])[0] == pytest.approx(size, abs=1e-4)


class TestHeld:
    @pytest.mark.parametrize(("margin", "alpha", "needed"), [(0.10, 0.05, 29), (0.05, 0.05, 59), (0.05, FIRST, 63)])
    def test_without_a_flip__needs_so_many_cases(self, margin, alpha, needed):
        assert held(Counts(needed, 0, 0), margin, alpha)
        assert not held(Counts(needed - 1, 0, 0), margin, alpha)

    def test_without_a_case__nothing_is_held(self):
        assert not held(Counts(0, 0, 0), 0.99, 0.2)

    @pytest.mark.parametrize("counts", [Counts(1, 0, 0), Counts(1, 1, 0), Counts(1, 0, 1)])
    def test_one_case__holds_nothing(self, counts):
        assert not held(counts, 0.1, 0.05)

    @pytest.mark.parametrize("margin", [0.03, 0.05, 0.10])
    @pytest.mark.parametrize("n", [20, 63, 150])
    def test_a_loss_more_or_a_gain_less__never_makes_it_held(self, n, margin):
        for b, c in itertools.product(range(n), repeat=2):
            if b + c < n and not held(Counts(n, b, c), margin, FIRST):
                assert not held(Counts(n, b, c + 1), margin, FIRST)
                assert b == 0 or not held(Counts(n, b - 1, c), margin, FIRST)

    @pytest.mark.parametrize("attempt", [1, 2, 3, 5])
    @pytest.mark.parametrize("margin", [0.03, 0.05, 0.10])
    def test_the_only_gain_taken_away__never_makes_it_held_at_any_attempt(self, margin, attempt):
        alpha = alpha_of_attempt(0.05, attempt)
        for n, c in itertools.product(range(20, 500), range(4)):
            assert held(Counts(n, 1, c), margin, alpha) or not held(Counts(n, 0, c), margin, alpha), (n, c)

    def test_a_wider_margin_or_a_larger_alpha__keeps_it_held(self):
        for b, c in itertools.product(range(12), repeat=2):
            counts = Counts(120, b, c)
            assert held(counts, 0.05, 0.02) <= held(counts, 0.06, 0.02) <= held(counts, 0.06, 0.05)


drawn_counts = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.integers(0, n - b).map(lambda c: Counts(n, b, c)))
)
alphas = st.sampled_from([0.2, 0.05, 0.04, 0.005, 0.0001])


class TestInterval:
    @given(drawn_counts, alphas)
    def test_contains_the_lift_and_has_width(self, counts, alpha):
        low, high = lift_interval(counts, alpha)
        lift = (counts.gains - counts.losses) / counts.n
        assert -1 <= low <= lift <= high <= 1
        assert high - low > 1 / (counts.n + 1)

    @given(drawn_counts, alphas)
    def test_is_mirrored_when_base_and_candidate_change_places(self, counts, alpha):
        low, high = lift_interval(counts, alpha)
        assert lift_interval(counts.flipped(), alpha) == (-high, -low)

    @given(drawn_counts, alphas, st.floats(0.001, 0.999))
    def test_its_lower_end_is_where_held_begins(self, counts, alpha, margin):
        edge = -lift_interval(counts, alpha)[0]
        if abs(margin - edge) > 1e-6:
            assert held(counts, margin, alpha) == (margin > edge)

    @given(drawn_counts, alphas)
    def test_the_certified_margin_is_its_lower_end_cut_at_zero(self, counts, alpha):
        assert certified_margin(counts, alpha) == max(0.0, -lift_interval(counts, alpha)[0])

    def test_of_ten_cases_without_a_flip__is_about_26_points_to_each_side(self):
        assert lift_interval(Counts(10, 0, 0), 0.05) == pytest.approx((-0.2589, 0.2589), abs=1e-4)

    def test_of_no_case__is_everything(self):
        assert lift_interval(Counts(0, 0, 0), 0.05) == (-1.0, 1.0)
        assert certified_margin(Counts(0, 0, 0), 0.05) == 1.0

    @pytest.mark.parametrize("counts", [Counts(1, 0, 0), Counts(1, 1, 0), Counts(1, 0, 1)])
    def test_of_one_case__says_next_to_nothing(self, counts):
        low, high = lift_interval(counts, 0.05)
        assert high - low > 0.9

    @given(drawn_counts, st.sampled_from([0.2, 0.05, FIRST]))
    def test_a_loss_more_or_a_gain_less__never_certifies_a_smaller_margin(self, counts, alpha):
        now = certified_margin(counts, alpha)
        if counts.gains + counts.losses < counts.n:
            assert certified_margin(counts._replace(losses=counts.losses + 1), alpha) >= now - 1e-8
        if counts.gains:
            assert certified_margin(counts._replace(gains=counts.gains - 1), alpha) >= now - 1e-8

    @given(drawn_counts)
    def test_more_confidence__is_never_narrower(self, counts):
        (low, high), (lower, higher) = (lift_interval(counts, alpha) for alpha in (0.05, 0.01))
        assert lower <= low + 1e-8
        assert high <= higher + 1e-8

    @given(drawn_counts, st.integers(2, 40), st.floats(1.0, 8.0))
    def test_clusters__never_make_it_narrower(self, counts, clusters, effect):
        low, high = lift_interval(counts, 0.05)
        lower, higher = lift_interval(counts._replace(design_effect=effect, clusters=clusters), 0.05)
        assert lower <= low + 1e-8
        assert high <= higher + 1e-8

    def test_one_cluster__proves_nothing(self):
        alone = Counts(40, 9, 2, 40.0, 1)
        assert lift_interval(alone, 0.05) == (-1.0, 1.0)
        assert (p_up(alone), p_down(alone)) == (1.0, 1.0)


class TestDirections:
    def test_without_clusters__p_up_and_p_down_are_mid_p_mcnemar(self):
        assert p_up(Counts(50, 7, 2)) == mid_p(7, 2)
        assert p_down(Counts(50, 7, 2)) == mid_p(2, 7)

    @pytest.mark.parametrize("counts", [Counts(0, 0, 0), Counts(40, 0, 0), Counts(40, 0, 0, 4.0, 10)])
    def test_without_a_flip__nothing_is_proven(self, counts):
        assert (p_up(counts), p_down(counts)) == (1.0, 1.0)

    def test_with_clusters__both_directions_add_to_one(self):
        counts = Counts(200, 15, 6, 2.5, 50)
        assert p_up(counts) + p_down(counts) == pytest.approx(1.0)

    def test_clusters__never_lend_evidence_that_the_cases_alone_do_not_give(self):
        for gains in range(1, 8):
            assert p_up(Counts(60, gains, 0, 62 / 60, 59)) >= p_up(Counts(60, gains, 0))

    def test_with_clusters__t_of_many_clusters_is_nearly_z(self):
        z = (15 - 6) / math.sqrt(15 + 6)
        assert p_down(Counts(20_000, 15, 6, 1.0, 19_999)) == pytest.approx(1 - math.erfc(z / math.sqrt(2)) / 2, rel=1e-4)
