"""EG601 to EG603."""

import json

import pytest
from drawn_rows import findings, found, lines, row

from evalgate.checks import check_dataset


class TestSystemPrompt:
    def test_a_prompt_that_is_not_the_policys_is_a_warning(self):
        (finding,) = findings(row("s: be curt | u: hi | a: hello"), prompt="be kind")
        assert (finding.code, finding.severity, finding.line) == ("EG601", "warning", 1)

    @pytest.mark.parametrize("drawing", ["u: hi | a: hello", "s: be kind | u: hi | a: hello", "s:  be kind\n | u: hi | a: x"])
    def test_none_or_the_same_is_fine(self, drawing):
        assert found(row(drawing), prompt="be kind\n") == []

    def test_without_a_policy_nothing_is_compared(self):
        assert found(row("s: be curt | u: hi | a: hello")) == []

    def test_an_empty_prompt_of_the_policy_is_a_prompt(self):
        assert found(row("s: be curt | u: hi | a: hello"), prompt="") == ["1 EG601"]


class TestFormOfAnswers:
    @staticmethod
    def answered(*answers):
        return found(*(row(f"u: question {i} | a: {answer}") for i, answer in enumerate(answers)))

    def test_an_odd_answer_among_four_of_one_form_is_a_warning(self):
        assert self.answered(*['{"intent": "a"}'] * 4, "refund") == ["5 EG602"]
        assert self.answered('{"intent": "a", "x": 1}', *['{"intent": "a"}'] * 4) == ["1 EG602"]
        assert self.answered(*['{"intent": "a"}'] * 4, '{"intent": NaN}') == ["5 EG602"]

    def test_below_eighty_percent_there_is_no_usual_form(self):
        assert self.answered(*['{"intent": "a"}'] * 3, "refund") == []

    def test_prose_has_no_form_to_differ_from(self):
        assert self.answered("a", "b", "c", "d", "e", '{"intent": "a"}') == []

    def test_order_and_space_do_not_make_another_form(self):
        assert self.answered(*['{"a": 1, "b": 2}'] * 4, ' {"b":2,\n"a":1}') == []


class TestSource:
    @pytest.mark.parametrize("source", ["human", "synthetic", "prod_sample"])
    def test_the_three_sources_are_fine(self, source):
        assert found(row("u: hi | a: hello", source=source)) == []

    def test_missing_and_unknown_sources_are_one_warning_with_the_count(self):
        (finding,) = findings(
            row("u: 1 | a: x"),
            row("u: 2 | a: x", source="prod"),
            row("u: 3 | a: x", source=["human"]),
            json.dumps({"messages": [{"role": "user", "content": "4"}, {"role": "assistant", "content": "x"}]}),
        )
        assert (finding.code, finding.severity, finding.line) == ("EG603", "warning", 0)
        assert finding.message.startswith("3 of 4 rows lack a `metadata.source`")

    def test_a_file_without_rows_says_nothing_of_sources(self):
        assert "EG603" not in {finding.code for finding in check_dataset(lines("[]"), "x.jsonl")[0]}
