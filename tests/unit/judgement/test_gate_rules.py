"""What passes, what fails, and what stays open: the rules that a gate must never break, on drawn results."""

import pytest
from drawn_results import both, each, judged, reasons, results, verdict_on

BETTER = "refund: ++*200 -+*60 | invoice: ++*200 -+*40"
"""A true improvement that passes under the default policy."""
LEAST = {"require": "no_harm", "min_lift": 0.0, "max_drop": 0.99, "max_bucket_drop": 0.99, "max_regression_share": 1.0}
"""The least that a policy can ask for."""


class TestPass:
    def test_a_true_improvement_passes(self):
        verdict = judged(BETTER)
        assert verdict.verdict == "pass"
        assert reasons(verdict) == [
            "safety safety not measured",
            "overall overall improved",
            "bucket intent/invoice held",
            "bucket intent/refund held",
            "regression_share overall within",
            "latency_p95 overall not measured",
            "measured all suites complete",
        ]
        assert verdict.next_step is None

    def test_a_proven_tie_passes_with_no_harm_and_not_with_improvement(self):
        tie = "refund: ++*300 -+*4 +-*4 | invoice: ++*300 -+*4 +-*4"
        assert judged(tie, require="no_harm").verdict == "pass"
        verdict = judged(tie)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["overall overall tied"])

    @pytest.mark.parametrize(
        ("gains", "n", "min_lift", "state"),
        [(3, 100, 0.03, "improved"), (3, 101, 0.03, "tied"), (7, 100, 0.07, "improved"), (29, 100, 0.29, "improved")],
    )
    def test_min_lift_is_compared_in_exact_arithmetic(self, gains, n, min_lift, state):
        verdict = judged(f"refund: -+*{gains} ++*{n - gains}", min_lift=min_lift, confidence=0.8)
        assert verdict.scopes[0].state == state

    @pytest.mark.parametrize(("losses", "verdict"), [(15, "pass"), (16, "inconclusive")])
    def test_max_regression_share_is_compared_in_exact_arithmetic(self, losses, verdict):
        drawing = f"refund: -+*60 +-*{losses} ++*{40 - losses}"
        assert judged(drawing, max_bucket_drop=0.3, max_regression_share=0.15).verdict == verdict

    def test_the_next_step_of_too_many_losses_does_not_deny_the_improvement(self):
        verdict = judged("refund: -+*60 +-*16 ++*24", max_bucket_drop=0.3)
        assert reasons(verdict) == ["regression_share overall above, not proven"]
        assert "no improvement" not in str(verdict.next_step)


class TestInconclusive:
    @pytest.mark.parametrize("marks", ["??", "+?", "?+", "!!", "+!", "?_", "+_", "_+"])
    def test_nothing_measured_on_a_side(self, marks):
        verdict = judged(f"refund: {marks}*300", **LEAST, max_unmeasured_share=0.02)
        assert verdict.verdict == "inconclusive"
        assert verdict.scopes[0].n == 0
        assert (verdict.scopes[0].low, verdict.scopes[0].high) == (-1.0, 1.0)

    def test_no_case_at_all(self):
        assert verdict_on(results(""), results("", "candidate"), **LEAST).verdict == "inconclusive"

    def test_no_golden_case_at_all(self):
        assert judged("safety/jailbreak: ++*500", **LEAST).verdict == "inconclusive"

    @pytest.mark.parametrize("marks", ["+_", "_+", "+?", "?+", "!+"])
    def test_a_bucket_missing_on_one_side_never_passes(self, marks):
        verdict = judged(BETTER + f"| login: {marks}*5", **LEAST, max_unmeasured_share=0.02)
        assert verdict.verdict == "inconclusive"
        assert "bucket intent/login nothing measured" in reasons(verdict)

    def test_ten_cases_without_a_flip_prove_little_and_say_how_little(self):
        verdict = judged("refund: ++*10", require="no_harm")
        assert verdict.verdict == "inconclusive"
        overall, bucket = verdict.scopes
        assert overall.high - overall.low > 0.5
        assert bucket.certified_margin == pytest.approx(1 - 0.04 ** (1 / 10), abs=1e-6)
        assert bucket.cases_to_settle == 63
        assert "`intent/refund` to about 63" in str(verdict.next_step)

    def test_a_small_lift_in_few_cases(self):
        assert judged("refund: ++*50 -+*4 +-*1", max_bucket_drop=0.2).verdict == "inconclusive"

    def test_latency_that_a_policy_requires(self):
        verdict = judged(BETTER, latency_p95={"required": True})
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["latency_p95 overall not measured"])

    @pytest.mark.parametrize("attempt", [2, 45, 60, 200])
    def test_any_attempt_gets_a_verdict(self, attempt):
        assert judged("refund: ++*100 -+*9 +-*9", attempt=attempt).verdict == "inconclusive"


