"""How often held, improved and harmed are wrong for scores between 0 and 1: exact where two values make all outcomes."""

import math

import numpy as np
import pytest

from evalgate.stats.resamples import RESAMPLES
from evalgate.stats.resampling import held, mean_of, p_down, p_up


def share_of(decided, n: int, lose: float, gain: float, drop: float) -> float:
    """Exact chance that `decided` says yes when units lose `lose` or gain `gain` and the true mean is -drop: all outcomes."""
    rare = (drop + gain) / (gain - lose)
    chances = [math.comb(n, k) * rare**k * (1 - rare) ** (n - k) for k in range(n + 1)]
    likely = (k for k in range(n + 1) if chances[k] > 1e-7)
    return sum(chances[k] for k in likely if decided(mean_of([(lose, 1)] * k + [(gain, 1)] * (n - k))))


class TestSize:
    @pytest.mark.parametrize("margin", [0.05, 0.10])
    @pytest.mark.parametrize("n", [10, 30, 60, 100])
    @pytest.mark.parametrize(("lose", "gain"), [(-0.8, 0.02), (-1.0, 0.1), (-1.0, 0.3), (-0.5, 0.5), (-0.2, 1.0)])
    def test_held__is_wrong_in_at_most_five_in_a_hundred_whatever_is_rare(self, n, lose, gain, margin):
        assert share_of(lambda sample: held(sample, margin, 0.05), n, lose, gain, margin) <= 0.05

    @pytest.mark.parametrize("n", [10, 30, 60, 100])
    @pytest.mark.parametrize(("lose", "gain"), [(-0.8, 0.02), (-1.0, 0.1), (-1.0, 0.3), (-0.5, 0.5), (-0.2, 1.0)])
    def test_improvement_and_harm__are_wrong_in_at_most_five_in_a_hundred(self, n, lose, gain):
        assert share_of(lambda sample: p_up(sample) <= 0.05, n, lose, gain, 0.0) <= 0.0501
        assert share_of(lambda sample: p_down(sample) <= 0.05, n, lose, gain, 0.0) <= 0.0501

    def test_a_plain_bootstrap_t__would_say_held_in_forty_of_a_hundred(self):
        def studentised(sample):
            reached = np.searchsorted(sample.ratios, (sample.estimate + 0.05) / sample.error) if sample.error else RESAMPLES
            return sample.estimate > -0.05 and (1 + RESAMPLES - reached) / (1 + RESAMPLES) <= 0.05

        assert share_of(studentised, 10, -0.8, 0.02, 0.05) > 0.4

    @pytest.mark.full
    @pytest.mark.parametrize("margin", [0.05, 0.10])
    @pytest.mark.parametrize("n", [20, 100])
    def test_held__is_wrong_in_at_most_six_in_a_hundred_of_clusters(self, n, margin):
        draw, runs, wrong = np.random.default_rng(n), 300, 0
        for _ in range(runs):
            sizes = draw.integers(4, 9, n)
            together = draw.choice([-1.0, 0.0, 1.0], n, p=[0.15 + margin / 2, 0.7, 0.15 - margin / 2])
            wrong += held(mean_of([(float(d * s), int(s)) for d, s in zip(together, sizes, strict=True)]), margin, 0.05)
        assert wrong / runs <= 0.06
