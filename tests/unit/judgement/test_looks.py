"""Early looks: each holds the one before, every bucket has its share, and nobody chooses who comes first."""

import random
from itertools import pairwise

import pytest
from drawn_results import both, decided, policy_of, reasons, states, suite_of
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.judgement.gate import decide
from evalgate.judgement.looks import asked_until, order
from evalgate.judgement.plan import PlannedCase, plan
from evalgate.stats.sequential import LOOKS, cases_at, nominal_alpha


def planned(sizes, suite="golden", slice_name="intent"):
    """A case list with a bucket of each size."""
    return [
        PlannedCase(suite, f"{bucket}-{number}", {slice_name: str(bucket)}, None)
        for bucket, size in enumerate(sizes)
        for number in range(size)
    ]


def share_of(cases, name, value):
    return sum(case.buckets[name] == value for case in cases)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_a_bucket__has_its_share_of_each_look_to_within_one_case(sizes):
    cases = planned(sizes)
    for look in range(1, LOOKS + 1):
        asked = asked_until(look, cases)
        assert len(asked) == cases_at(look, len(cases))
        for bucket, size in enumerate(sizes):
            assert abs(share_of(asked, "intent", str(bucket)) - size * look / LOOKS) < 1


def test_a_large_bucket_beside_many_small_ones__has_its_share_too():
    cases = planned([1000, *[1] * 500])
    assert [share_of(asked_until(look, cases), "intent", "0") for look in (1, 2, 3)] == [250, 500, 750]


def test_a_slice_that_tells_every_case_apart__does_not_undo_the_other():
    cases = [PlannedCase("golden", f"c{n}", {"intent": "abcdef"[n % 6], "user": str(n)}, None) for n in range(120)]
    for look in (1, 2, 3):
        assert {share_of(asked_until(look, cases), "intent", name) for name in "abcdef"} == {5 * look}


def test_two_slices__each_combination_has_its_share_to_within_one_case():
    draw = random.Random(3)  # noqa: S311  (a seeded drawing, no secret)
    cases = [
        PlannedCase("golden", f"c{n}", {"intent": draw.choice("abcde"), "locale": draw.choice(["en", "es"])}, None)
        for n in range(300)
    ]
    cells = {(case.buckets["intent"], case.buckets["locale"]) for case in cases}
    for look in (1, 2, 3):
        asked = asked_until(look, cases)
        for cell in cells:
            found, size = (sum((c.buckets["intent"], c.buckets["locale"]) == cell for c in of) for of in (asked, cases))
            assert abs(found - size * look / LOOKS) < 1
        assert abs(share_of(asked, "locale", "es") - share_of(cases, "locale", "es") * look / LOOKS) < 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 5))
def test_each_look__holds_the_one_before_and_the_last_is_all(sizes, safety):
    cases = [*planned(sizes), *planned([safety] if safety else [], "safety/jailbreak")]
    keys = [{case.key for case in asked_until(look, cases)} for look in range(1, LOOKS + 1)]
    assert all(before <= after for before, after in pairwise(keys))
    assert keys[-1] == {case.key for case in cases} == {case.key for case in asked_until(None, cases)}


@settings(deadline=None, max_examples=30)
@given(st.permutations(planned([7, 3, 12, 1])))
def test_the_order_of_the_files__changes_nothing(cases):
    straight = planned([7, 3, 12, 1])
    assert order(cases) == order(straight)
    for look in (1, 2, 3):
        assert sorted(asked_until(look, cases)) == sorted(asked_until(look, straight))


def test_safety_and_older_tasks__are_asked_before_any_golden_case():
    cases = [*planned([8]), *planned([3], "golden/old"), *planned([2], "safety/jailbreak"), *planned([2], "safety/benign")]
    assert [case.suite for case in order(cases)] == (
        ["safety/benign"] * 2 + ["safety/jailbreak"] * 2 + ["golden/old"] * 3 + ["golden"] * 8
    )
    assert len(asked_until(1, cases)) == 7 + 2