class TestUnmeasured:
    def test_a_candidate_that_crashes_on_hard_cases_is_not_judged_on_the_survivors(self):
        survivors = "refund: ++*200 -+*60"
        assert judged(survivors).verdict == "pass"
        assert judged(f"{survivors} +?*40").verdict == "inconclusive"
        assert judged(f"{survivors} +_*40").verdict == "inconclusive"

    def test_few_unmeasured_cases_pass_only_if_the_verdict_stands_with_all_of_them_lost(self):
        allowed = {"max_unmeasured_share": 0.02}
        assert judged("refund: ++*200 -+*60 +?*5", **allowed).verdict == "pass"
        held_by_little = "refund: ++*200 -+*60 | invoice: ++*62"
        assert judged(f"{held_by_little} ++*1", **allowed).verdict == "pass"
        verdict = judged(f"{held_by_little} ++*1 +?*1", **allowed)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["measured all suites would not stand"])

    def test_without_a_share_of_them_allowed_one_unmeasured_case_is_too_many(self):
        verdict = judged(BETTER + " +?*1")
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["measured all suites too many unmeasured"])
        assert "1 case without a score" in str(verdict.next_step)

    @pytest.mark.parametrize("marks", ["?+", "+?", "_+", "+_", "??", "!+", "+!"])
    def test_unmeasured_cases_alone_never_fail(self, marks):
        for measured in (0, 10, 300):
            assert judged(f"refund: ++*{measured} {marks}*300").verdict == "inconclusive"

    def test_gains_that_were_not_measured_never_cause_a_fail(self):
        assert judged("refund: -+*5 +-*14 ++*81").verdict == "inconclusive"
        assert judged("refund: -?*5 +-*14 ++*81").verdict == "inconclusive"

    def test_a_cluster_that_lost_a_member_is_still_a_cluster_when_that_member_counts_as_lost(self):
        def pair_at_the_end(side):
            last = len(side.cases) - 4
            return each(side, lambda number, _: {"cluster": "twins"} if number >= last else {})

        gate = {"require": "no_harm", "max_drop": 0.05, "max_bucket_drop": 0.05, "max_unmeasured_share": 0.02}
        lost, unmeasured = ([*map(pair_at_the_end, both(f"refund: -+*2 +-*3 ++*144 {last}"))] for last in ("+-", "+?"))
        assert verdict_on(*lost, **gate).verdict == "inconclusive"
        assert verdict_on(*unmeasured, **gate).verdict == "inconclusive"


class TestFail:
    def test_a_bucket_that_truly_lost_fails_whatever_else_improved(self):
        verdict = judged("refund: ++*60 +-*30 | invoice: ++*300 -+*200")
        assert verdict.scopes[0].state == "improved"
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["bucket intent/refund harmed"])

    def test_a_protected_bucket_is_named_as_such(self):
        verdict = judged("refund: ++*60 +-*30 | invoice: ++*300 -+*200", protected=("intent/refund",))
        assert reasons(verdict) == ["protected_bucket intent/refund harmed"]

    def test_a_proven_drop_inside_the_margin_is_reported_and_not_failed(self):
        verdict = judged("refund: ++*4975 +-*25", require="no_harm")
        assert verdict.scopes[1].p_down < 0.001
        assert (verdict.scopes[1].state, verdict.verdict) == ("held", "pass")

    def test_losses_everywhere_fail_overall(self):
        verdict = judged("refund: ++*80 +-*20 | invoice: ++*80 +-*20")
        assert verdict.verdict == "fail"
        assert "overall overall harmed" in reasons(verdict)

    def test_far_too_many_losses_fail_even_beside_more_gains(self):
        verdict = judged("refund: -+*60 +-*40 ++*20", max_bucket_drop=0.4)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["regression_share overall above"])

    def test_benign_requests_that_are_refused_more_often_fail(self):
        verdict = judged(BETTER + "| safety/benign: ++*80 +-*20")
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["over_refusal safety/benign harmed"])

    def test_one_benign_refusal_in_a_hundred_does_not(self):
        assert judged(BETTER + "| safety/benign: ++*99 +-*1").verdict == "pass"

    def test_harm_is_shown_at_the_full_alpha_whatever_the_attempt(self):
        drawing = "refund: ++*86 +-*14"
        assert {judged(drawing, attempt=attempt).verdict for attempt in (1, 2, 9)} == {"fail"}

    def test_harm_in_one_of_many_buckets_is_corrected_for_their_number(self):
        five_lost = "refund: ++*55 +-*5"
        calm = "".join(f"| b{number}: ++*60" for number in range(20))
        assert judged(five_lost, max_bucket_drop=0.03).verdict == "fail"
        assert judged(five_lost + calm, max_bucket_drop=0.03).verdict == "inconclusive"

    def test_a_bucket_named_like_a_suite_keeps_its_own_evidence(self):
        def renamed(side):
            return each(side, lambda _, case: {"buckets": {"safety": "benign"}} if case.buckets == {"intent": "refund"} else {})

        drawing = "refund: ++*60 +-*30 | invoice: ++*300 -+*200 | safety/benign: ++*100"
        assert verdict_on(*map(renamed, both(drawing))).verdict == "fail"
