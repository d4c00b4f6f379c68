"""Well-formed answers: a proven loss fails, a tie passes, and a proven rise is a second way to an improvement."""

import numpy as np
import pytest
from drawn_results import BETTER, TIE, both, comparison_of, counted, decided, policy_of, reasons, scoring, states

from evalgate.judgement.gate import decide


def judged_format(base, candidate, drawing=BETTER, **gate):
    """The verdict where case number n of a side is well-formed when `side(n)` is 1, broken at 0, unscored at -1."""
    return decided(scoring(both(drawing), "json_valid", base, candidate), policy_of(gate))[1]


def fine(_):
    return 1.0


class TestFormat:
    def test_without_a_format_score_the_rule_never_appears(self):
        assert states(decided(both(BETTER), policy_of())[1], "json_valid") == {}

    def test_where_the_format_itself_decides_it_is_not_asked_twice(self):
        sides = scoring(both(BETTER), "json_valid", fine, fine)
        verdict = decided(sides, policy_of(scorers={"primary": "json_valid"}))[1]
        assert states(verdict, "json_valid") == {}

    def test_no_flip_in_five_hundred_is_held_at_one_point(self):
        verdict = judged_format(fine, fine)
        assert (verdict.verdict, states(verdict, "json_valid")) == ("pass", {"json_valid": "held"})

    def test_a_tie_passes_however_little_it_proves(self):
        verdict = judged_format(lambda n: float(n % 50 != 0), lambda n: float(n % 50 != 1))
        assert (verdict.verdict, states(verdict, "json_valid")) == ("pass", {"json_valid": "no drop seen"})

    def test_a_small_loss_that_is_not_shown_to_be_under_a_point_blocks(self):
        verdict = judged_format(fine, lambda n: float(n > 1))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["json_valid json_valid unclear"])

    def test_a_proven_loss_fails(self):
        verdict = judged_format(fine, lambda n: float(n > 19))
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["json_valid json_valid harmed"])

    def test_a_proven_loss_inside_the_margin_does_not(self):
        lost = counted("json_valid", 0, 12, 4988)
        verdict = decide(comparison_of(counted("overall", 500, 0, 4500), json_valid=lost), policy_of())
        assert (verdict.verdict, states(verdict, "json_valid")) == ("pass", {"json_valid": "held"})

    def test_the_margin_is_the_policys(self):
        verdict = judged_format(fine, lambda n: float(n > 1), json_valid={"max_drop": 0.05})
        assert verdict.verdict == "pass"

    @pytest.mark.parametrize("missing", [lambda _: -1.0, lambda n: 1.0 if n else -1.0])
    def test_an_answer_without_a_format_score_never_passes(self, missing):
        for sides in ((fine, missing), (missing, fine)):
            verdict = judged_format(*sides)
            assert verdict.verdict == "inconclusive"
            assert states(verdict, "json_valid")["json_valid"] in ("nothing measured", "not fully measured")

    def test_a_proven_loss_fails_also_where_a_score_is_missing(self):
        verdict = judged_format(fine, lambda n: -1.0 if n == 499 else float(n > 30))
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["json_valid json_valid harmed"])

    def test_scores_that_are_missing_never_cause_a_fail(self):
        assert judged_format(fine, lambda n: 1.0 if n > 250 else -1.0).verdict == "inconclusive"


class TestSecondWay:
    """Of TIE's 616 cases the first so many are broken."""

    def broken(self, base, candidate, **gate):
        return judged_format(lambda n: float(n >= base), lambda n: float(n >= candidate), TIE, **gate)

    def test_a_proven_rise_of_five_points_lets_a_proven_tie_pass(self):
        verdict = self.broken(70, 35)
        assert verdict.verdict == "pass"
        assert "overall overall tied" in reasons(verdict)
        assert "json_valid json_valid improved" in reasons(verdict)

    def test_a_rise_of_less_is_no_improvement(self):
        verdict = self.broken(60, 35)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["overall overall tied"])

    def test_from_under_95_percent_to_98_is_one_however_small(self):
        assert self.broken(31, 12).verdict == "pass"

    @pytest.mark.parametrize(("base", "candidate"), [(30, 8), (31, 13)])
    def test_from_95_percent_or_to_less_than_98_is_none(self, base, candidate):
        assert self.broken(base, candidate).verdict == "inconclusive"

    def test_it_is_no_way_for_a_drop_overall(self):
        sides = scoring(both("refund: ++*560 +-*40"), "json_valid", lambda n: float(n > 99), fine)
        assert decided(sides, policy_of())[1].verdict == "fail"

    def test_it_is_no_way_for_what_is_unclear_overall(self):
        sides = scoring(both("refund: ++*60 -+*1 +-*1"), "json_valid", lambda n: float(n > 20), fine)
        verdict = decided(sides, policy_of())[1]
        assert (states(verdict, "json_valid"), verdict.verdict) == ({"json_valid": "improved"}, "inconclusive")

    def test_it_must_be_proven_at_a_tenth_of_what_the_attempt_may_spend(self):
        rises = {}
        for gains in range(40, 90):
            pairs = counted("json_valid", gains, 33, 500 - gains)
            comparison = comparison_of(counted("overall", 10, 10, 1000), json_valid=pairs)
            rises[gains] = states(decide(comparison, policy_of(gate={"json_valid": {"counts_as_rise": 0.001}})), "json_valid")
        first = min(gains for gains, state in rises.items() if state["json_valid"] == "improved")
        assert first == 59, "of 92 flips: mid-p is 0.0034 at 59 and 0.0062 at 58"

    def test_nothing_changed__this_second_way_keeps_false_passes_below_five_in_a_hundred(self):
        draw, runs, policy = np.random.default_rng(5), 400, policy_of()
        passed = 0
        for _ in range(runs):
            tables = draw.multinomial(2000, (0.02, 0.02, 0.80, 0.16)), draw.multinomial(2000, (0.06, 0.06, 0.86, 0.02))
            overall, form = (counted(name, *map(int, row)) for name, row in zip(("overall", "json_valid"), tables, strict=True))
            passed += decide(comparison_of(overall, json_valid=form), policy).verdict == "pass"
        assert passed / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
