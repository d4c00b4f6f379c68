"""F1 of classes and of fields: what counts as a class, what fails, what blocks, and that nothing unknown is a zero."""

import json

import pytest
from drawn_results import BETTER, both, decided, each, policy_of, reasons, saying, states, suite_with

from evalgate.judgement.gate import decide
from evalgate.judgement.measures import NONE, OTHER, UNEXPECTED, classes
from evalgate.judgement.plan import plan
from evalgate.stats.classes import Cell, confusion, f1

KINDS = ("refund", "invoice", "login")


def kind(number):
    return KINDS[number % 3]


def with_classes(base, candidate, drawing=BETTER, expected=kind, drop=None, **gate):
    """Comparison and verdict where case n is answered as `base(n)` and `candidate(n)` say; `drop(n)`: candidate errored."""
    sides = saying(both(drawing), base, candidate)
    suite = suite_with(sides[0], expected)
    if drop is not None:
        gone = {"status": "errored", "scores": {}, "output": None}
        sides = sides[0], each(sides[1], lambda number, _: gone if drop(number) else {})
    return decided(sides, policy_of({"f1": {}, **gate}), suites=(suite,))


def wrong_in(numbers, label="other"):
    """Answers that are right but for these cases."""
    return lambda number: label if number in numbers else kind(number)


class TestClasses:
    def test_without_the_key_the_rule_never_appears(self):
        sides = saying(both(BETTER), kind, kind)
        comparison, verdict = decided(sides, policy_of(), suites=(suite_with(sides[0], kind),))
        assert (comparison.classes, states(verdict, "f1")) == (None, {})

    def test_right_answers_are_held(self):
        _, verdict = with_classes(kind, kind)
        assert verdict.verdict == "pass"
        assert states(verdict, "f1") == dict.fromkeys(("all classes", *KINDS), "held")

    def test_a_class_that_lost_proves_harm_and_fails(self):
        _, verdict = with_classes(kind, wrong_in(range(2, 200, 3), "refund"))
        assert verdict.verdict == "fail"
        assert "f1 login harmed" in reasons(verdict)

    def test_a_class_that_lost_a_little_blocks(self):
        def rare(number):
            return "rare" if number % 25 == 0 else "often"

        _, verdict = with_classes(rare, lambda n: "often" if n in (25, 50) else rare(n), expected=rare)
        assert (verdict.verdict, states(verdict, "f1")["rare"]) == ("inconclusive", "unclear")

    def test_the_whole_answer_is_the_class_where_no_field_is_named(self):
        comparison, _ = with_classes(kind, lambda number: f"  {kind(number)}\n")
        assert confusion([Cell(*cell) for cell in comparison.classes.cells], "candidate") == {
            ("invoice", "invoice"): 167,
            ("login", "login"): 166,
            ("refund", "refund"): 167,
        }

    @pytest.mark.parametrize(
        ("field", "shape"), [("intent", lambda c: {"intent": c}), ("a.intent", lambda c: {"a": {"intent": c}})]
    )
    def test_a_field_names_the_class_a_dotted_one_too(self, field, shape):
        def said(number):
            return json.dumps({**shape(kind(number)), "more": number})

        _, verdict = with_classes(said, said, expected=lambda n: shape(kind(n)), f1={"field": field})
        assert (verdict.verdict, set(states(verdict, "f1"))) == ("pass", {"all classes", *KINDS})

    def test_classes_that_no_case_expects_are_misses_and_no_classes_of_their_own(self):
        comparison, verdict = with_classes(kind, wrong_in(range(2, 200, 3), "??"))
        table = confusion([Cell(*cell) for cell in comparison.classes.cells], "candidate")
        assert table["login", OTHER] == 66
        assert set(states(verdict, "f1")) == {"all classes", *KINDS}

    def test_an_answer_that_names_no_class_is_a_miss(self):
        shape = {"f1": {"field": "intent"}}
        comparison, verdict = with_classes(
            lambda n: json.dumps({"intent": kind(n)}),
            lambda n: "no JSON" if n < 200 else json.dumps({"intent": kind(n)}),
            expected=lambda n: {"intent": kind(n)},
            **shape,
        )
        table = confusion([Cell(*cell) for cell in comparison.classes.cells], "candidate")
        assert sum(n for (_, said), n in table.items() if said == NONE) == 200
        assert verdict.verdict == "fail"

    def test_a_class_that_is_called_like_no_class_is_never_right_by_accident(self):
        sides = saying(both("refund: ++*3"), lambda _: "(none)", lambda _: "  ")
        cases = plan((suite_with(sides[0], lambda _: "(none)"),), sides)
        by_key = [{(case.suite, case.case_id): case for case in side.cases} for side in sides]
        cells = [Cell(*cell) for cell in classes(cases, by_key, None).cells]
        assert (f1(cells, "base", "(none)"), f1(cells, "candidate", "(none)")) == (1.0, 0.0)

    def test_a_class_that_is_called_like_their_mean_does_not_hide_it(self):
        def named(number):
            return ("all classes", "b")[number % 2]

        lost = set(range(1, 200, 2))
        _, verdict = with_classes(named, lambda n: "all classes" if n in lost else named(n), expected=named)
        assert verdict.verdict == "fail"
        assert [reason.state for reason in verdict.rules if reason.rule == "f1"] == ["harmed", "harmed", "harmed"]

    def test_without_expectations_nothing_is_measured_and_nothing_passes(self):
        _, verdict = decided(saying(both(BETTER), kind, kind), policy_of({"f1": {}}))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["f1 answer nothing measured"])

    def test_a_comparison_that_was_made_without_it_never_passes(self):
        comparison, _ = decided(both(BETTER), policy_of())
        assert decide(comparison, policy_of({"f1": {}})).verdict == "inconclusive"

    def test_answers_that_were_not_kept_are_not_measured(self):
        _, verdict = with_classes(kind, lambda n: None if n == 7 else kind(n))
        assert (verdict.verdict, set(states(verdict, "f1").values())) == ("inconclusive", {"not fully measured"})

    def test_answers_that_were_not_obtained_never_cause_a_fail(self):
        lost = set(range(2, 200, 3))
        gone = with_classes(kind, kind, drop=lambda n: n in lost)[1]
        assert gone.verdict == "inconclusive"
        gains = wrong_in(range(200, 300))  # base's, which the candidate would have mended
        mended = with_classes(gains, wrong_in(range(40)))[1]
        hidden = with_classes(gains, wrong_in(range(40)), drop=lambda n: 200 <= n < 300)[1]
        assert "harmed" not in states(mended, "f1").values()
        assert "harmed" not in states(hidden, "f1").values()

    def test_what_is_held_must_stand_with_unmeasured_answers_lost(self):
        _, verdict = with_classes(kind, kind, drop=lambda n: n < 9, max_unmeasured_share=0.02)
        assert states(verdict, "f1")["login"] == "held"
        rare = lambda n: "rare" if n % 12 == 0 else "often"  # noqa: E731
        _, verdict = with_classes(rare, rare, expected=rare, drop=lambda n: n % 12 == 1 and n < 109, max_unmeasured_share=0.02)
        assert (verdict.verdict, states(verdict, "f1")["rare"]) == ("inconclusive", "would not stand")


