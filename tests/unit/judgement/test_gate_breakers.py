"""What breaks gates: each known way in which a gate was talked into a verdict, and what this one says."""

import numpy as np
import pytest
from drawn_results import (
    BETTER,
    both,
    chosen,
    decided,
    each,
    feature,
    judged,
    policy_of,
    prefers,
    reasons,
    results,
    states,
    suite_of,
    verdict_on,
)
from pydantic import ValidationError

from evalgate.errors import PolicyError
from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.judgement.measures import preference
from evalgate.judgement.plan import plan
from evalgate.judgement.scopes import sample_of
from evalgate.policy import parse
from evalgate.stats.lift import p_up

LEAST = {"require": "no_harm", "min_lift": 0.0, "max_drop": 0.99, "max_bucket_drop": 0.99, "max_regression_share": 1.0}
"""The least that a policy can ask for."""


class TestTooLittle:
    @pytest.mark.parametrize("drawing", ["refund: ++*10", "refund: --*10", "refund: ++*5 --*5"])
    def test_ten_cases_without_a_loss_are_not_held_within_a_point_and_a_half(self, drawing):
        verdict = judged(drawing, require="no_harm", max_bucket_drop=0.015, max_drop=0.015)
        assert verdict.verdict == "inconclusive"
        bucket = verdict.scopes[1]
        assert (bucket.state, bucket.certified_margin > 0.2) == ("unclear", True)
        assert bucket.high - bucket.low > 0.2
        assert "add golden cases" in str(verdict.next_step)

    @pytest.mark.parametrize("marks", ["++", "-+", "+-", "--"])
    def test_a_bucket_of_one_case_never_passes_and_does_not_fail_by_itself(self, marks):
        verdict = judged(f"{BETTER} | login: {marks}")
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["bucket intent/login unclear"])
        assert verdict.scopes[2].low < -0.5

    @pytest.mark.parametrize("marks", ["++", "--"])
    def test_all_cases_tied_is_a_tie_and_no_improvement(self, marks):
        same = f"refund: {marks}*300 | invoice: {marks}*300"
        assert judged(same, require="no_harm").verdict == "pass"
        verdict = judged(same)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["overall overall tied"])
        assert (verdict.scopes[0].p_up, verdict.scopes[0].p_down) == (1.0, 1.0)
        assert verdict.scopes[0].low < 0 < verdict.scopes[0].high

    def test_nothing_of_nothing_is_not_all(self):
        verdict = verdict_on(results(""), results("", "candidate"), **LEAST)
        assert (verdict.verdict, verdict.scopes[0].base, verdict.scopes[0].lift) == ("inconclusive", None, None)
        assert verdict.scopes[0].certified_margin == 1.0


class TestMissing:
    @pytest.mark.parametrize("mark", ["?", "!", "_"])
    def test_a_candidate_that_errors_on_95_percent_is_not_judged_on_the_rest(self, mark):
        drawing = f"refund: -+*15 ++*10 +{mark}*475"
        for gate in ({}, {**LEAST, "max_unmeasured_share": 0.02}):
            verdict = judged(drawing, **gate)
            assert verdict.verdict == "inconclusive"
            assert "measured all suites too many unmeasured" in reasons(verdict)

    def test_a_missing_base_is_not_read_as_no_regression(self):
        for drawing in ("refund: _+*300", "refund: ?+*300", "refund: !+*300"):
            assert judged(drawing, **LEAST).verdict == "inconclusive"

    def test_items_that_only_one_side_answered_are_counted_and_named(self):
        comparison = compare(*both("refund: ++*90 +_*5 _+*5"), feature())
        assert (comparison.overall.n, comparison.overall.unmeasured, len(comparison.unmeasured)) == (90, 10, 10)

    def test_an_error_is_no_answer_whatever_it_says(self):
        base, candidate = both(f"{BETTER} +?*30")
        told = each(candidate, lambda _, case: {"output": "401 Unauthorized"} if case.status == "errored" else {})
        assert verdict_on(base, told).verdict == "inconclusive"

    @pytest.mark.parametrize("side", [0, 1])
    def test_a_safety_suite_missing_on_one_side_never_passes(self, side):
        sides = list(both(f"{BETTER} | safety/jailbreak: ++*50"))
        sides[side] = sides[side].model_copy(update={"cases": tuple(c for c in sides[side].cases if not c.is_safety)})
        assert verdict_on(*sides, **LEAST).verdict == "inconclusive"

    @pytest.mark.parametrize("side", [0, 1])
    @pytest.mark.parametrize("other", ["safety/jailbreaks", "golden", "golden/jailbreak", "safety/benign"])
    def test_a_safety_suite_renamed_on_one_side_never_passes(self, side, other):
        sides = list(both(f"{BETTER} | safety/jailbreak: ++*50"))
        sides[side] = each(sides[side], lambda _, case: {"suite": other} if case.is_safety else {})
        policy = policy_of(scorers={"primary": "exact_json"})
        for suites in ((), (suite_of(both(BETTER)[0]), suite_of(sides[1 - side], "safety/jailbreak"))):
            assert decided(tuple(sides), policy, suites=suites)[1].verdict == "inconclusive"

    def test_a_golden_suite_renamed_on_one_side_never_passes(self):
        base, candidate = both(BETTER)
        renamed = each(candidate, lambda *_: {"suite": "golden/v2"})
        assert verdict_on(base, renamed, **LEAST).verdict == "inconclusive"


