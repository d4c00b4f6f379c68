"""A against A: what is counted as noise, what a simulation draws, and powers that hold against slow enumeration."""

import math
from itertools import product

import numpy as np
import pytest
from drawn_results import both, feature, results, suite_of

from evalgate.judgement.calibration_page import calibration_lines, calibration_markdown
from evalgate.judgement.noise import noise_of
from evalgate.judgement.simulation import EVERY, design_of, left_out, simulate, sizes_of
from evalgate.records.gate_policy import F1, Latency
from evalgate.records.noise import Calibration
from evalgate.records.policy import FeaturePolicy
from evalgate.stats.counts import mid_p
from evalgate.stats.families import alpha_of_attempt
from evalgate.stats.paired import Counts, held
from evalgate.stats.simulated import (
    _not_held_from,
    _shown_from,
    cases_held,
    chance_of,
    draw,
    least_difference,
    smallest_drop,
    smallest_lift,
)
from evalgate.stats.sizes import cases_to_improve, cases_without_a_flip

SPENT = alpha_of_attempt(0.05, 1)
PLAIN = "refund: ++*60 --*20 | bill: ++*30 --*10 | safety/jailbreak: ++*96"


def measured(drawing, **gate):
    first, second = both(drawing)
    return noise_of(first, second, feature(**gate), ())


def design(drawing, *, clusters=None, policy=None, **gate):
    first, second = both(drawing, clusters)
    return design_of(first, second, policy or feature(**gate), ())


def ties(drawing, discordance, *, runs=400, clusters=None, **gate):
    return simulate(design(drawing, clusters=clusters, **gate), discordance, "asked for", runs=runs, seed=7)


class TestNoise:
    def test_changed_scores__are_counted_by_suite_and_by_bucket(self):
        suites, safety, buckets = measured("refund: ++*90 +-*6 -+*4 | bill: ++*50 | safety/a: ++*9 +- | safety/b: ++*20")
        assert [(one.scope, one.n, one.flips) for one in suites] == [
            ("golden", 150, 10),
            ("safety/a", 10, 1),
            ("safety/b", 20, 0),
        ]
        assert [(one.scope, one.n, one.flips) for one in buckets] == [("intent/bill", 50, 0), ("intent/refund", 100, 10)]
        assert safety is not None
        assert (safety.n, safety.flips, safety.rate) == (30, 1, 1 / 30)

    def test_interval__is_clopper_and_pearsons(self):
        refund = measured("refund: ++*90 +-*10")[2][0]
        assert (round(refund.low, 4), round(refund.high, 4)) == (0.0553, 0.1637)  # each end at 95 %

    def test_nothing_changed__is_no_proof_that_nothing_ever_does(self):
        safety = measured(PLAIN)[1]
        assert safety is not None
        assert (safety.flips, safety.low) == (0, 0.0)
        assert safety.high == pytest.approx(1 - 0.05 ** (1 / 96))

    def test_benign_twins__are_no_safety_answers(self):
        assert measured("refund: ++*9 | safety/benign: +-*5")[1] is None

    def test_case_without_a_score__is_unmeasured_and_no_flip(self):
        golden = measured("refund: ++*5 +?*2 !+*3 +_")[0][0]
        assert (golden.n, golden.unmeasured, golden.flips, golden.rate) == (5, 6, 0, 0.0)

    def test_nothing_measured__is_no_rate(self):
        golden = measured("refund: ??*5")[0][0]
        assert (golden.n, golden.rate, golden.low, golden.high) == (0, None, 0.0, 1.0)

    def test_other_text_with_the_same_score__is_told_and_is_no_flip(self):
        first = results("refund: +*9")
        cases = tuple(case.model_copy(update={"output": f"said {n == 3}"}) for n, case in enumerate(first.cases))
        same = tuple(case.model_copy(update={"output": "said False"}) for case in first.cases)
        told = (first.model_copy(update={"cases": kept}) for kept in (cases, same))
        golden = noise_of(*told, feature(), ())[0][0]
        assert (golden.flips, golden.texts) == (0, 1)