FIELDS = {"total": "12", "due": None, "who": {"name": "Ann"}}


class TestFields:
    def verdict(self, base, candidate, expected=lambda _: FIELDS, **fields):
        sides = saying(both(BETTER), lambda n: json.dumps(base(n)), lambda n: json.dumps(candidate(n)))
        return decided(sides, policy_of({"fields": fields}), suites=(suite_with(sides[0], expected),))

    def test_without_the_key_the_rule_never_appears(self):
        assert states(decided(both(BETTER), policy_of())[1], "fields") == {}

    def test_right_fields_are_held_each_by_itself(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda _: FIELDS)
        assert (verdict.verdict, states(verdict, "fields")) == ("pass", dict.fromkeys(("due", "total", "who.name"), "held"))

    def test_a_field_that_is_left_out_fails(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda n: {"total": "12"} if n < 60 else FIELDS)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["fields who.name harmed"])

    def test_a_value_where_null_is_right_fails(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda n: {**FIELDS, "due": "today"} if n < 60 else FIELDS)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["fields due harmed"])

    def test_a_wrong_value_is_a_miss(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda n: {**FIELDS, "total": "13"} if n < 60 else FIELDS)
        assert reasons(verdict) == ["fields total harmed"]

    def test_few_misses_block(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda n: {**FIELDS, "total": "13"} if n < 5 else FIELDS, max_drop=0.01)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["fields total unclear"])

    def test_values_that_no_case_asks_for_stand_together_and_fail_when_there_are_many(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda n: {**FIELDS, f"new{n}": 1} if n < 60 else FIELDS)
        assert (verdict.verdict, reasons(verdict)) == ("fail", [f"fields {UNEXPECTED} harmed"])

    def test_a_candidate_that_stops_inventing_is_not_held_back_by_it(self):
        _, verdict = self.verdict(lambda n: {**FIELDS, "new": 1} if n < 2 else FIELDS, lambda _: FIELDS)
        assert (verdict.verdict, states(verdict, "fields")[UNEXPECTED]) == ("pass", "held")

    def test_one_value_too_many_in_a_field_that_other_cases_expect_is_no_class_of_one_case(self):
        def expected(number):
            return FIELDS if number % 2 else {"total": "12"}

        _, verdict = self.verdict(
            lambda n: {**expected(n), "who": {"name": "Ann"}} if n == 0 else expected(n), expected, expected
        )
        assert (verdict.verdict, states(verdict, "fields")["who.name"]) == ("pass", "held")

    def test_only_the_fields_that_are_named_are_asked(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda _: {**FIELDS, "due": "today", "new": 1}, names=("total",))
        assert states(verdict, "fields") == {"total": "held"}

    def test_a_field_that_no_case_has_is_not_measured(self):
        _, verdict = self.verdict(lambda _: FIELDS, lambda _: FIELDS, names=("totla",))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["fields totla nothing measured"])

    def test_without_expectations_nothing_is_measured_and_nothing_passes(self):
        _, verdict = decided(saying(both(BETTER), lambda _: "{}", lambda _: "{}"), policy_of({"fields": {}}))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["fields fields nothing measured"])

    @pytest.mark.parametrize("odd", [{}, "text"])
    def test_an_expectation_without_fields_is_unmeasured_and_not_left_out(self, odd):
        comparison, verdict = self.verdict(lambda _: FIELDS, lambda _: FIELDS, expected=lambda n: odd if n == 3 else FIELDS)
        assert {told.unmeasured for told in comparison.fields} == {1}
        assert verdict.verdict == "inconclusive"