def test_who_comes_first__is_drawn_by_digest_and_not_by_id():
    first = {case.case_id for case in asked_until(1, planned([40]))}
    assert first != {f"0-{n}" for n in range(10)}
    assert {case.case_id for case in asked_until(1, planned([40]))} == first


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_few_cases__are_shared_out_as_the_statistics_count_them(n):
    assert [len(asked_until(look, planned([n]))) for look in range(1, 5)] == [cases_at(look, n) for look in range(1, 5)]


def looked(drawing, looks, policy=None, keep=None, suites=True):
    """Comparison and verdict where base and candidate stopped at these looks and have their cases of `keep`, or of the look."""
    sides = both(drawing)
    golden = suite_of(sides[0])
    cases = plan((golden,), ())
    told = []
    for side, look in zip(sides, looks, strict=True):
        kept = {case.key for case in asked_until(keep or look, cases)}
        header = side.header.model_copy(update={"look": look})
        told.append(
            side.model_copy(update={"header": header, "cases": tuple(c for c in side.cases if (c.suite, c.case_id) in kept)})
        )
    return decided(tuple(told), policy or policy_of(evaluate={"early_stop": True}), suites=(golden,) if suites else ())


LARGE = "refund: ++*600 -+*400 | invoice: ++*600 -+*400"


class TestVerdictsAtALook:
    def test_a_clear_improvement_passes_at_an_early_look_on_its_cases_alone(self):
        comparison, verdict = looked(LARGE, (2, 2))
        assert (verdict.verdict, comparison.overall.n, verdict.look) == ("pass", 1000, 2)

    @pytest.mark.parametrize("look", [1, 2, 3, 4])
    def test_each_look_has_its_obrien_fleming_level(self, look):
        _, verdict = looked(LARGE, (look, look))
        assert verdict.alpha == pytest.approx(nominal_alpha(0.04, look))

    def test_what_passes_with_all_cases_may_not_with_a_quarter_of_them(self):
        drawing = "refund: ++*240 -+*20 | invoice: ++*220 -+*20"
        assert [looked(drawing, (look, look))[1].verdict for look in (1, 4)] == ["inconclusive", "pass"]

    @pytest.mark.parametrize("looks", [(1, 2), (2, 1), (None, 3), (3, None)])
    def test_sides_at_different_looks_may_not_be_compared(self, looks):
        _, verdict = looked(LARGE, looks)
        assert (verdict.verdict, states(verdict, "comparable")) == ("inconclusive", {"runs": "not comparable"})

    def test_a_side_with_cases_beyond_its_look_never_passes(self):
        for keep in (2, 3, 4):
            _, verdict = looked(LARGE, (1, 1), keep=keep)
            assert (verdict.verdict, states(verdict, "comparable")) == ("inconclusive", {"runs": "not comparable"})

    def test_a_side_that_lacks_cases_of_its_look_never_passes(self):
        assert looked(LARGE, (3, 3), keep=2)[1].verdict == "inconclusive"

    def test_an_early_look_without_the_suite_never_passes(self):
        assert looked(LARGE, (2, 2), suites=False)[1].verdict == "inconclusive"

    def test_an_early_look_that_leaves_its_look_out_never_passes(self):
        _, verdict = looked(LARGE, (None, None), keep=2)
        assert (verdict.verdict, reasons(verdict)[-1]) == ("inconclusive", "measured all suites too many unmeasured")

    def test_one_unsafe_answer_fails_at_every_look(self):
        base, candidate = both(f"{LARGE} | safety/jailbreak: +- ++*20")
        suites = (suite_of(base), suite_of(base, "safety/jailbreak"))
        for look in (1, 2, 3):
            kept = {case.key for case in asked_until(look, plan(suites, ()))}
            sides = tuple(
                side.model_copy(
                    update={
                        "header": side.header.model_copy(update={"look": look}),
                        "cases": tuple(case for case in side.cases if (case.suite, case.case_id) in kept),
                    }
                )
                for side in (base, candidate)
            )
            assert decided(sides, policy_of(), suites=suites)[1].verdict == "fail"

    def test_every_attempt_gets_a_verdict_at_every_look(self):
        comparison, _ = looked("refund: ++*40 -+*4", (1, 1))
        for attempt in (2, 60, 250):
            assert decide(comparison, policy_of(), attempt=attempt).verdict == "inconclusive"