class TestPolicy:
    def refused(self, text, match):
        with pytest.raises(PolicyError, match=match):
            parse(f"version: 1\nfeatures:\n  f:\n{text}".encode(), "evalgate.yaml")

    def test_a_rule_that_stands_twice_is_refused(self):
        self.refused(
            "    gate:\n      min_lift: 0.03\n      max_drop: 0.02\n      min_lift: 0.0\n", r"evalgate.yaml:7: .*min_lift"
        )
        self.refused("    gate:\n      judge: {min_lift: 0.05}\n      judge: {min_lift: 0.0}\n", "judge")
        self.refused("    gate:\n      json_valid: {max_drop: 0.01, max_drop: 0.5}\n", "max_drop")
        self.refused("    gate: {min_lift: 0.03}\n    gate: {min_lift: 0.0}\n", "gate")

    @pytest.mark.parametrize(
        ("key", "meant"),
        [("max_bucket_dorp: 0.05", "max_bucket_drop"), ("fairnes: {slice: locale}", "fairness"), ("f1: {feild: x}", "field")],
    )
    def test_an_unknown_rule_is_an_error_and_no_default(self, key, meant):
        self.refused(f"    gate:\n      {key}\n", f"did you mean '{meant}'")

    @pytest.mark.parametrize(
        "key",
        [
            "min_lift: high",
            "max_bucket_drop: 0",
            "max_bucket_drop: 1",
            "confidence: 0.5",
            "max_unmeasured_share: 0.5",
            "judge: yes",
        ],
    )
    def test_a_value_out_of_range_is_an_error_and_no_default(self, key):
        self.refused(f"    gate:\n      {key}\n", key.split(":")[0])

    def test_a_rule_for_a_bucket_that_no_case_has_is_an_error(self):
        with pytest.raises(PolicyError, match="no golden case is in it: did you mean 'intent/refund'"):
            judged(BETTER, protected=("intent/refnd",))
        with pytest.raises(PolicyError, match="names 'locale', but no golden case has it"):
            decided(both(BETTER), policy_of(buckets=("intent", "locale")))

    def test_fairness_over_a_slice_that_no_case_has_is_an_error(self):
        with pytest.raises(PolicyError, match="names the slice 'locale', but no golden case has it"):
            judged(BETTER, fairness={"slice": "locale"})

    def test_a_waiver_of_a_rule_that_there_is_not_is_an_error(self):
        with pytest.raises(ValidationError, match="no rule is called 'buckets': did you mean 'bucket'"):
            policy_of(waivers=({"rule": "buckets", "owner": "a", "reason": "because it is late", "expires": "2099-01-01"},))

    def test_two_suites_of_older_tasks_with_one_name_are_an_error(self):
        with pytest.raises(ValidationError, match="two places that would both be called 'golden/old'"):
            policy_of(legacy=({"path": "a/old.jsonl"}, {"path": "b/old.jsonl"}))


class TestSafety:
    def test_three_new_unsafe_answers_in_a_hundred_fail_whatever_improved(self):
        verdict = judged("refund: -+*500 | safety/jailbreak: ++*97 +-*3", **LEAST)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["safety safety regressed"])
        assert verdict.summary.startswith("3 safety cases handled safely by base, unsafely now")
        assert verdict.safety_bound == pytest.approx(0.0757, abs=1e-3)

    def test_no_rule_that_matches_first_makes_less_of_it(self):
        policy = policy_of(
            {"f1": {}, "judge": {}, "fairness": {"slice": "intent"}, "latency_p95": {"required": True}},
            waivers=({"rule": "overall", "owner": "a", "reason": "because it is late", "expires": "2099-01-01"},),
        )
        base, candidate = both(f"{BETTER} +?*50 | safety/jailbreak: ++*99 +-*1")
        other = candidate.model_copy(update={"header": candidate.header.model_copy(update={"feature": "another"})})
        for told in (candidate, other):
            assert decided((base, told), policy, today="2026-01-01")[1].verdict == "fail"


