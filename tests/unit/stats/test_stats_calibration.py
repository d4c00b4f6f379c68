"""Calibration error and AUC against slow references; what few cases and ties must not do."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.stats.calibration import auc, auc_difference, ece_difference, expected_calibration_error


def slow_ece(confidence, right):
    """Case by case: bins by rank, ties share what is right among them, chance taken off each bin."""
    cases = sorted(zip(confidence, right, strict=True))
    n = len(cases)
    bins = min(10, max(1, n // 5))
    level = {c: np.mean([r for other, r in cases if other == c]) for c, _ in cases}
    edges, total = [int(n * k / bins) for k in range(bins + 1)], 0.0
    for low, high in itertools.pairwise(edges):
        share = np.mean([level[c] for c, _ in cases[low:high]])
        said = np.mean([c for c, _ in cases[low:high]])
        off = (share - said) ** 2 - share * (1 - share) / (high - low - 1)
        total += (high - low) / n * max(off, 0.0) ** 0.5
    return total


def slow_auc(scores, positive):
    pairs = [(s, t) for s, p in zip(scores, positive, strict=True) if p for t, q in zip(scores, positive, strict=True) if not q]
    return sum((s > t) + (s == t) / 2 for s, t in pairs) / len(pairs)


def slow_delong_error(base, candidate, positive):
    """The variance of the difference from all pairs of one label that share a case of the other."""

    def psi(scores, i, j):
        return (scores[i] > scores[j]) + (scores[i] == scores[j]) / 2

    yes, no = [i for i, p in enumerate(positive) if p], [i for i, p in enumerate(positive) if not p]
    d = np.array([[psi(candidate, i, j) - psi(base, i, j) for j in no] for i in yes], dtype=float)
    return (d.mean(axis=1).var(ddof=1) / len(yes) + d.mean(axis=0).var(ddof=1) / len(no)) ** 0.5


def drawn(seed, n, off=0.0, digits=9):
    draw = np.random.default_rng(seed)
    confidence = np.round(draw.uniform(0.3, 0.99, n), digits)
    return [(float(c), bool(r)) for c, r in zip(confidence, draw.random(n) < confidence - off, strict=True)]


class TestCalibration:
    @pytest.mark.parametrize("digits", [9, 1])
    @pytest.mark.parametrize("n", [5, 9, 14, 50, 137, 400])
    def test_it_is_what_the_slow_reference_says(self, n, digits):
        pairs = drawn(n, n, 0.2, digits)
        assert expected_calibration_error(*zip(*pairs, strict=True)) == pytest.approx(slow_ece(*zip(*pairs, strict=True)))

    def test_the_calibrated_are_near_zero_and_the_overconfident_near_what_they_overstate(self):
        assert expected_calibration_error(*zip(*drawn(1, 4000), strict=True)) < 0.02
        assert expected_calibration_error(*zip(*drawn(1, 4000, 0.2), strict=True)) == pytest.approx(0.2, abs=0.02)

    def test_chance_is_taken_off_in_few_cases(self):
        found = [expected_calibration_error(*zip(*drawn(seed, 60), strict=True)) for seed in range(200)]
        assert np.mean(found) < 0.09  # without it 0.14

    @pytest.mark.parametrize("n", [0, 1, 4])
    def test_below_five_cases_nothing_is_said(self, n):
        assert expected_calibration_error([0.5] * n, [True] * n) is None
        assert ece_difference([(0.5, True)] * n, [(0.6, False)] * n).estimate is None

    @given(st.integers(0, 1000), st.randoms(use_true_random=False))
    def test_the_order_does_not_matter(self, seed, shuffler):
        pairs = drawn(seed, 40, 0.1, 1)
        again = pairs.copy()
        shuffler.shuffle(again)
        there, here = (expected_calibration_error(*zip(*side, strict=True)) for side in (pairs, again))
        assert here == pytest.approx(there, abs=1e-12)

    @pytest.mark.parametrize("wrong", [([1.2] * 6, [True] * 6), ([float("nan")] * 6, [True] * 6), ([0.5] * 6, [True] * 5)])
    def test_what_is_no_confidence_is_refused(self, wrong):
        with pytest.raises(ValueError, match=r"confidence|argument"):
            expected_calibration_error(*wrong)

    def test_a_candidate_that_overstates_is_found_and_seeds_agree(self):
        base, candidate = drawn(2, 600), drawn(2, 600, 0.2)
        one, other = (ece_difference(base, candidate, seed) for seed in (1, 2))
        assert one.estimate == pytest.approx(0.18, abs=0.05)
        assert one.p_up < 0.001
        assert one.p_down > 0.9
        assert one.error == pytest.approx(other.error, rel=0.1)
        back = ece_difference(candidate, base, 1)
        assert (back.estimate, back.p_down) == (-one.estimate, pytest.approx(one.p_up, abs=1e-3))

    @pytest.mark.full
    def test_between_equals_it_seldom_fires(self):
        fired = [ece_difference(drawn(seed, 100), drawn(seed + 500, 100)).p_up <= 0.05 for seed in range(120)]
        assert np.mean(fired) <= 0.05 + 3 * (0.05 * 0.95 / 120) ** 0.5

    def test_the_same_on_both_sides_is_no_certainty(self):
        same = ece_difference(drawn(3, 50), drawn(3, 50))
        assert same.estimate == 0
        assert same.p_up == same.p_down == 0.5
        assert same.low < -0.03 < 0.03 < same.high


class TestAuc:
    @pytest.mark.parametrize("digits", [9, 1])
    @pytest.mark.parametrize("n", [3, 10, 80])
    def test_it_is_the_share_of_all_pairs(self, n, digits):
        draw = np.random.default_rng(n)
        positive = np.arange(n) % 3 == 0
        scores = np.round(draw.normal(positive * 0.7, 1), digits)
        assert auc(scores, positive) == pytest.approx(slow_auc(scores, positive))

    def test_without_one_of_either_nothing_is_said(self):
        assert auc([], []) is auc([0.3], [True]) is auc([0.3, 0.4], [False, False]) is None
        assert auc_difference([0.1, 0.2], [0.3, 0.1], [True, False]).estimate is None

    @pytest.mark.parametrize("digits", [9, 0])
    def test_the_difference_has_delongs_error(self, digits):
        draw = np.random.default_rng(4)
        positive = draw.random(60) < 0.4
        base = np.round(draw.normal(positive * 0.5, 1), digits)
        candidate = np.round(base + draw.normal(positive * 0.8, 0.7), digits)
        difference = auc_difference(base, candidate, positive)
        assert difference.estimate == pytest.approx(slow_auc(candidate, positive) - slow_auc(base, positive))
        assert difference.error == pytest.approx(slow_delong_error(base, candidate, positive))
        assert difference.p_up < 0.05

    def test_between_equals_it_seldom_fires(self):
        draw, fired = np.random.default_rng(5), 0
        positive = np.arange(60) < 20
        for _ in range(2000):
            shared = draw.normal(positive, 1)
            fired += auc_difference(shared + draw.normal(size=60), shared + draw.normal(size=60), positive).p_up <= 0.05
        assert fired / 2000 <= 0.055

    def test_two_that_part_all_cases_are_no_certainty(self):
        perfect = auc_difference([0.1, 0.2, 0.8, 0.9], [0.0, 0.3, 0.7, 0.9], [False, False, True, True])
        assert (perfect.estimate, perfect.error, perfect.p_up) == (0.0, 0.0, 0.5)
        assert perfect.high - perfect.low > 1

    @pytest.mark.parametrize("wrong", [([1.0], [1.0, 2.0], [True, False]), ([1.0, 2.0], [1.0, 2.0], [True])])
    def test_unequal_sides_are_refused(self, wrong):
        with pytest.raises(ValueError, match="scores of base"):
            auc_difference(*wrong)
