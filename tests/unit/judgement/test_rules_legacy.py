"""Suites of older tasks: none is forgotten, each is judged by itself, and one that is missing never passes."""

import pytest
from drawn_results import BETTER, both, decided, each, policy_of, reasons, states, suite_of

LEGACY = {"legacy": ({"path": "golden/old"},)}


def with_legacy(marks, suite="golden/old", named=True, **gate):
    """BETTER and a suite of an older task, drawn in marks."""
    sides = both(f"{BETTER} | old: {marks}")

    def moved(_, case):
        return {"suite": suite, "buckets": {}} if case.buckets == {"intent": "old"} else {}

    base, candidate = (each(side, moved) for side in sides)
    everything = suite_of(both(f"{BETTER} | old: {marks.replace('_', '+').replace('?', '+')}")[0])
    golden = everything.model_copy(update={"cases": tuple(c for c in everything.cases if c.buckets != {"intent": "old"})})
    old = everything.model_copy(
        update={
            "name": suite,
            "cases": tuple(c.model_copy(update={"buckets": {}}) for c in everything.cases if c.buckets == {"intent": "old"}),
        }
    )
    suites = (golden, old) if named else (golden,)
    return decided((base, candidate), policy_of(gate, **LEGACY), suites=suites)


def test_without_a_legacy_suite__the_rule_never_appears():
    assert states(decided(both(BETTER), policy_of())[1], "legacy") == {}


def test_nothing_forgotten__passes_and_does_not_count_overall():
    comparison, verdict = with_legacy("++*100")
    assert (verdict.verdict, states(verdict, "legacy")) == ("pass", {"golden/old": "held"})
    assert comparison.overall.n == 500
    assert [pairs.scope for pairs in comparison.buckets] == ["intent/invoice", "intent/refund"]


def test_a_proven_loss__fails_whatever_improved():
    _, verdict = with_legacy("++*80 +-*20")
    assert (verdict.verdict, reasons(verdict)) == ("fail", ["legacy golden/old harmed"])


def test_too_few_cases__block():
    _, verdict = with_legacy("++*40")
    assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["legacy golden/old unclear"])


def test_the_margin__is_its_own():
    assert with_legacy("++*40", max_legacy_drop=0.10)[1].verdict == "pass"


@pytest.mark.parametrize("marks", ["+_", "_+", "__", "+?", "?+"])
def test_a_suite_that_was_not_answered__never_passes_and_never_fails(marks):
    _, verdict = with_legacy(f"{marks}*100")
    assert verdict.verdict == "inconclusive"
    assert "legacy golden/old nothing measured" in reasons(verdict)


@pytest.mark.parametrize("marks", ["+?", "+_"])
def test_a_case_of_it_that_is_missing__never_passes(marks):
    assert with_legacy(f"++*100 {marks}")[1].verdict == "inconclusive"


def test_a_suite_renamed_on_one_side__never_passes():
    base, candidate = both(f"{BETTER} | old: ++*100")

    def moved(name):
        return lambda _, case: {"suite": name, "buckets": {}} if case.buckets == {"intent": "old"} else {}

    renamed = each(base, moved("golden/old")), each(candidate, moved("golden/older"))
    assert decided(renamed, policy_of(**LEGACY))[1].verdict == "inconclusive"


def test_a_suite_that_no_policy_names__never_passes_beside_suites_that_it_names():
    assert with_legacy("++*100", named=False)[1].verdict == "inconclusive"


def test_a_suite_that_the_policy_calls_legacy__is_one_also_where_no_suite_is_given():
    sides = both("refund: ++*150 -+*60 | invoice: ++*150 -+*40 | old: +-*50")

    def moved(_, case):
        return {"suite": "golden/old", "buckets": {}} if case.buckets == {"intent": "old"} else {}

    base, candidate = (each(side, moved) for side in sides)
    comparison, verdict = decided((base, candidate), policy_of(**LEGACY))
    assert (comparison.overall.n, verdict.verdict) == (400, "fail")
