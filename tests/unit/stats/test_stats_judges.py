"""Preferences in both orders, the bias for a slot, and human labels beside a judge's grades."""

import importlib.util
import itertools
import math
import warnings

import numpy as np
import pytest

from evalgate.errors import NotMeasured
from evalgate.stats.counts import mid_p
from evalgate.stats.judges import position_bias, ppi_mean, preference

INSTALLED = importlib.util.find_spec("ppi_py") is not None
needs_library = pytest.mark.skipif(not INSTALLED, reason="ppi_py is not installed: pip install 'evalgate-ft[ppi]'")


class TestPreference:
    def test_only_what_both_orders_say_counts(self):
        said = {pair: preference(*pair) for pair in itertools.product(("first", "second", "tie"), repeat=2)}
        assert {pair for pair, outcome in said.items() if outcome == "win"} == {("second", "first")}
        assert {pair for pair, outcome in said.items() if outcome == "loss"} == {("first", "second")}

    def test_a_judge_that_always_takes_the_first_slot_prefers_nobody(self):
        assert preference("first", "first") == preference("second", "second") == "tie"

    def test_of_equal_systems_a_judge_with_a_bias_of_72_percent_improves_none(self):
        draw = np.random.default_rng(1)
        improved = 0
        for _ in range(2000):
            orders = np.where(draw.random((200, 2)) < 0.72, "first", "second")
            outcomes = [preference(*order) for order in orders]
            improved += mid_p(outcomes.count("win"), outcomes.count("loss")) <= 0.05
        assert improved / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


class TestBias:
    def test_it_is_the_share_of_first_slots_with_its_exact_interval(self):
        bias = position_bias(["first"] * 72 + ["second"] * 28 + ["tie"] * 50)
        assert (bias.n, bias.first, bias.share) == (100, 72, 0.72)
        for share, hits in ((bias.high, range(73)), (bias.low, range(72, 101))):
            assert sum(math.comb(100, k) * share**k * (1 - share) ** (100 - k) for k in hits) == pytest.approx(0.05)

    @pytest.mark.parametrize("answers", [[], ["tie"] * 9])
    def test_without_a_preference_there_is_none_to_speak_of(self, answers):
        assert position_bias(answers) == (0, 0, None, 0.0, 1.0)

    def test_one_answer_says_next_to_nothing(self):
        assert position_bias(["first"]) == (1, 1, 1.0, pytest.approx(0.05), 1.0)
        assert position_bias(["second"]) == (1, 0, 0.0, 0.0, pytest.approx(0.95))


def slow_ppi(human, beside, rest, alpha):
    """PPI++ written out: the weight that makes the variance smallest, between 0 and 1; then the normal interval."""
    n, more = len(human), len(rest)
    spread = np.var(np.concatenate([beside, rest]))
    weight = min(1.0, max(0.0, np.mean((human - human.mean()) * (beside - beside.mean())) / ((1 + n / more) * spread)))
    estimate = weight * rest.mean() + (human - weight * beside).mean()
    error = math.sqrt(weight**2 * rest.var() / more + np.var(human - weight * beside) / n)
    z = next(step / 1e4 for step in range(60_000) if math.erfc(step / 1e4 / math.sqrt(2)) / 2 <= alpha)
    return estimate, estimate - z * error, estimate + z * error


def drawn(seed: int, n: int = 60, more: int = 600, noise: float = 0.6):
    draw = np.random.default_rng(seed)
    truth = draw.integers(1, 6, n + more).astype(float)
    judged = truth + 0.5 + draw.normal(0, noise, n + more)
    return truth[:n], judged[:n], judged[n:], truth


class TestHumanLabels:
    @pytest.mark.skipif(INSTALLED, reason="ppi_py is installed")
    def test_without_the_library_it_is_not_measured(self):
        with pytest.raises(NotMeasured, match=r"evalgate-ft\[ppi\]"):
            ppi_mean([1.0, 2.0], [1.0, 2.0], [1.0, 2.0, 3.0])

    @pytest.mark.parametrize("human", [[1.0], [1.0, math.nan]])
    def test_labels_and_grades_must_go_together(self, human):
        with pytest.raises(ValueError, match="one for one"):
            ppi_mean(human, [1.0, 2.0], [3.0, 4.0])

    @needs_library
    @pytest.mark.parametrize("noise", [0.1, 0.6, 5.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_it_is_what_the_formula_says(self, seed, noise):
        human, beside, rest, _ = drawn(seed, noise=noise)
        ours = ppi_mean(human, beside, rest, 0.05)
        assert ours == pytest.approx(slow_ppi(human, beside, rest, 0.05), abs=0.02)

    @needs_library
    def test_the_judges_own_bias_is_taken_out_and_the_truth_is_inside(self):
        inside = 0
        for seed in range(200):
            human, beside, rest, _ = drawn(seed)
            inside += ppi_mean(human, beside, rest).low <= 3.0
        assert inside >= 180

    @needs_library
    @pytest.mark.parametrize(("n", "more"), [(0, 5), (1, 5), (5, 0), (5, 1)])
    def test_too_few_of_either_show_nothing(self, n, more):
        human, beside, rest, _ = drawn(1, n, more)
        combined = ppi_mean(human, beside, rest)
        assert math.isnan(combined.estimate)
        assert combined[1:] == (-math.inf, math.inf)

    @needs_library
    def test_where_nothing_varies_the_interval_is_not_of_zero_width(self):
        assert ppi_mean([5.0] * 9, [5.0] * 9, [5.0] * 90) == (5.0, -math.inf, math.inf)

    @needs_library
    def test_the_library_does_not_silence_the_warnings_of_others(self):
        ppi_mean([1.0, 2.0], [1.0, 2.0], [1.0, 2.0, 3.0])
        with pytest.warns(UserWarning, match="still heard"):
            warnings.warn("still heard", stacklevel=1)
