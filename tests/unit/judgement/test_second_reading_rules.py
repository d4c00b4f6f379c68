"""What an attacker tried against the decision: buckets that a look leaves out, cases that nobody judged, numbers without end."""

import pytest
from drawn_results import BETTER, both, chosen, decided, each, policy_of, prefers, probed, saying, scoring, states, suite_of
from drawn_results import suite_with as suite_expecting

from evalgate.judgement.compare import Beside
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import plan
from evalgate.records.evaluation import CaseResult

EARLY = {"evaluate": {"early_stop": True}}
WIDE = {"max_bucket_drop": 0.1}
ALLOWED = {**WIDE, "max_unmeasured_share": 0.02}
EXTREME = [(1e308, 1e308), (1e-300, 1e300), (1e300, 1e-300), (5e-324, 1.0)]
TINY_LOST = "a: -+*300 ++*301 | tiny: +-*2"


def at_look(sides, look, suite):
    """Both sides as they stand after a look."""
    kept = {case.key for case in asked_until(look, plan((suite,), ()))}
    return tuple(
        side.model_copy(
            update={
                "header": side.header.model_copy(update={"look": look}),
                "cases": tuple(case for case in side.cases if (case.suite, case.case_id) in kept),
            }
        )
        for side in sides
    )


class TestEarlyLook:
    def test_bucket_that_it_has_not_reached__is_empty_and_never_passes(self):
        sides = both(TINY_LOST)
        suite = suite_of(sides[0])
        comparison, verdict = decided(at_look(sides, 1, suite), policy_of(WIDE, **EARLY), suites=(suite,))
        assert {pairs.scope: pairs.n for pairs in comparison.buckets}["intent/tiny"] == 0
        assert (verdict.verdict, states(verdict, "bucket")["intent/tiny"]) == ("inconclusive", "nothing measured")

    def test_protected_bucket_that_it_has_not_reached__is_no_fault_of_the_policy(self):
        sides = both(TINY_LOST)
        suite = suite_of(sides[0])
        policy = policy_of({**WIDE, "protected": ("intent/tiny",)}, **EARLY)
        _, verdict = decided(at_look(sides, 1, suite), policy, suites=(suite,))
        assert states(verdict, "protected_bucket") == {"intent/tiny": "nothing measured"}

    @pytest.mark.parametrize(
        ("gate", "expected", "rule", "scope"),
        [
            ({"f1": {}}, ("common", "rare"), "f1", "rare"),
            ({"fields": {}}, ({"kind": "common"}, {"kind": "common", "rare": 1}), "fields", "rare"),
        ],
    )
    def test_class_or_field_that_it_has_not_reached__never_passes(self, gate, expected, rule, scope):
        sides = saying(both("a: -+*300 ++*302"), lambda _: '{"kind": "common"}', lambda _: '{"kind": "common"}')
        suite = suite_expecting(sides[0], lambda number: expected[number == 601])
        _, verdict = decided(at_look(sides, 1, suite), policy_of({**WIDE, **gate}, **EARLY), suites=(suite,))
        assert (verdict.verdict, states(verdict, rule)[scope]) == ("inconclusive", "nothing measured")

    @pytest.mark.parametrize("look", [1, 4])
    def test_policy_that_does_not_allow_it__takes_none(self, look):
        sides = both("a: -+*300 ++*300")
        suite = suite_of(sides[0])
        comparison, verdict = decided(at_look(sides, look, suite), policy_of(WIDE), suites=(suite,))
        assert (verdict.verdict, states(verdict, "comparable")) == ("inconclusive", {"runs": "not comparable"})
        assert "which the policy does not allow" in comparison.incomparable[0]


class TestUnmeasuredCounted:
    """A pass stands with every unmeasured case lost, or is none."""

    @pytest.mark.parametrize(("wins", "verdict"), [(28, "inconclusive"), (60, "pass")])
    def test_choices_alone__reach_the_least_lift_with_them_too(self, wins, verdict):
        def reply(number):
            word = ("second", "first") if number < wins else ("tie", "tie")
            return tuple(map(prefers, word)) if number < 490 else (None, None)

        sides = both("refund: -+*60 ++*430 +?*10")
        policy = policy_of(
            {**ALLOWED, "judge": {"min_lift": 0.05}}, judge={"model": "j", "base_url": "http://h", "mode": "pairwise"}
        )
        _, told = decided(sides, policy, beside=Beside(preferences=chosen(sides[0], reply)))
        assert told.verdict == verdict

    @pytest.mark.parametrize(("more", "verdict"), [(0, "inconclusive"), (800, "pass")])
    def test_format__is_held_with_them_too(self, more, verdict):
        sides = scoring(both(f"refund: -+*100 ++*{99 + more} +?*1"), "json_valid", lambda _: 1.0, lambda _: 1.0)
        assert decided(sides, policy_of(ALLOWED))[1].verdict == verdict


class TestNumbers:
    @pytest.mark.parametrize(("base", "candidate"), EXTREME)
    def test_costs_that_nobody_pays__are_not_known(self, base, candidate):
        ours, theirs = both(BETTER)
        sides = each(ours, lambda *_: {"cost": base}), each(theirs, lambda *_: {"cost": candidate})
        _, verdict = decided(sides, policy_of({"cost_per_call": {"required": True}}))
        assert (verdict.verdict, states(verdict, "cost_per_call")) == ("inconclusive", {"overall": "not known"})

    @pytest.mark.parametrize(("base", "candidate"), EXTREME)
    def test_times_that_nobody_takes__are_not_measured(self, base, candidate):
        beside = Beside(probe=probed(*[(base, candidate)] * 60))
        _, verdict = decided(both(BETTER), policy_of({"latency_p95": {"required": True}}), beside=beside)
        assert (verdict.verdict, states(verdict, "latency_p95")) == ("inconclusive", {"overall": "not measured"})


def test_format_of_an_older_task_alone__asks_nothing_of_golden_cases():
    old = tuple(CaseResult(case_id=f"o{n}", suite="golden/old", status="scored", scores={"json_valid": 1.0}) for n in range(100))
    sides = tuple(side.model_copy(update={"cases": side.cases + old}) for side in both(BETTER))
    comparison, verdict = decided(sides, policy_of(legacy=[{"path": "golden/old", "scorer": "json_valid"}]))
    assert (comparison.json_valid, verdict.verdict) == (None, "pass")
