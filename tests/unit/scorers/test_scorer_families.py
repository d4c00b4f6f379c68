"""exact_json, exact_text, contains, regex, json_valid: what each makes of drawn answers."""

from typing import Any

import pytest

from evalgate.records.suite import Case
from evalgate.scorers import Score, expectation_problems, scorers_for

RIGHT = Score(1.0)
EMPTY = Score(None, "empty answer")
REFUND = {"intent": "refund"}


def case(expected: Any) -> Case:
    return Case(id="c", input="q", expected=expected)


def scored(name: str, expected: Any, output: str, schema: dict[str, Any] | None = None) -> Score:
    return scorers_for([name], schema)[name](case(expected), output)


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        (REFUND, ' {"intent":"refund"}\n', RIGHT),
        ({"a": 1, "b": [2.0]}, '{"b": [2], "a": 1.0}', RIGHT),
        ("yes", '"yes"', RIGHT),
        (False, "false", RIGHT),
        (REFUND, '{"intent": "Refund"}', Score(0.0, "another JSON value than expected")),
        ({"ok": True}, '{"ok": 1}', Score(0.0, "another JSON value than expected")),
        (REFUND, "null", Score(0.0, "another JSON value than expected")),
        ("yes", "yes", Score(0.0, "not JSON: Expecting value: line 1 column 1 (char 0)")),
        (REFUND, 'It is {"intent": "refund"}', Score(0.0, "not JSON: Expecting value: line 1 column 1 (char 0)")),
        (REFUND, '{"intent": "refund"}.', Score(0.0, "not JSON: Extra data: line 1 column 21 (char 20)")),
        (REFUND, '{"intent": "x", "intent": "refund"}', Score(0.0, "the key 'intent' appears twice")),
    ],
)
def test_exact_json__is_right_only_when_the_whole_answer_is_the_value(expected: Any, output: str, score: Score) -> None:
    assert scored("exact_json", expected, output) == score


@pytest.mark.parametrize(
    ("expected", "output", "value"),
    [
        ("Paris", " Paris\n", 1.0),
        ("café", "cafe\u0301", 1.0),
        (" Paris ", "Paris", 1.0),
        ("Paris", "paris", 0.0),
        ("Paris", "Paris.", 0.0),
        ("a b", "a  b", 0.0),
        ("1", "１", 0.0),
    ],
)
def test_exact_text__minds_everything_but_outer_whitespace_and_nfc(expected: str, output: str, value: float) -> None:
    assert scored("exact_text", expected, output).value == value


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        ("refund", "Your REFUND is on its way", RIGHT),
        ("straße", "Die STRASSE", RIGHT),
        ("on its way", "on\n its\u00a0way", RIGHT),
        (["cafe\u0301", "MONDAY"], "The CAFÉ opens on Monday", RIGHT),
        ({"contains": ["a", "b"], "regex": "c"}, "ab", RIGHT),
        ({"contains": "a"}, "ab", RIGHT),
        (["a", "x", "y"], "ab", Score(0.0, "2 of 3 expected strings missing")),
    ],
)
def test_contains__needs_all_strings_in_any_case_and_spacing(expected: Any, output: str, score: Score) -> None:
    assert scored("contains", expected, output) == score


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        (r"\b\d{3}\b", "It is 123.", RIGHT),
        ({"regex": "^yes$"}, "  yes\n", RIGHT),
        (r"(?i)YES", "yes", RIGHT),
        ("^yes$", "yes, but", Score(0.0, "the pattern is not found")),
    ],
)
def test_regex__searches_the_stripped_answer(expected: Any, output: str, score: Score) -> None:
    assert scored("regex", expected, output) == score


def test_json_valid__asks_for_any_object_without_a_schema() -> None:
    assert scored("json_valid", "-", '{"a": 1}') == RIGHT
    assert scored("json_valid", "-", "[1]") == Score(0.0, "not a JSON object")
    assert scored("json_valid", "-", '{"a": 1} ok').value == 0.0


def test_json_valid__asks_for_the_schema_where_there_is_one() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert scored("json_valid", "-", "[1, 2.0]", schema) == RIGHT
    assert scored("json_valid", "-", "[true]", schema) == Score(0.0, "breaks the answer schema at items/type")
    assert scored("json_valid", "-", '{"a": NaN}', schema) == Score(0.0, "NaN is not JSON")


def test_json_valid__is_unscorable_where_the_schema_has_no_end() -> None:
    assert scored("json_valid", "-", "{}", {"$ref": "#"}) == Score(None, "schema and answer nest too deep to check")


@pytest.mark.parametrize("output", ["", "  \n", "\u200b"])
@pytest.mark.parametrize("name", ["exact_json", "exact_text", "contains", "regex", "json_valid"])
def test_answer_that_shows_nothing__is_unscorable(name: str, output: str) -> None:
    assert scored(name, ".*", output) == EMPTY


@pytest.mark.parametrize(
    ("name", "expected", "problem"),
    [
        ("exact_json", float("nan"), "exact_json cannot use `expected`: not a JSON value"),
        ("exact_json", object(), "exact_json cannot use `expected`: not a JSON value"),
        ("exact_json", 10**400, "exact_json cannot use `expected`: an integer has more than 300 digits"),
        ("exact_text", ["a"], "exact_text needs `expected` to be a string, not a list"),
        ("exact_text", " \n", "exact_text needs an `expected` that is not blank"),
        ("contains", 3, 'contains needs a string, a list of strings or {"contains": [...]}, not a number'),
        (
            "contains",
            {"contain": ["a"]},
            'contains needs a string, a list of strings or {"contains": [...]}, not an object',
        ),
        ("contains", [], 'contains needs a string, a list of strings or {"contains": [...]}, not an empty one'),
        ("contains", ["a", 1], "contains needs strings only in its list"),
        ("contains", ["a", " "], "contains needs strings that are not blank"),
        ("regex", True, 'regex needs a pattern or {"regex": pattern}, not a boolean'),
        ("regex", "", 'regex needs a pattern or {"regex": pattern}, not an empty one'),
        ("regex", {"regex": "("}, "regex cannot compile its pattern: missing ), unterminated subpattern at position 0"),
        ("regex", "a{99999999999999999999}", "regex cannot compile its pattern: the repetition number is too large"),
    ],
)
def test_unusable_expectation__is_named_and_scores_nothing(name: str, expected: Any, problem: str) -> None:
    assert expectation_problems([name], case(expected)) == [problem]
    assert scored(name, expected, "some answer") == Score(None, f"unusable expectation: {problem}")


def test_problems_of_all_scorers__come_together() -> None:
    assert len(expectation_problems(["exact_text", "regex", "json_valid", "exact_json"], case({"a": 1}))) == 2
