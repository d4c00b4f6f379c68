"""Latency and cost: only a probe says how slow, an improvement pays for some of it, and what is unknown is not zero."""

import math

import numpy as np
import pytest
from drawn_results import BETTER, TIE, both, decided, each, policy_of, probed, reasons, states
from pydantic import ValidationError

from evalgate.judgement.compare import Beside
from evalgate.records.evaluation import Timing

NO_HARM = {"require": "no_harm"}


def timed(ratio, drawing=TIE, n=100, gate=NO_HARM):
    """The verdict where the candidate takes `ratio` times base's time, in n cases that hardly vary."""
    noise = np.random.default_rng(7).normal(1.0, 0.01, size=(n, 2))
    times = [(100 * float(a), 100 * ratio * float(b)) for a, b in noise]
    return decided(both(drawing), policy_of(gate), beside=Beside(probe=probed(*times)))[1]


def state(verdict):
    return states(verdict, "latency_p95")["overall"]


class TestLatency:
    def test_eight_percent_slower_is_fine(self):
        verdict = timed(1.08)
        assert (verdict.verdict, state(verdict)) == ("pass", "within")

    def test_faster_is_fine(self):
        assert timed(0.5).verdict == "pass"

    def test_fifteen_percent_slower_blocks_without_an_improvement(self):
        verdict = timed(1.15)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["latency_p95 overall slower, not proven too slow"])

    def test_fifteen_percent_slower_is_paid_for_by_an_improvement(self):
        verdict = timed(1.15, BETTER, gate={})
        assert (verdict.verdict, state(verdict)) == ("pass", "slower, paid for by the improvement")

    def test_sixty_percent_slower_fails_without_an_improvement(self):
        verdict = timed(1.6)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["latency_p95 overall too slow"])

    def test_sixty_percent_slower_with_an_improvement_is_shown(self):
        verdict = timed(1.6, BETTER, gate={})
        assert (verdict.verdict, state(verdict)) == ("pass", "much slower, paid for by the improvement")
        figure = next(figure for figure in verdict.figures if figure.rule == "latency_p95")
        assert figure.candidate / figure.base == pytest.approx(1.6, abs=0.03)
        assert figure.unit == "ms"

    def test_much_slower_that_is_not_proven_blocks(self):
        slow = [(100.0, 100.0)] * 46 + [(100.0, 100.0 + 20 * k) for k in range(1, 5)]
        verdict = decided(both(TIE), policy_of(NO_HARM), beside=Beside(probe=probed(*slow)))[1]
        assert verdict.verdict == "inconclusive"
        assert state(verdict).endswith("not proven too slow")

    def test_forty_nine_cases_are_not_measured(self):
        assert state(timed(1.6, n=49)) == "not measured"
        assert state(timed(1.6, n=50)) == "too slow"

    def test_a_case_that_was_timed_twice_is_one_case(self):
        times = probed(*[(100.0, 160.0)] * 49)
        twice = times.model_copy(update={"timings": (*times.timings, times.timings[0])})
        assert state(decided(both(TIE), policy_of(NO_HARM), beside=Beside(probe=twice))[1]) == "not measured"

    def test_without_a_probe_it_blocks_only_where_it_is_required(self):
        required = {**NO_HARM, "latency_p95": {"required": True}}
        assert decided(both(TIE), policy_of(NO_HARM))[1].verdict == "pass"
        verdict = decided(both(TIE), policy_of(required))[1]
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["latency_p95 overall not measured"])
        assert timed(1.0, n=49, gate=required).verdict == "inconclusive"

    def test_a_result_that_carries_a_latency_is_no_probe(self):
        slow = [each(side, lambda *_, ms=ms: {"latency_ms": ms}) for side, ms in zip(both(TIE), (1.0, 900.0), strict=True)]
        for gate in (NO_HARM, {**NO_HARM, "latency_p95": {"required": True}}):
            comparison, verdict = decided(tuple(slow), policy_of(gate))
            assert (comparison.timings, state(verdict)) == (None, "not measured")

    @pytest.mark.parametrize("ms", [0.0, -1.0, math.nan, math.inf])
    def test_a_time_that_is_none_is_refused(self, ms):
        with pytest.raises(ValidationError):
            Timing(case_id="t", base_ms=1.0, candidate_ms=ms)

    def test_the_order_of_the_probe_changes_nothing(self):
        times = [(100.0 + n, 103.0 + n * 1.3) for n in range(60)]
        ours, theirs = (
            decided(both(TIE), policy_of(NO_HARM), beside=Beside(probe=probed(*told))) for told in (times, times[::-1])
        )
        assert ours == theirs

    def test_nothing_changed__fails_in_at_most_five_of_a_hundred(self):
        draw, runs = np.random.default_rng(11), 60
        sides, failed = both("refund: ++*80 -+*1 +-*1"), 0
        for _ in range(runs):
            times = draw.lognormal(4, 0.5, size=(50, 1)) * draw.lognormal(0, 0.2, size=(50, 2))
            beside = Beside(probe=probed(*((float(a), float(b)) for a, b in times)))
            failed += decided(sides, policy_of(NO_HARM), beside=beside)[1].verdict == "fail"
        assert failed / runs <= 0.05


def costing(base, candidate, drawing=TIE, cost=None, **gate):
    sides = both(drawing)
    priced = [
        each(side, lambda number, _, price=price: {"cost": price(number)})
        for side, price in zip(sides, (base, candidate), strict=True)
    ]
    return decided(tuple(priced), policy_of({**NO_HARM, **({} if cost is None else {"cost_per_call": cost}), **gate}))[1]


class TestCost:
    def test_without_the_key_the_rule_never_appears(self):
        verdict = costing(lambda _: 1.0, lambda _: 9.0)
        assert (states(verdict, "cost_per_call"), verdict.verdict) == ({}, "pass")

    def test_a_little_dearer_is_fine(self):
        verdict = costing(lambda n: 1.0 + n % 3, lambda n: 1.05 * (1.0 + n % 3), cost={})
        assert (verdict.verdict, states(verdict, "cost_per_call")) == ("pass", {"overall": "within"})

    @pytest.mark.parametrize("price", [0.3, 1.0, 0.0007])
    def test_dearer_by_just_the_limit_is_within(self, price):
        verdict = costing(lambda n: price * (1 + n % 7), lambda n: price * (1 + n % 7) * 1.1, cost={})
        assert states(verdict, "cost_per_call") == {"overall": "within"}

    def test_twice_as_dear_fails_and_no_improvement_pays_for_it(self):
        for drawing in (TIE, BETTER):
            verdict = costing(lambda n: 1.0 + n % 3, lambda n: 2.0 + 2 * (n % 3), drawing, cost={})
            assert (verdict.verdict, reasons(verdict)) == ("fail", ["cost_per_call overall too dear"])

    def test_dearer_that_is_not_proven_blocks(self):
        verdict = costing(lambda _: 1.0, lambda n: 80.0 if n == 5 else 1.0, cost={})
        assert (verdict.verdict, states(verdict, "cost_per_call")) == ("inconclusive", {"overall": "dearer, not proven"})

    @pytest.mark.parametrize("price", [lambda n: 1.0 if n else None, lambda _: None, lambda _: 0.0])
    def test_a_cost_that_is_not_known_is_not_zero_and_blocks_where_it_is_required(self, price):
        verdict = costing(lambda _: 1.0, price, cost={"required": True})
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["cost_per_call overall not known"])
        assert costing(lambda _: 1.0, price, cost={}).verdict == "pass"
