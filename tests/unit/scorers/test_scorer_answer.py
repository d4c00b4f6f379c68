"""Reading an answer as JSON, and comparing two JSON values."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.scorers.answer import MAX_DEPTH, MAX_DIGITS, read_json, same_json, strings_in

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1, "a": 1}', "the key 'a' appears twice"),
        ('[{"\\u00e9": {"é": 1}, "é": 2}]', "the key '\\xe9' appears twice"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("1e999", "a number is too large"),
        ("-1e999", "a number is too large"),
        ("9" * (MAX_DIGITS + 1), f"an integer has more than {MAX_DIGITS} digits"),
        ("9" * 5000, f"an integer has more than {MAX_DIGITS} digits"),
        ("[" * 100_000, f"nests deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 201 + "1" + "}" * 201, f"nests deeper than {MAX_DEPTH} levels"),
        ('["\\ud800"]', "a string holds half a surrogate pair"),
        ('{"\\udfff": 1}', "a string holds half a surrogate pair"),
        ("{} {}", "not JSON: Extra data: line 1 column 4 (char 3)"),
        ('{"a": 1} done', "not JSON: Extra data: line 1 column 10 (char 9)"),
        ('```json\n{"a": 1}\n```', "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{'a': 1}", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_json_that_could_be_read_in_two_ways__is_not_read(text: str, problem: str) -> None:
    assert read_json(text) == (None, problem)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": [1, 2.5, true, null, "é"]}\n', {"a": [1, 2.5, True, None, "é"]}),
        ("null", None),
        ("-" + "9" * MAX_DIGITS, -int("9" * MAX_DIGITS)),
        ('"' + "[" * 500 + '\\"["', "[" * 500 + '"['),
        ('["\\ud83d\\ude00"]', ["😀"]),
        ('{"a": 1, "A": 2}', {"a": 1, "A": 2}),
    ],
)
def test_plain_json__is_read(text: str, value: Any) -> None:
    assert read_json(text) == (value, None)


def test_nesting__is_read_up_to_the_limit() -> None:
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH).problem is None


@given(st.text())
def test_any_text__is_read_or_given_a_reason(text: str) -> None:
    value, problem = read_json(text)
    assert value is None or problem is None


@given(st.text(alphabet='[]{}":,\\0123456789.eE-tru fals\ud800'))
def test_almost_json__is_read_as_the_standard_parser_reads_it_or_not_at_all(text: str) -> None:
    value, problem = read_json(text)
    assert problem is not None or same_json(value, json.loads(text))


@given(JSON)
def test_json_value__equals_itself_after_writing_and_reading(value: Any) -> None:
    assert same_json(read_json(json.dumps(value)).value, value)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        (None, False, False),
        (1, "1", False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([], {}, False),
        ([], False, False),
        ("é", "e\u0301", False),
        (2**53 + 1, float(2**53), False),
    ],
)
def test_equality__minds_types_but_not_the_order_of_keys(left: Any, right: Any, same: bool) -> None:
    assert (same_json(left, right), same_json(right, left)) == (same, same)


def test_strings__come_in_the_order_of_the_text() -> None:
    value = {"a": ["b", {"c": "d"}], "e": 1, "f": "g"}
    assert list(strings_in(value, keys=True)) == ["a", "b", "c", "d", "e", "f", "g"]
    assert list(strings_in(value, keys=False)) == ["b", "d", "g"]
