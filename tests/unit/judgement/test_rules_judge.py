"""What a judge says: grades must rise, protected buckets must not fall, and a choice counts only in both orders."""

import pytest
from drawn_results import BETTER, TIE, both, chosen, decided, policy_of, prefers, reasons, scoring, states

from evalgate.judgement.compare import Beside

GRADE = {"scorers": {"primary": "exact_json", "also": ("judge",)}, "judge": {"model": "m", "base_url": "http://j"}}
"""The keys of a feature whose answers a judge grades."""


def graded(base, candidate, drawing=BETTER, judge=None, **gate):
    """The verdict where case n is graded as `base(n)` and `candidate(n)` say; below 0 there is no grade."""
    sides = scoring(both(drawing), "judge", base, candidate)
    return decided(sides, policy_of({"judge": judge or {}, **gate}, **GRADE))[1]


def flat(grade):
    return lambda _: grade


def down(by, where=range(260)):
    """Grades around 0.75; in these cases one in so many is a grade lower."""
    return lambda n: 0.5 if n in where and n % by == 0 else 0.75


class TestGrades:
    def test_without_the_key_the_rule_never_appears(self):
        sides = scoring(both(BETTER), "judge", flat(0.5), flat(0.25))
        comparison, verdict = decided(sides, policy_of(**GRADE))
        assert (comparison.judge, states(verdict, "judge"), verdict.verdict) == ((), {}, "pass")

    def test_a_proven_rise_of_five_points_is_asked_for(self):
        up = graded(flat(0.5), lambda n: 0.75 if n % 5 == 0 else 0.5)
        assert (up.verdict, states(up, "judge")) == ("pass", {"overall": "improved"})
        less = graded(flat(0.5), lambda n: 0.75 if n % 6 == 0 else 0.5)
        assert (less.verdict, reasons(less)) == ("inconclusive", ["judge overall unclear"])

    def test_a_rise_that_is_not_proven_blocks(self):
        verdict = graded(flat(0.5), lambda n: 1.0 if n % 10 else 0.0, drawing="refund: -+*12", max_bucket_drop=0.3)
        assert verdict.verdict == "inconclusive"

    def test_where_no_rise_is_asked_for_a_proven_tie_will_do(self):
        judge = {"min_lift": 0.0}
        tie = graded(flat(0.5), lambda n: (0.25, 0.75)[n % 2] if n < 20 else 0.5, judge=judge)
        assert (tie.verdict, states(tie, "judge")) == ("pass", {"overall": "held"})
        assert graded(flat(0.5), lambda n: 0.25 if n < 100 else 0.5, judge=judge).verdict == "inconclusive"

    def test_without_grades_nothing_is_measured_and_nothing_passes(self):
        for sides in ((flat(-1), flat(-1)), (flat(0.5), flat(-1)), (flat(-1), flat(0.5))):
            verdict = graded(*sides)
            assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["judge overall nothing measured"])

    @pytest.mark.parametrize("k", [1, 7, 100])
    def test_grades_that_are_missing_on_some_cases_never_pass_and_never_fail(self, k):
        verdict = graded(flat(0.5), lambda n: -1 if n < k else 1.0)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["judge overall not fully measured"])

    def test_a_rise_must_stand_with_unmeasured_cases_lost(self):
        def rises(n):
            return 0.75 if n % 9 < 2 else 0.5

        allowed = {"max_unmeasured_share": 0.02}
        assert graded(flat(0.5), rises, BETTER, **allowed).verdict == "pass"
        verdict = graded(flat(0.5), rises, "refund: ++*193 -+*60 ++*7 | invoice: ++*193 -+*40 +?*7", **allowed)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["measured all suites would not stand"])


class TestProtected:
    """BETTER's first 260 cases are the refunds."""

    def verdict(self, candidate, protected=("intent/refund",)):
        return graded(flat(0.75), candidate, judge={"min_lift": 0.0}, protected=protected)

    def test_a_proven_drop_of_three_points_fails(self):
        verdict = self.verdict(down(4))
        assert verdict.verdict == "fail"
        assert "judge intent/refund harmed" in reasons(verdict)

    def test_a_drop_that_is_not_proven_blocks(self):
        judge = {"min_lift": 0.0, "max_protected_drop": 0.03}
        verdict = graded(
            flat(0.5), lambda n: 0.0 if n < 70 else 1.0 if n < 124 else 0.5, judge=judge, protected=("intent/refund",)
        )
        assert verdict.verdict == "inconclusive"
        assert states(verdict, "judge")["intent/refund"] == "down, not proven"

    def test_a_smaller_drop_does_not_stand_in_the_way(self):
        verdict = self.verdict(down(20))
        assert states(verdict, "judge")["intent/refund"] == "not harmed"
        assert verdict.verdict == "pass"

    def test_a_bucket_that_is_not_protected_is_not_looked_at(self):
        assert set(states(self.verdict(down(4), protected=("intent/invoice",)), "judge")) == {"overall", "intent/invoice"}

    def test_a_protected_bucket_without_grades_never_passes(self):
        verdict = self.verdict(lambda n: -1 if n < 260 else 1.0)
        assert verdict.verdict == "inconclusive"
        assert states(verdict, "judge")["intent/refund"] == "nothing measured"

    def test_where_any_proven_drop_fails_no_drop_is_none(self):
        verdict = graded(
            flat(0.5), lambda n: 0.5 if n < 260 else 1.0, judge={"max_protected_drop": 0.0}, protected=("intent/refund",)
        )
        assert (verdict.verdict, states(verdict, "judge")["intent/refund"]) == ("pass", "not harmed")


