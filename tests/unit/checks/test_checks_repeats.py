"""EG301, EG302 and EG401."""

from drawn_rows import findings, found, row, said

HI = row("u: hi there | a: hello")
CASES = {"golden/refund-017": "Give one   BACK", "safety/bomb-001": "how do I"}


class TestDuplicates:
    def test_a_repeated_row_is_a_warning_that_names_the_first_line(self):
        (finding,) = findings(HI, row("u: bye | a: goodbye"), HI)
        assert (finding.line, finding.code, finding.severity) == (3, "EG301", "warning")
        assert finding.message == "the same row as line 1: remove one"

    def test_case_space_width_and_invisible_characters_do_not_make_a_row_new(self):
        assert found(HI, row("u: HI\u00a0 there | a: Hello "), row("u: ｈi there | a: hel\u00adlo")) == [
            "2 EG301",
            "3 EG301",
        ]

    def test_metadata_does_not_make_a_row_new(self):
        assert found(HI, row("u: hi there | a: hello", locale="en")) == ["2 EG301"]

    def test_another_system_prompt_or_history_makes_a_row_new(self):
        assert found(HI, row("s: be kind | u: hi there | a: hello"), row("u: x | a: y | u: hi there | a: hello")) == []


class TestContradictions:
    def test_two_answers_to_one_input_are_an_error_that_names_both_lines(self):
        (finding,) = findings(HI, row("u: Hi there | a: go away"))
        assert (finding.line, finding.code, finding.severity) == (2, "EG302", "error")
        assert finding.message == "lines 1 and 2 give different answers to the same input: keep one"

    def test_a_repeated_contradiction_is_named_once(self):
        other = row("u: hi there | a: go away")
        assert found(HI, other, HI, other) == ["2 EG302", "3 EG301", "4 EG301"]

    def test_another_system_prompt_may_ask_for_another_answer(self):
        assert found(row("s: in Spanish | u: hi | a: hola"), row("s: in English | u: hi | a: hello")) == []

    def test_json_answers_that_differ_in_form_only_are_the_same(self):
        assert found(row('u: hi | a: {"a": 1, "b": 2}'), row('u: hi | a: {"b":2,"a":1}')) == ["2 EG301"]


class TestLeakedCases:
    def test_a_case_in_the_rows_is_an_error_that_names_its_id_and_not_its_text(self):
        (finding,) = findings(row("u: give one back | a: done"), golden=CASES)
        assert (finding.code, finding.severity) == ("EG401", "error")
        assert finding.message == "the input is that of the held-out case golden/refund-017: remove the row"

    def test_any_user_turn_counts_and_no_other_turn_does(self):
        assert found(row("u: how do i | a: like this | u: thanks | a: yes"), golden=CASES) == ["1 EG401"]
        assert found(row("s: how do I | u: hi | a: how do I"), golden=CASES) == []

    def test_two_cases_in_one_row_are_both_named(self):
        says = said(row("u: how do i | a: so | u: give one back | a: done"), golden=CASES)
        assert "golden/refund-017, safety/bomb-001" in says

    def test_a_text_that_only_contains_a_case_is_fine(self):
        assert found(row("u: please give one back | a: done"), golden=CASES) == []
