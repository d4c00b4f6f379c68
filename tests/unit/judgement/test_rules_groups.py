"""Fairness: a gap that the candidate opened fails, one that base had does not, and chance rarely looks like either."""

import numpy as np
import pytest
from drawn_results import both, comparison_of, counted, decided, each, policy_of, reasons, states

from evalgate.judgement.gate import decide
from evalgate.judgement.rules import shown_harm
from evalgate.judgement.rules.finding import Facts

LAX = {"max_bucket_drop": 0.9, "max_regression_share": 0.9, "max_drop": 0.9, "require": "no_harm", "min_lift": 0.0}
"""So that fairness alone is in the way."""


def groups(english, spanish, third=None, **fairness):
    """The verdict on two or three groups, each (gains, losses, both right, both wrong)."""
    rows = {"locale/en": english, "locale/es": spanish, **({"locale/fr": third} if third else {})}
    pairs = [counted(name, *row) for name, row in rows.items()]
    overall = counted("overall", *(sum(column) for column in zip(*rows.values(), strict=True)))
    policy = policy_of({**LAX, "fairness": {"slice": "locale", **fairness}})
    return decide(comparison_of(overall, *pairs), policy)


class TestGaps:
    def test_without_the_key_the_rule_never_appears(self):
        assert states(decided(both("refund: ++*99"), policy_of(LAX))[1], "fairness") == {}

    def test_groups_that_lie_together_are_fine(self):
        verdict = groups((20, 0, 180, 0), (20, 5, 170, 5))
        assert (verdict.verdict, states(verdict, "fairness")) == ("pass", {"locale/en over locale/es": "within"})

    def test_a_gap_that_the_candidate_opened_fails(self):
        verdict = groups((20, 0, 180, 20), (10, 70, 110, 20))
        assert (verdict.verdict, states(verdict, "fairness")) == ("fail", {"locale/en over locale/es": "too wide"})

    def test_a_gap_that_is_not_proven_blocks(self):
        verdict = groups((2, 0, 15, 3), (0, 3, 13, 4))
        assert verdict.verdict == "inconclusive"
        assert states(verdict, "fairness") == {"locale/en over locale/es": "too wide, not proven"}

    def test_the_same_gap_in_base_is_as_wide_as_bases(self):
        verdict = groups((0, 0, 180, 20), (0, 0, 100, 100))
        assert (verdict.verdict, states(verdict, "fairness")) == ("pass", {"locale/en over locale/es": "as wide as base's"})

    def test_a_gap_that_the_candidate_narrowed_does_not_stand_in_the_way(self):
        assert groups((0, 0, 180, 20), (30, 0, 100, 70)).verdict == "pass"

    def test_one_case_more_than_bases_wide_gap_never_fails(self):
        verdict = groups((1, 0, 180, 19), (0, 0, 100, 100))
        assert (verdict.verdict, states(verdict, "fairness")) == (
            "inconclusive",
            {"locale/en over locale/es": "too wide, not proven"},
        )

    def test_a_group_that_overtakes_another_by_too_much_fails(self):
        verdict = groups((0, 0, 100, 100), (100, 0, 98, 2))
        assert states(verdict, "fairness") == {"locale/es over locale/en": "too wide"}

    def test_of_several_gaps_the_proven_one_is_told(self):
        verdict = groups((20, 0, 180, 20), (10, 70, 110, 20), (0, 1, 2, 0))
        assert states(verdict, "fairness") == {"locale/en over locale/es": "too wide"}

    @pytest.mark.parametrize("named", ["locale", "nothing"])
    def test_fewer_than_two_groups_are_not_measured(self, named):
        verdict = groups((20, 0, 180, 0), (0, 0, 0, 0), slice=named)
        assert (verdict.verdict, reasons(verdict)[-1]) == ("inconclusive", f"fairness {named} nothing measured")

    def test_unmeasured_answers_never_cause_a_fail(self):
        def verdict(spanish):
            drawing = f"en: ++*900 --*100 | es: {spanish}"
            base, candidate = (
                each(side, lambda _, case: {"buckets": {"locale": case.buckets["intent"]}}) for side in both(drawing)
            )
            return decided((base, candidate), policy_of({**LAX, "fairness": {"slice": "locale", "max_gap": 0.05}}))[1]

        assert verdict("++*800 +-*100 -+*100").verdict == "pass"
        assert verdict("++*800 +-*100 --*100").verdict == "fail"
        assert verdict("++*800 +-*100 -?*100").verdict == "inconclusive"

    def test_a_gap_must_stay_within_the_limit_with_unmeasured_answers_lost(self):
        def verdict(spanish):
            sides = both(f"en: ++*800 -+*100 | es: {spanish}")
            sides = tuple(each(side, lambda _, case: {"buckets": {"locale": case.buckets["intent"]}}) for side in sides)
            policy = policy_of({"max_unmeasured_share": 0.02, "max_bucket_drop": 0.3, "fairness": {"slice": "locale"}})
            return decided(sides, policy)[1]

        assert verdict("++*95 +?*3 -+*2").verdict == "pass"
        lost = verdict("++*80 +?*15 -+*5")
        assert (lost.verdict, reasons(lost)) == ("inconclusive", ["measured all suites would not stand"])

    def test_paraphrases_widen_nothing_by_their_number(self):
        rows = {"locale/en": (5, 0, 45, 0), "locale/es": (0, 20, 25, 5)}
        policy = policy_of({**LAX, "fairness": {"slice": "locale"}})

        def harmed(effect):
            pairs = [counted(name, *row, design_effect=effect, clusters=10) for name, row in rows.items()]
            facts = Facts(comparison_of(counted("overall", 5, 20, 70, 5), *pairs), policy.gate, 0.05, 0.04)
            return {harm for harm in shown_harm(facts) if harm[0] == "fairness"}

        assert harmed(1.0)
        assert not harmed(8.0)


class TestChance:
    @pytest.mark.parametrize(("sizes", "rates"), [((200, 200), (0.8, 0.8)), ((300, 60), (0.9, 0.75)), ((400, 400), (0.9, 0.6))])
    @pytest.mark.parametrize("d", [0.1, 0.3])
    def test_nothing_changed__fails_in_at_most_five_of_a_hundred(self, sizes, rates, d):
        draw, runs, failed = np.random.default_rng(3), 500, 0
        policy = policy_of({**LAX, "fairness": {"slice": "locale", "max_gap": 0.05}})
        d = min(d, 2 * (1 - max(rates)))
        for _ in range(runs):
            pairs = [
                counted(f"locale/{name}", *map(int, draw.multinomial(n, (d / 2, d / 2, rate - d / 2, 1 - rate - d / 2))))
                for name, n, rate in zip(("en", "es"), sizes, rates, strict=True)
            ]
            facts = Facts(comparison_of(pairs[0], *pairs), policy.gate, 0.05, 0.04)
            failed += any(harm[0] == "fairness" for harm in shown_harm(facts))
        assert failed / runs <= 0.05

    def test_a_gap_truly_opened_by_thirty_points__fails_in_nine_of_ten(self):
        draw, runs = np.random.default_rng(4), 100
        failed = 0
        for _ in range(runs):
            english = draw.multinomial(300, (0.05, 0.05, 0.80, 0.10))
            spanish = draw.multinomial(300, (0.02, 0.32, 0.53, 0.13))
            verdict = groups(tuple(map(int, english)), tuple(map(int, spanish)))
            failed += "too wide" in states(verdict, "fairness").values()
        assert failed / runs >= 0.9
