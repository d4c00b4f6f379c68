"""tool_calls: which calls an answer makes, and whether they are the expected ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.suite import Case
from evalgate.scorers import Score, expectation_problems, scorers_for
from evalgate.scorers.calls import read_calls

RIGHT = Score(1.0)
REFUND = {"name": "refund", "arguments": {"order": 17, "full": True}}
MAIL = {"name": "mail", "arguments": {"to": "a@example.org"}}
NONE: dict[str, Any] = {"tool_calls": []}


def scored(expected: Any, output: Any) -> Score:
    text = output if isinstance(output, str) else json.dumps(output)
    return scorers_for(["tool_calls"], None)["tool_calls"](Case(id="c", input="q", expected=expected), text)


def wanted(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tool_calls": list(calls), **more}


def called(*calls: Any) -> dict[str, Any]:
    return {"tool_calls": list(calls), "content": None}


def openai(call: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x", "type": "function", "function": {**call, "arguments": json.dumps(call["arguments"])}}


@pytest.mark.parametrize(
    "output",
    [
        called(REFUND),
        [REFUND],
        REFUND,
        called({**REFUND, "arguments": json.dumps(REFUND["arguments"])}),
        called(openai(REFUND)),
        [openai(REFUND)],
        openai(REFUND),
        {"content": "one moment", "tool_calls": [{"name": "refund", "arguments": {"full": True, "order": 17.0}}]},
        {"function_call": REFUND},
    ],
)
def test_the_expected_call__is_right_in_every_form(output: Any) -> None:
    assert scored(wanted(REFUND), output) == RIGHT
    assert scored(NONE, output) == Score(0.0, "1 calls where 0 are expected")


@pytest.mark.parametrize(
    ("output", "note"),
    [
        (called(MAIL), "call 1: another tool than expected"),
        (called({**REFUND, "arguments": {"order": 18, "full": True}}), "call 1: other arguments than expected"),
        (called({**REFUND, "arguments": {"order": 17, "full": 1}}), "call 1: other arguments than expected"),
        (called({**REFUND, "arguments": {"order": "17", "full": True}}), "call 1: other arguments than expected"),
        (called({**REFUND, "arguments": {**REFUND["arguments"], "why": ""}}), "call 1: other arguments than expected"),
        (called({"name": "refund"}), "call 1: other arguments than expected"),
        (called(REFUND, REFUND), "2 calls where 1 are expected"),
        (called(), "0 calls where 1 are expected"),
        ("I will refund it.", "0 calls where 1 are expected"),
        ({"tool_calls": None, "content": "No."}, "0 calls where 1 are expected"),
        (called({**REFUND, "arguments": '{"order": 17'}), "call 1 has no name, or no arguments that can be read"),
        (called({**REFUND, "arguments": '{"order": 17, "order": 17}'}), "call 1 has no name, or no arguments that can be read"),
        (called({**REFUND, "arguments": "null"}), "call 1 has no name, or no arguments that can be read"),
        (called({**REFUND, "arguments": [17]}), "call 1 has no name, or no arguments that can be read"),
        (called(REFUND, {"arguments": {}}), "call 2 has no name, or no arguments that can be read"),
        (called("refund"), "call 1 has no name, or no arguments that can be read"),
        ({"tool_calls": REFUND}, "`tool_calls` is no list"),
        (
            '{"tool_calls": [{"name"',
            "a call that cannot be read: not JSON: Expecting ':' delimiter: line 1 column 24 (char 23)",
        ),
    ],
)
def test_any_other_answer__is_wrong_and_never_unscorable(output: Any, note: str) -> None:
    assert scored(wanted(REFUND), output) == Score(0.0, note)


def test_call_without_arguments__has_none_however_that_is_written() -> None:
    for arguments in ({}, "{}", "", None):
        assert scored(wanted({"name": "list", "arguments": {}}), called({"name": "list", "arguments": arguments})) == RIGHT
    assert scored(wanted({"name": "list", "arguments": {}}), called({"name": "list"})) == RIGHT


@pytest.mark.parametrize(
    "output", ["No tool is needed.", "[1] is the page.", "{no call}", '{"intent": "refund"}', "42", "null", "[]"]
)
def test_no_call_expected__a_plain_answer_is_right(output: str) -> None:
    assert scored(NONE, output) == RIGHT
    assert scored(NONE, {"tool_calls": [], "content": output}) == RIGHT


@pytest.mark.parametrize(
    "output",
    [
        '<tool_call>{"name": "refund"}</tool_call>',
        'Sure: {"name": "refund", "arguments": {}}',
        '```json\n{"tool_calls": [{"name": "refund", "arguments": {}}]}\n```',
        '{"tool_calls": [{"name": "refund", "argum',
        '{"tool_calls": [], "tool_calls": [1]}',
        '"{\\"tool_calls\\": []}"',
        '{"tool_calls": "refund"}',
        "[1]",
    ],
)
def test_no_call_expected__what_is_meant_as_a_call_is_wrong_though_nobody_can_read_it(output: str) -> None:
    assert scored(NONE, output).value == 0.0


def test_order__matters_unless_the_case_says_any() -> None:
    assert scored(wanted(REFUND, MAIL), called(REFUND, MAIL)) == RIGHT
    assert scored(wanted(REFUND, MAIL), called(MAIL, REFUND)) == Score(0.0, "call 1: another tool than expected")
    assert scored(wanted(REFUND, MAIL, order="any"), called(MAIL, REFUND)) == RIGHT
    assert scored(wanted(REFUND, MAIL, order="any"), called(MAIL, MAIL)) == Score(0.0, "1 of 2 expected calls missing")


def test_any_order__finds_the_one_way_in_which_every_call_is_used_once() -> None:
    either = {"name": "say", "any_of": [{"n": 1}, {"n": 2}]}
    one, two = ({"name": "say", "arguments": {"n": n}} for n in (1, 2))
    assert scored(wanted(either, one, order="any"), called(one, two)) == RIGHT
    assert scored(wanted(either, one, order="any"), called(two, two)).value == 0.0


def test_any_of_and_ignore__loosen_the_arguments() -> None:
    loose = {"name": "refund", "any_of": [{"order": 17}, {"order": "17"}], "ignore": ["request_id", "trace"]}
    assert scored(wanted(loose), called({"name": "refund", "arguments": {"order": "17", "request_id": "a"}})) == RIGHT
    assert scored(wanted(loose), called({"name": "refund", "arguments": {"order": 17}})) == RIGHT
    assert scored(wanted(loose), called({"name": "refund", "arguments": {"order": 17, "why": "x"}})).value == 0.0


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("x", 'tool_calls needs `expected` to be {"tool_calls": [...]}, not a string'),
        ({"tool_calls": {}}, 'tool_calls needs `expected` to be {"tool_calls": [...]}, not an object'),
        (wanted(REFUND, oder="any"), "tool_calls does not know the key 'oder'"),
        (wanted(REFUND, order="all"), 'tool_calls needs `order` to be "same" or "any"'),
        (wanted({"arguments": {}}), "tool_calls: call 1: needs a `name`"),
        (wanted({"name": "a"}), "tool_calls: call 1: needs either `arguments` or `any_of`"),
        (wanted(REFUND, {**REFUND, "any_of": [{}]}), "tool_calls: call 2: needs either `arguments` or `any_of`"),
        (wanted({"name": "a", "arguments": "{}"}), "tool_calls: call 1: needs arguments that are objects"),
        (wanted({"name": "a", "any_of": []}), "tool_calls: call 1: needs arguments that are objects"),
        (wanted({"name": "a", "any_of": {}}), "tool_calls: call 1: needs arguments that are objects"),
        (wanted({**REFUND, "ignore": "order"}), "tool_calls: call 1: needs `ignore` to be a list of argument names"),
        (wanted({**REFUND, "ignored": []}), "tool_calls: call 1: has an unknown key 'ignored'"),
        (wanted(*[REFUND] * 101), "tool_calls expects 101 calls, at most 100 are compared"),
        (wanted({"name": "a", "arguments": {"x": float("nan")}}), "tool_calls cannot use `expected`: not a JSON value"),
    ],
)
def test_unusable_expectation__is_named_and_scores_nothing(expected: Any, problem: str) -> None:
    assert expectation_problems(["tool_calls"], Case(id="c", input="q", expected=expected)) == [problem]
    assert scored(expected, "{}") == Score(None, f"unusable expectation: {problem}")


@given(order=st.permutations(range(6)), names=st.lists(st.sampled_from("ab"), min_size=6, max_size=6))
def test_any_order__is_right_for_every_order(order: list[int], names: list[str]) -> None:
    calls = [{"name": name, "arguments": {"n": n % 2}} for n, name in enumerate(names)]
    assert scored(wanted(*calls, order="any"), called(*(calls[place] for place in order))) == RIGHT


@given(output=st.text() | st.text('{}[]":,aefgmnrtu_cl01 '))
def test_read_calls__reads_any_text(output: str) -> None:
    found, problem = read_calls(output)
    assert problem is None or found == ()


@pytest.mark.parametrize(
    "output",
    [
        "[" * 100_000,
        "[" + '{"name": "a", "arguments": {}},' * 30_000 + "1]",
        '{"tool_calls": [{"name": "a", "arguments": "' + "[" * 100_000 + '"}]}',
        '{"tool_calls": [{"name": "a", "arguments": {"x": NaN}}]}',
        "\ud800tool_call",
        "x" * 1_000_000,
    ],
)
def test_monstrous_answer__is_wrong(output: str) -> None:
    assert scored(wanted(REFUND, MAIL, order="any"), output).value == 0.0
