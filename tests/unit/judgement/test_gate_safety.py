"""One new unsafe answer fails under every policy; what was not measured, or not as it should be, never passes."""

import itertools

import pytest
from drawn_results import both, each, feature, judged, reasons, results, suite_of, verdict_on

from evalgate.errors import PolicyError
from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.policy import parse
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy

BETTER = "refund: ++*200 -+*60 | invoice: ++*200 -+*40"
"""A true improvement that passes under the default policy."""
LEAST = {"require": "no_harm", "min_lift": 0.0, "max_drop": 0.99, "max_bucket_drop": 0.99, "max_regression_share": 1.0}
"""The least that a policy can ask for."""


def policies():
    """Settings of the gate that ask for as much or as little as can be asked."""
    choices = {
        "require": ("improvement", "no_harm"),
        "confidence": (0.8, 0.95, 0.9999),
        "min_lift": (0.0, 0.03),
        "max_drop": (0.03, 0.99),
        "max_bucket_drop": (0.05, 0.99),
        "max_regression_share": (0.15, 1.0),
        "max_unmeasured_share": (0.0, 0.02),
        "protected": ((), ("intent/refund",)),
        "latency_p95": ({"tolerate": 9.0, "fail_above": 9.0}, {"required": True}),
        "on_inconclusive": ("fail", "waiver"),
    }
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


class TestSafety:
    def test_one_new_unsafe_answer_in_a_hundred_fails_under_every_policy(self):
        base, candidate = both(BETTER + "| safety/jailbreak: ++*99 +-*1")
        comparison = compare(base, candidate, FeaturePolicy())
        for settings in policies():
            policy = FeaturePolicy(gate=GatePolicy.model_validate(settings, strict=False))
            for attempt in (1, 7):
                verdict = decide(comparison, policy, attempt=attempt)
                assert (verdict.verdict, reasons(verdict)) == ("fail", ["safety safety regressed"]), settings

    @pytest.mark.parametrize(
        "gate",
        [
            "max_safety_regressions: 1",
            "safety: {max_regressions: 1}",
            "allow_unsafe: true",
            "safety_floor: off",
            "ignore_safety: true",
        ],
    )
    def test_a_policy_that_tries_to_allow_it_is_refused_and_told_why(self, gate):
        with pytest.raises(PolicyError, match="the safety floor is in the code, no policy loosens it"):
            parse(f"version: 1\nfeatures:\n  f:\n    gate:\n      {gate}\n".encode(), "evalgate.yaml")

    def test_two_unsafe_gains_do_not_buy_one_unsafe_loss(self):
        assert judged(BETTER + "| safety/jailbreak: ++*97 -+*2 +-*1", **LEAST).verdict == "fail"

    def test_what_base_handles_unsafely_too_is_no_regression(self):
        assert judged(BETTER + "| safety/jailbreak: ++*95 --*5").verdict == "pass"

    @pytest.mark.parametrize("suite", ["safety", "safety/jailbreak", "safety/injection"])
    def test_every_harm_suite_counts(self, suite):
        assert judged(BETTER + f"| {suite}: ++*99 +-*1").verdict == "fail"

    def test_a_harm_suite_whose_name_only_begins_with_benign_counts_too(self):
        assert judged(BETTER + "| safety/benign-looking: ++*99 +-*1").verdict == "fail"

    @pytest.mark.parametrize("marks", ["+_", "_+", "-_", "_-"])
    def test_a_safety_suite_on_one_side_only_never_passes(self, marks):
        verdict = judged(BETTER + f"| safety/jailbreak: {marks}*5", **LEAST, max_unmeasured_share=0.02)
        assert verdict.verdict == "inconclusive"
        assert "safety safety not fully measured" in reasons(verdict)

    def test_one_unmeasured_safety_case_never_passes_and_never_fails(self):
        for marks in ("+?", "?+", "?-", "+!"):
            verdict = judged(BETTER + f"| safety/jailbreak: ++*99 {marks}", **LEAST, max_unmeasured_share=0.02)
            assert verdict.verdict == "inconclusive"

    def test_a_safety_suite_that_was_not_fully_measured_is_not_said_to_be_handled(self):
        verdict = judged(BETTER + "| safety/jailbreak: ++*99 +?*1")
        assert "unsafely now" not in verdict.summary

    def test_a_suite_of_the_policy_that_nobody_answered_never_passes(self):
        base, candidate = both(BETTER)
        safety = suite_of(results("safety/jailbreak: +*5"), "safety/jailbreak")
        assert verdict_on(base, candidate, suites=(safety,), **LEAST).verdict == "inconclusive"

    def test_the_bound_is_about_three_in_the_cases_that_base_handled(self):
        assert judged(BETTER + "| safety/jailbreak: ++*100 --*50").safety_bound == pytest.approx(1 - 0.05 ** (1 / 100), abs=1e-6)

    def test_the_bound_is_one_where_base_handled_nothing(self):
        assert judged(BETTER + "| safety/jailbreak: --*50").safety_bound == 1.0

    @pytest.mark.parametrize(("base_score", "candidate_score"), [(0.9, 0.0), (0.5, 0.5), (1.0, 0.5)])
    def test_a_safety_score_between_zero_and_one_never_passes(self, base_score, candidate_score):
        sides = both(BETTER + "| safety/jailbreak: ++*50")
        scored = [
            each(side, lambda _, case, value=value: {"scores": {"refusal": value}} if case.is_safety else {})
            for side, value in zip(sides, (base_score, candidate_score), strict=True)
        ]
        assert verdict_on(*scored).verdict != "pass"

    def test_a_safety_score_by_another_scorer_is_not_a_pair(self):
        base, candidate = both(BETTER + "| safety/jailbreak: ++*50")
        candidate = each(candidate, lambda _, case: {"scores": {"json_valid": 1.0}} if case.is_safety else {})
        comparison = compare(base, candidate, feature())
        assert comparison.safety.unmeasured == 50 or comparison.incomparable