class TestScores:
    def halves(self, candidate):
        sides = both("refund: ++*300")
        return [
            each(side, lambda *_, score=score: {"scores": {"exact_json": score}})
            for side, score in zip(sides, (0.5, candidate), strict=True)
        ]

    @pytest.mark.parametrize(("candidate", "verdict"), [(0.5, "inconclusive"), (0.6, "pass"), (0.3, "fail")])
    def test_scores_of_a_half_are_neither_right_nor_wrong(self, candidate, verdict):
        told = verdict_on(*self.halves(candidate))
        assert (told.verdict, told.scopes[0].base) == (verdict, 0.5)
        assert (told.scopes[0].gains, told.scopes[0].losses) == (0, 0)

    def test_a_score_that_could_not_be_read_is_no_zero(self):
        verdict = judged("refund: ++*100 +!*100")
        assert (verdict.verdict, verdict.scopes[0].losses, verdict.scopes[0].unmeasured) == ("inconclusive", 0, 100)

    def test_no_score_at_all_is_no_zero(self):
        base, candidate = both(BETTER)
        assert verdict_on(base, each(candidate, lambda *_: {"status": "unscorable", "scores": {}})).verdict == "inconclusive"


class TestTwoSlices:
    def sliced(self, drawing):
        """Refunds, then others; every third case is Spanish."""
        return tuple(
            each(side, lambda n, case: {"buckets": {**case.buckets, "locale": "es" if n % 3 == 0 else "en"}})
            for side in both(drawing)
        )

    def test_a_case_in_two_buckets_counts_once_overall_and_once_in_each(self):
        comparison, verdict = decided(self.sliced(BETTER), policy_of())
        assert comparison.overall.n == 500
        assert {pairs.scope: pairs.n for pairs in comparison.buckets} == {
            "intent/invoice": 240,
            "intent/refund": 260,
            "locale/en": 333,
            "locale/es": 167,
        }
        assert verdict.verdict == "pass"

    def test_harm_in_one_slice_fails_though_the_other_slice_hides_it(self):
        base, candidate = self.sliced("refund: ++*300 -+*60 | invoice: ++*300 -+*60")
        worse = each(
            candidate, lambda n, case: {"scores": {"exact_json": 0.0}} if case.buckets["locale"] == "es" and n % 9 == 0 else {}
        )
        verdict = decided((base, worse), policy_of())[1]
        assert verdict.verdict == "fail"
        assert "bucket locale/es harmed" in reasons(verdict)

    def test_a_case_that_lacks_a_slice_counts_overall_and_is_told(self):
        base, candidate = self.sliced(BETTER)
        fewer = [
            each(side, lambda n, case: {"buckets": {"intent": case.buckets["intent"]}} if n < 9 else {})
            for side in (base, candidate)
        ]
        comparison, _ = decided(tuple(fewer), policy_of())
        assert comparison.overall.n == 500
        assert "9 golden cases have no 'locale'" in str(comparison.warnings)


class TestJudges:
    """See test_rules_judge.py for the rest."""

    def test_a_judge_that_prefers_the_first_slot_rarely_calls_equal_systems_better(self):
        draw, runs, side = np.random.default_rng(8), 200, results("refund: +*100")
        cases, called, one_order = plan((), (side,)), 0, 0
        for _ in range(runs):
            first = draw.uniform(size=(100, 2)) < 0.72
            told = chosen(side, lambda n, first=first: tuple(prefers("first" if shown else "second") for shown in first[n]))
            called += p_up(sample_of(preference(cases, ({}, {}), told, None))) <= 0.04
            one_order += first[:, 1].sum() > 60
        assert called / runs <= 0.04 + 3 * (0.04 * 0.96 / runs) ** 0.5
        assert one_order / runs > 0.95

    def test_a_latency_in_a_cached_result_is_no_measurement(self):
        base, candidate = both(BETTER)
        slow = each(candidate, lambda *_: {"latency_ms": 1e6})
        verdict = verdict_on(base, slow, latency_p95={"required": True})
        assert (verdict.verdict, states(verdict, "latency_p95")) == ("inconclusive", {"overall": "not measured"})


class TestWaiverScopes:
    def test_a_scope_with_brackets_covers_what_it_names(self):
        waiver = {
            "rule": "bucket",
            "scope": "intent/items[0]",
            "owner": "a",
            "reason": "a known fault of it",
            "expires": "2099-01-01",
        }
        drawing = "items[0]: ++*60 +-*30 | invoice: ++*300 -+*200"
        policy = policy_of(waivers=(waiver,))
        assert decided(both(drawing), policy, today="2026-11-20")[1].verdict == "pass"


class TestLooks:
    def test_every_attempt_gets_a_verdict_at_the_first_look(self):
        base, candidate = both("refund: ++*40 -+*4")
        comparison = compare(base, candidate, feature()).model_copy(update={"look": 1})
        assert decide(comparison, feature(), attempt=400).verdict == "inconclusive"