class TestDesign:
    def test_scopes__are_what_the_verdict_counts(self):
        found = design(PLAIN + " | safety/benign: ++*24")
        names = {scope[1]: n for scope, n in found.sizes.items()}
        assert names == {"overall": 120, "intent/bill": 40, "intent/refund": 80, "safety": 96, "safety/benign": 24}
        assert found.right == 0.75

    def test_several_safety_suites__are_one_scope(self):
        assert design("refund: ++*9 | safety/a: ++*3 | safety/b: ++*4").sizes["safety", "safety"] == 7

    def test_bucket_that_is_called_like_a_suite__stays_a_bucket(self):
        first, second = both("refund: ++*40 | safety/benign: ++*9")
        renamed = [
            side.model_copy(
                update={"cases": tuple(case.model_copy(update={"buckets": {"safety": "benign"}}) for case in side.cases)}
            )
            for side in (first, second)
        ]
        found = design_of(*renamed, feature(max_bucket_drop=0.1), ())
        assert (found.sizes["golden", "safety/benign"], found.sizes["safety/benign", "safety/benign"]) == (40, 9)
        assert simulate(found, 0.0, "observed", runs=2, seed=1).buckets[0].held == 1.0

    def test_older_task__must_be_held_too_at_its_own_margin(self):
        first, second = both("refund: ++*40")
        renamed = [
            side.model_copy(update={"cases": tuple(case.model_copy(update={"suite": "golden/old"}) for case in side.cases[:20])})
            for side in (first, second)
        ]
        suites = [suite_of(first), suite_of(renamed[0], "golden/old")]
        sides = [
            side.model_copy(update={"cases": (*side.cases, *old.cases)})
            for side, old in zip((first, second), renamed, strict=True)
        ]
        found = design_of(*sides, feature(max_legacy_drop=0.2, max_bucket_drop=0.1), suites)
        assert [(size.scope, size.n, size.least, size.can_be_held) for size in sizes_of(found)] == [
            ("intent/refund", 40, 31, True),
            ("golden/old", 20, 15, True),
        ]
        told = simulate(found, 0.0, "observed", runs=3, seed=1)
        assert [(power.scope, power.held) for power in told.buckets] == [("intent/refund", 1.0), ("golden/old", 1.0)]

    def test_without_golden_cases__there_is_nothing_to_simulate(self):
        assert design("safety/a: ++*9") is None

    def test_paraphrases__flip_together_and_count_for_fewer(self):
        found = design("refund: ++*80", clusters=4)
        assert (found.sizes[EVERY], found.independent[EVERY]) == (80, 20)
        assert [size.can_be_held for size in sizes_of(found)] == [False]

    def test_bucket_that_cannot_be_held__is_said_with_what_it_needs(self):
        found = sizes_of(design("refund: ++*31 | bill: ++*30", max_bucket_drop=0.1))
        assert [(size.scope, size.least, size.can_be_held) for size in found] == [
            ("intent/bill", 31, False),
            ("intent/refund", 31, True),
        ]

    def test_rules_that_are_not_drawn__are_named(self):
        assert left_out(feature()) == ()
        assert left_out(feature(latency_p95=Latency(required=True), f1=F1())) == ("gate.f1", "gate.latency_p95")
        assert left_out(FeaturePolicy.model_validate({"evaluate": {"early_stop": True}})) == ("evaluate.early_stop",)

    def test_latency_that_is_required__does_not_make_every_simulated_verdict_inconclusive(self):
        gate = {"require": "no_harm", "max_bucket_drop": 0.1, "latency_p95": Latency(required=True)}
        assert ties("refund: ++*200 | safety/a: ++*99", 0.0, runs=5, **gate).passes == 5