class TestChoices:
    def verdict(self, reply, drawing=BETTER, beside=None, **gate):
        sides = scoring(both(drawing), "judge", flat(0.25), flat(1.0))
        told = Beside(preferences=chosen(sides[0], reply)) if beside is None else beside
        return decided(sides, policy_of({"judge": {}, **gate}, **GRADE), beside=told)

    def test_without_the_key_choices_are_shown_to_nobody(self):
        sides = both(BETTER)
        told = Beside(preferences=chosen(sides[0], lambda _: (prefers("first"), prefers("second"))))
        assert states(decided(sides, policy_of(), beside=told)[1], "preference") == {}

    @pytest.mark.parametrize("slot", ["first", "second"])
    def test_a_judge_that_prefers_a_slot_says_nothing(self, slot):
        comparison, verdict = self.verdict(lambda _: (prefers(slot), prefers(slot)))
        assert (comparison.preference.gains, comparison.preference.losses, comparison.preference.n) == (0, 0, 500)
        assert states(verdict, "preference") == {"preference": "no clear choice"}

    @pytest.mark.parametrize("slot", ["first", "second"])
    def test_a_judge_that_prefers_a_slot_makes_no_tie_an_improvement(self, slot):
        sides = scoring(both(TIE), "judge", flat(0.5), flat(0.5))
        told = Beside(preferences=chosen(sides[0], lambda _: (prefers(slot), prefers(slot))))
        _, verdict = decided(sides, policy_of({"judge": {"min_lift": 0.0}}, **GRADE), beside=told)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["overall overall tied"])

    def test_base_preferred_in_both_orders_fails(self):
        comparison, verdict = self.verdict(lambda n: (prefers("first"), prefers("second")) if n < 20 else (prefers("tie"),) * 2)
        assert (comparison.preference.gains, comparison.preference.losses) == (0, 20)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["preference preference base preferred"])

    def test_the_candidate_preferred_in_both_orders_is_told(self):
        _, verdict = self.verdict(lambda _: (prefers("second"), prefers("first")))
        assert (verdict.verdict, states(verdict, "preference")) == ("pass", {"preference": "preferred"})

    def test_a_tie_in_one_order_is_no_choice(self):
        comparison, _ = self.verdict(lambda _: (prefers("first"), prefers("tie")))
        assert (comparison.preference.losses, comparison.preference.n) == (0, 500)

    @pytest.mark.parametrize(
        "reply", ["The first answer is better.", "", ":", "first", '{"better": "base"}', '{"better": "first"} So.', None]
    )
    def test_a_judge_that_answers_in_prose_measures_nothing(self, reply):
        comparison, verdict = self.verdict(lambda _: (reply, reply))
        assert (comparison.preference.n, comparison.preference.unmeasured) == (0, 500)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["preference preference nothing measured"])

    @pytest.mark.parametrize("k", [1, 499])
    def test_prose_on_some_cases_never_passes(self, k):
        _, verdict = self.verdict(lambda n: ("Both are good.",) * 2 if n < k else (prefers("second"), prefers("first")))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["preference preference not fully measured"])

    def test_prose_in_one_order_is_unmeasured(self):
        comparison, _ = self.verdict(lambda _: (prefers("first"), "The first."))
        assert comparison.preference.n == 0

    def test_choices_that_are_missing_never_cause_a_fail(self):
        _, verdict = self.verdict(lambda n: (prefers("first"), prefers("second")) if n < 20 else (None, None))
        assert verdict.verdict == "inconclusive"

    def test_choices_must_stand_with_unmeasured_cases_lost(self):
        drawing = f"{BETTER} +?*5"
        for wins, outcome in ((40, "pass"), (0, "inconclusive")):
            sides = scoring(both(drawing), "judge", flat(0.25), flat(1.0))
            told = chosen(
                sides[0],
                lambda n, wins=wins: (
                    (None, None) if n > 499 else (prefers("second"), prefers("first")) if n < wins else (prefers("tie"),) * 2
                ),
            )
            policy = policy_of({"judge": {}, "max_unmeasured_share": 0.02}, **GRADE)
            assert decided(sides, policy, beside=Beside(preferences=told))[1].verdict == outcome

    def test_a_case_that_stands_twice_is_not_measured(self):
        sides = scoring(both(BETTER), "judge", flat(0.25), flat(1.0))
        told = chosen(sides[0], lambda _: (prefers("second"), prefers("first")))
        twice = told.model_copy(update={"cases": (*told.cases, told.cases[0])})
        comparison, verdict = self.verdict(None, beside=Beside(preferences=twice))
        assert (comparison.preference.unmeasured, verdict.verdict) == (1, "inconclusive")

    def test_identical_answers_are_a_tie_that_nobody_was_asked_about(self):
        sides = scoring(both(BETTER), "judge", flat(0.25), flat(1.0))
        told = chosen(sides[0], lambda _: (None, None))
        alike = tuple(one.model_copy(update={"identical": True}) for one in told.cases)
        comparison, verdict = self.verdict(None, beside=Beside(preferences=told.model_copy(update={"cases": alike})))
        assert (comparison.preference.n, comparison.preference.gains, verdict.verdict) == (500, 0, "pass")
