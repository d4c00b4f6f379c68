"""Holm against brute-force closed testing; alpha over attempts; sizes against the figures of the specification."""

from fractions import Fraction
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.stats.counts import tail
from evalgate.stats.families import alpha_of_attempt, holm
from evalgate.stats.paired import Counts, held
from evalgate.stats.sizes import cases_for_share, cases_to_hold, cases_to_improve, cases_without_a_flip


def closed_testing(p_values: dict[str, float], alpha: float) -> frozenset[str]:
    """Rejected: every hypothesis for which each family that it is a member of is rejected by Bonferroni."""
    names = list(p_values)
    families = list(chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)))
    refuted = {family: min(p_values[name] for name in family) <= alpha / len(family) for family in families}
    return frozenset(name for name in names if all(refuted[family] for family in families if name in family))


class TestHolm:
    @given(
        st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from([0.0, 0.005, 0.01, 0.0125, 0.02, 0.025, 0.05, 0.051, 1.0]))
    )
    def test_rejects_what_closed_testing_rejects(self, p_values):
        assert holm(p_values, 0.05) == closed_testing(p_values, 0.05)

    @given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)), st.floats(0.001, 0.3))
    def test_rejects_what_closed_testing_rejects_whatever_the_values(self, p_values, alpha):
        assert holm(p_values, alpha) == closed_testing(p_values, alpha)

    def test_of_nothing__is_nothing(self):
        assert holm({}, 0.05) == frozenset()

    def test_the_order_of_the_hypotheses__does_not_matter(self):
        p_values = {"a": 0.01, "b": 0.04, "c": 0.01, "d": 0.5}
        assert holm(p_values, 0.05) == holm(dict(reversed(p_values.items())), 0.05) == {"a", "c"}

    @given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1))
    def test_stronger_evidence_for_one__never_acquits_another(self, p_values):
        stronger = {**p_values, min(p_values): p_values[min(p_values)] / 2}
        assert holm(p_values, 0.05) <= holm(stronger, 0.05)


class TestAttempts:
    def test_the_first__may_spend_four_fifths(self):
        assert alpha_of_attempt(0.05, 1) == pytest.approx(0.04)
        assert alpha_of_attempt(0.05, 2) == pytest.approx(0.005)
        assert alpha_of_attempt(0.05, 3) == pytest.approx(0.0025)

    def test_all_together__spend_alpha_and_no_more(self):
        spent = sum((Fraction(alpha_of_attempt(0.05, attempt)) for attempt in range(1, 60)), Fraction(0))
        assert float(spent) == pytest.approx(0.05, rel=1e-12)

    def test_each_further_one__has_less(self):
        spent = [alpha_of_attempt(0.05, attempt) for attempt in range(1, 40)]
        assert spent == sorted(spent, reverse=True)
        assert len(set(spent)) == len(spent)

    @pytest.mark.parametrize("attempt", [0, -1])
    def test_they_count_from_one(self, attempt):
        with pytest.raises(ValueError, match="count from 1"):
            alpha_of_attempt(0.05, attempt)


class TestSizes:
    @pytest.mark.parametrize(
        ("lift", "discordance", "cases"), [(0.03, 0.10, 685), (0.03, 0.20, 1372), (0.05, 0.10, 246), (0.05, 0.20, 493)]
    )
    def test_to_improve__are_the_specifications(self, lift, discordance, cases):
        assert cases_to_improve(discordance, lift, 0.05) == pytest.approx(cases, abs=1)

    @pytest.mark.parametrize("lift", [0.0, -0.02])
    def test_to_improve__are_none_where_there_is_no_lift(self, lift):
        assert cases_to_improve(0.1, lift, 0.05) is None

    def test_to_improve__of_nothing_but_gains_is_finite(self):
        assert cases_to_improve(0.05, 0.05, 0.05) < 246

    @pytest.mark.parametrize("alpha", [0.2, 0.125, 0.05, alpha_of_attempt(1 - 0.95, 1), 0.005])
    def test_without_a_flip__are_exactly_where_held_begins(self, alpha):
        for margin in (step / 100 for step in range(1, 60)):
            needed = cases_without_a_flip(margin, alpha)
            assert held(Counts(needed, 0, 0), margin, alpha)
            assert not held(Counts(needed - 1, 0, 0), margin, alpha)

    def test_to_hold__are_never_fewer_than_without_a_flip(self):
        assert cases_to_hold(0.0, 0.10, 0.05) == 29
        assert cases_to_hold(0.0001, 0.05, 0.05) == 59

    def test_to_hold__grow_with_flips_with_confidence_and_with_a_narrower_margin(self):
        there = cases_to_hold(0.10, 0.05, 0.05)
        assert there == pytest.approx(247, abs=1)
        assert there < min(cases_to_hold(0.12, 0.05, 0.05), cases_to_hold(0.10, 0.04, 0.05), cases_to_hold(0.10, 0.05, 0.04))

    @pytest.mark.parametrize("attempt", [2, 30, 60, 200])
    def test_at_any_attempt__are_a_number(self, attempt):
        alpha = alpha_of_attempt(0.05, attempt)
        assert cases_to_hold(0.10, 0.05, alpha) > 400
        assert cases_to_improve(0.10, 0.05, alpha) > 400

    @pytest.mark.parametrize(("losses", "n"), [(25, 100), (6, 100), (40, 200), (10, 200)])
    def test_for_a_share__are_where_simulation_finds_it_four_times_in_five(self, losses, n):
        cases, true = cases_for_share(losses, n, 0.15, 0.05), losses / n
        counts = np.random.default_rng(1).binomial(cases, true, 4000)
        p_value = [tail(int(c), cases, 0.15) if true > 0.15 else tail(cases - int(c), cases, 0.85) for c in counts]
        assert np.mean(np.array(p_value) <= 0.05) == pytest.approx(0.8, abs=0.08)

    def test_for_a_share__there_are_none_where_nothing_is_to_be_shown(self):
        assert cases_for_share(0, 0, 0.15, 0.05) is None
        assert cases_for_share(15, 100, 0.15, 0.05) is None
        assert cases_for_share(16, 100, 0.15, 0.05) > 5_000

    @pytest.mark.parametrize(("losses", "n"), [(0, 1), (1, 1), (0, 50), (50, 50)])
    def test_for_a_share__without_or_with_nothing_but_losses_are_still_some(self, losses, n):
        assert 1 <= cases_for_share(losses, n, 0.15, 0.05) < 100