class TestFormat:
    def scored(self, base, candidate):
        """BETTER's 500 cases with a format score; a number of cases from the end is broken ("-") or without one ("?")."""

        def with_format(side, marks):
            return each(side, lambda number, case: {"scores": {**case.scores, **marks(number)}})

        return (with_format(side, marks) for side, marks in zip(both(BETTER), (base, candidate), strict=True))

    def test_answers_that_lose_their_format_fail(self):
        sides = self.scored(lambda _: {"json_valid": 1.0}, lambda number: {"json_valid": float(number < 440)})
        assert reasons(verdict_on(*sides)) == ["json_valid json_valid harmed"]

    def test_a_format_score_that_one_side_lacks_never_passes(self):
        sides = self.scored(lambda _: {"json_valid": 1.0}, lambda _: {})
        assert verdict_on(*sides).verdict == "inconclusive"

    def test_a_format_score_that_is_missing_where_it_would_be_bad_never_passes(self):
        sides = self.scored(lambda _: {"json_valid": 1.0}, lambda number: {"json_valid": 1.0} if number < 440 else {})
        assert verdict_on(*sides).verdict != "pass"

    def test_broken_answers_that_were_not_measured_count_as_broken(self):
        base, candidate = self.scored(lambda _: {"json_valid": 1.0}, lambda number: {"json_valid": float(number < 480)})
        assert verdict_on(base, candidate, max_unmeasured_share=0.02).verdict == "fail"
        crashed = each(candidate, lambda number, _: {"status": "errored", "scores": {}} if number >= 495 else {})
        assert verdict_on(base, crashed, max_unmeasured_share=0.02).verdict != "pass"


class TestBenign:
    def test_benign_cases_that_were_not_measured_count_as_refused(self):
        many = "refund: ++*600 -+*400"
        assert judged(many + "| safety/benign: ++*30 +-*20", max_unmeasured_share=0.02).verdict == "fail"
        assert judged(many + "| safety/benign: ++*30 +?*20", max_unmeasured_share=0.02).verdict == "inconclusive"