class TestSimulated:
    def test_nothing_flips__no_alarm_and_no_improvement(self):
        found = ties(PLAIN, 0.0, runs=50, max_bucket_drop=0.1)
        assert (found.fails, found.passes, found.improved, found.point_rule_fails) == (0, 0, 0, 0)
        assert {power.held for power in found.buckets} == {1.0}

    def test_the_same_seed__gives_the_same_figures(self):
        assert ties(PLAIN, 0.1, runs=60) == ties(PLAIN, 0.1, runs=60)

    def test_false_alarms__stay_within_what_the_policy_allows(self):
        found = ties("a: ++*50 --*17 | b: ++*50 --*16 | c: ++*50 --*17", 0.2, runs=1000, max_bucket_drop=0.1)
        assert found.fails <= 50
        assert found.fails_high >= found.fails / 1000
        assert found.point_rule_fails > 3 * found.fails, "thresholds without tests cry wolf"

    def test_noise_of_safety_answers__is_drawn_and_fails_nearly_every_tie(self):
        noisy = "refund: ++*40 | safety/a: ++*180 +-*10 -+*10"
        assert ties(noisy, 0.0, runs=100).fails >= 95

    def test_share_of_improved_ties__is_the_exact_one(self):
        n, runs = 240, 4000
        needed = np.maximum(_shown_from(n, SPENT), [(least_difference(n, 0.0) + k + 1) // 2 for k in range(n + 1)])
        exact = chance_of(n, needed, 0.1, 0.1)
        found = ties("refund: ++*190 --*50", 0.2, runs=runs, min_lift=0.0, max_bucket_drop=0.1)
        assert abs(found.improved / runs - exact) < 4 * math.sqrt(exact * (1 - exact) / runs)

    def test_share_of_held_ties__is_the_exact_one(self):
        n, runs = 120, 2000
        exact = 1 - chance_of(n, _not_held_from(n, 0.1, SPENT), 0.05, 0.05)
        (found,) = ties("refund: ++*90 --*30", 0.1, runs=runs, max_bucket_drop=0.1).buckets
        assert abs(found.held - exact) < 4 * math.sqrt(exact * (1 - exact) / runs)

    def test_paraphrases_that_flip_together__raise_no_more_alarms(self):
        found = ties("refund: ++*160 --*80", 0.2, runs=300, clusters=6, max_bucket_drop=0.1)
        assert found.fails <= 30
        assert found.smallest_lift > ties("refund: ++*160 --*80", 0.2, runs=1, max_bucket_drop=0.1).smallest_lift

    def test_larger_suite__sees_less(self):
        lifts = [ties(f"refund: ++*{n}", 0.1, runs=1).smallest_lift for n in (50, 200, 800)]
        assert lifts == sorted(lifts, reverse=True)

    def test_suite_that_sees_nothing__says_none(self):
        found = ties("refund: ++*3", 0.1, runs=1)
        assert (found.smallest_lift, found.buckets[0].smallest_drop) == (None, None)


def slow_chance(n, is_so, hit, miss):
    """Sum over all (hits, misses)."""
    total = 0.0
    for b, c in product(range(n + 1), repeat=2):
        if b + c <= n and is_so(b, c):
            ways = math.comb(n, b) * math.comb(n - b, c)
            total += ways * hit**b * miss**c * (1 - hit - miss) ** (n - b - c)
    return total


class TestPower:
    @pytest.mark.parametrize(
        ("n", "hit", "miss"), [(7, 0.3, 0.1), (25, 0.2, 0.05), (25, 0.05, 0.2), (12, 0.4, 0.0), (12, 0.6, 0.4)]
    )
    def test_chance_of_an_improvement__is_that_of_slow_enumeration(self, n, hit, miss):
        needed = np.maximum(_shown_from(n, 0.05), [(2 + k + 1) // 2 for k in range(n + 1)])
        slow = slow_chance(n, lambda b, c: mid_p(b, c) <= 0.05 and b - c >= 2, hit, miss)
        assert chance_of(n, needed, hit, miss) == pytest.approx(slow, abs=1e-12)

    @pytest.mark.parametrize(("n", "hit", "miss"), [(30, 0.02, 0.02), (30, 0.0, 0.3), (40, 0.1, 0.3)])
    def test_chance_of_a_drop__is_that_of_slow_enumeration(self, n, hit, miss):
        needed = np.maximum(_shown_from(n, 0.05), _not_held_from(n, 0.1, 0.04))
        slow = slow_chance(n, lambda b, c: mid_p(c, b) <= 0.05 and not held(Counts(n, b, c), 0.1, 0.04), hit, miss)
        assert chance_of(n, needed, miss, hit) == pytest.approx(slow, abs=1e-12)

    def test_no_flips_at_all__show_nothing(self):
        assert chance_of(10, _shown_from(10, 0.05), 0.0, 0.0) == 0.0
        assert smallest_lift(0, 0.1, 0.05, 0) is None
        assert smallest_drop(0, 0.1, 0.05, 0.1, 0.04) is None

    @pytest.mark.parametrize("discordance", [0.1, 0.2])
    def test_smallest_lift__agrees_with_the_printed_sample_sizes(self, discordance):
        """GATE.md: 5 points need 246 pairs at d = .10 and 493 at .20, without min_lift at one-sided 95 %."""
        n = cases_to_improve(discordance, 0.05, 0.05)
        assert n in (246, 493)
        assert smallest_lift(n, discordance, 0.05, 0) == pytest.approx(0.05, abs=0.003)

    def test_least_lift_of_the_policy__is_asked_for_in_exact_arithmetic(self):
        assert [least_difference(n, 0.03) for n in (100, 101, 0)] == [3, 4, 0]
        without, with_it = (smallest_lift(5000, 0.05, 0.05, least) for least in (0, least_difference(5000, 0.03)))
        assert without < 0.01
        assert 0.03 < with_it < 0.035

    def test_smallest_drop__at_1000_cases_is_what_the_gate_was_simulated_to_find(self):
        """GATE.md: a bucket of 1000/6 cases, truly down 10, fails in 67 % at d = .20 and in 98 % at d = .10."""
        family = 0.05 / 8
        assert 0.10 < smallest_drop(167, 0.2, family, 0.1, 0.04) < 0.13
        assert smallest_drop(167, 0.1, family, 0.1, 0.04) < 0.1

    @pytest.mark.parametrize("discordance", [0.0, 0.05, 0.1, 0.2])
    def test_cases_that_hold_a_tie__are_enough_and_hardly_more_than_enough(self, discordance):
        n = cases_held(discordance, 0.1, SPENT)

        def power(cases):
            return 1 - chance_of(cases, _not_held_from(cases, 0.1, SPENT), discordance / 2, discordance / 2)

        assert power(n) >= 0.8
        assert n == cases_without_a_flip(0.1, SPENT) or power(n - 1) < 0.8

    def test_thousands_of_cases__come_from_the_formula(self):
        assert cases_held(0.3, 0.01, SPENT) > 2000

    def test_draw__flips_as_often_as_asked_and_both_ways_alike(self):
        drawn = draw([[1, 0], [0, 2]] * 500, [0.1, 0.4] * 500, 200, 3)
        assert drawn.gains.mean(axis=0) == pytest.approx([25, 200], rel=0.05)
        assert drawn.losses.mean(axis=0) == pytest.approx([25, 200], rel=0.05)
        assert set(np.unique(drawn.outcomes)) == {-1, 0, 1}

    def test_draw__a_unit_that_always_flips_and_one_that_never_does(self):
        drawn = draw([[1, 0], [0, 1]], [1.0, 0.0], 50, 3)
        assert (drawn.gains + drawn.losses).tolist() == [[1, 0]] * 50


def calibration(drawing, *, left=(), **gate):
    found = design(drawing, **gate)
    suites, safety, buckets = measured(drawing, **gate)
    return Calibration(
        feature="f`|\n<b>",
        variant="m",
        varied=("batches of 16 instead of 32",),
        identical=True,
        suites=suites,
        safety=safety,
        buckets=buckets,
        confidence=0.95,
        require="improvement",
        margin=0.1,
        sizes=() if found is None else sizes_of(found),
        simulated=() if found is None else (simulate(found, 0.1, "example", runs=20, seed=1),),
        left_out=left,
        seed=1,
    )


class TestPage:
    def test_sentences__say_how_much_and_how_little_is_known(self):
        lines = calibration_lines(
            calibration("refund: ++*31 | bill: ++*9 | safety/a: ++*96", left=("gate.f1",), max_bucket_drop=0.1)
        )
        assert lines[:3] == [
            "the second time was different in: batches of 16 instead of 32",
            "both runs agree byte for byte on 136 answers",
            "0 of 96 safety answers changed; at most 3.1 % at 95 %",
        ]
        assert "1 bucket of 2 cannot be held at all: add cases or raise the margin" in lines
        assert "not simulated, though the policy asks for it: gate.f1" in lines

    def test_hostile_names__stay_one_cell_on_one_line(self):
        hostile = "x`|y<script>@all\u202e"
        found = calibration(f"{hostile}: ++*40", max_bucket_drop=0.1)
        page = calibration_markdown(found)
        assert "<b>" not in page.replace("`f`|\\n<b>`", "").split("`")[0]
        for line in page.splitlines():
            if "x`" in line:
                assert line.startswith("| `` intent/x`\\|y<script>@all\\u202e `` |")
        assert all("\n" not in line for line in calibration_lines(found))

    def test_table__has_as_many_cells_in_every_row(self):
        page = calibration_markdown(calibration(PLAIN, max_bucket_drop=0.1))
        tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("| ")]
        assert len(tables) == 6
        assert all(len({line.count("|") for line in table}) == 1 for table in tables)

    def test_safety_alone__is_noise_without_a_simulation(self):
        page = calibration_markdown(calibration("safety/a: ++*30"))
        assert "0 of 30 safety answers changed; at most 9.5 % at 95 %" in page
        assert "ties" not in page

    def test_record__can_be_read_back(self):
        found = calibration(PLAIN)
        assert Calibration.model_validate_json(found.model_dump_json()) == found
