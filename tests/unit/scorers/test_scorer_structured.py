"""json_schema, fields, top_k: what each makes of drawn answers, and the labels that answers name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.suite import Case
from evalgate.scorers import Score, expectation_problems, field_outcomes, label_in, label_of, label_scores, scorers_for
from evalgate.scorers.leaves import leaves, same_leaf

RIGHT = Score(1.0)
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3))
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4)
PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def case(expected: Any) -> Case:
    return Case(id="c", input="q", expected=expected)


def scored(name: str, expected: Any, output: str) -> Score:
    return scorers_for([name], None)[name](case(expected), output)


def fields(expected: Any, output: str) -> float | None:
    return scored("fields", expected, output).value


# --- json_schema ---


@pytest.mark.parametrize(
    ("schema", "output", "score"),
    [
        (PERSON, '{"age": 3}', RIGHT),
        (PERSON, ' {"age": 3.0, "name": "x"}\n', RIGHT),
        (PERSON, '{"age": "3"}', Score(0.0, "breaks the case's schema at properties/age/type")),
        (PERSON, "{}", Score(0.0, "breaks the case's schema at required")),
        (PERSON, '{"age": 3} ok', Score(0.0, "not JSON: Extra data: line 1 column 12 (char 11)")),
        (PERSON, '{"age": NaN}', Score(0.0, "NaN is not JSON")),
        ({"enum": ["a", None]}, "null", RIGHT),
        ({}, "[1]", RIGHT),
        ({"$ref": "#"}, "{}", Score(None, "schema and answer nest too deep to check")),
        ({"multipleOf": 10**400}, "1.5", Score(None, "schema and answer hold a number too large to check")),
    ],
)
def test_json_schema__asks_for_the_schema_of_the_case(schema: dict[str, Any], output: str, score: Score) -> None:
    assert scored("json_schema", {"schema": schema}, output) == score


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("x", 'json_schema needs `expected` to be {"schema": {...}}, not a string'),
        ({"type": "object"}, 'json_schema needs `expected` to be {"schema": {...}}, not an object'),
        ({"schema": True}, 'json_schema needs `expected` to be {"schema": {...}}, not a boolean as its schema'),
        (
            {"schema": {"type": "strin"}},
            "json_schema cannot use its schema: 'strin' is not valid under any of the given schemas (at $.type)",
        ),
        (
            {"schema": {"$ref": "https://example.org/x"}},
            "json_schema cannot use its schema: 'https://example.org/x' points to nothing in it; only `#/...` works",
        ),
        (
            {"schema": {"pattern": "a{99999999999999999999}"}},
            "json_schema cannot use its schema: a pattern cannot be compiled: the repetition number is too large",
        ),
        (
            {"schema": {"pattern": "[[a]"}},
            "json_schema cannot use its schema: a pattern cannot be compiled: Possible nested set at position 1",
        ),
    ],
)
def test_schema_that_cannot_be_used__is_a_problem_of_the_case(expected: Any, problem: str) -> None:
    assert expectation_problems(["json_schema"], case(expected)) == [problem]
    assert scored("json_schema", expected, "1") == Score(None, f"unusable expectation: {problem}")


VALUES = ("object", "array", "string", "#", "#/$defs/a", "#/$defs/a%20b", "(a+)+$", "\\p{L}", "[[a]", 0.1, 10**400, 2)
RULES = ("type", "pattern", "multipleOf", "maximum", "const", "$ref", "$id", "$anchor", "$dynamicRef", "format", "x")
INSIDE = ("items", "not", "if", "additionalProperties", "unevaluatedProperties", "contains", "propertyNames", "x")
SCHEMAS = st.recursive(
    st.dictionaries(st.sampled_from(RULES), st.sampled_from(VALUES), max_size=3),
    lambda inner: (
        st.dictionaries(st.sampled_from(INSIDE), inner)
        | st.fixed_dictionaries(
            {
                "$ref": st.sampled_from(["#/$defs/a", "#/$defs/a%20b", "#/x", "#/x/a"]),
                "$defs": st.dictionaries(st.sampled_from(["a", "a%20b"]), inner),
                "x": inner | st.sampled_from(VALUES),
            }
        )
    ),
    max_leaves=6,
)


@given(schema=SCHEMAS, answer=JSON | st.just(10**299) | st.just([[1, 2]]) | st.just({"a": "aaaa"}))
def test_json_schema__any_schema_is_refused_or_gives_a_score(schema: dict[str, Any], answer: Any) -> None:
    value, note = scored("json_schema", {"schema": schema}, json.dumps(answer))
    assert value in (0.0, 1.0) or note


# --- fields ---


INVOICE = {"no": "A-1", "total": 12, "paid": None, "buyer": {"name": "Añu", "vat": None}, "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (INVOICE, 6 / 6),
        ({**INVOICE, "total": 12.0, "no": " A-1\n", "buyer": {"name": "An\u0303u"}}, 6 / 6),
        ({**INVOICE, "more": None}, 6 / 6),
        ({**INVOICE, "paid": True}, 5 / 6),
        ({**INVOICE, "no": "a-1"}, 5 / 6),
        ({**INVOICE, "total": "12"}, 5 / 6),
        ({**INVOICE, "tags": ["b", "a"]}, 5 / 6),
        ({**INVOICE, "tags": ["a"]}, 5 / 6),
        ({**INVOICE, "more": "x"}, 6 / 7),
        ({**INVOICE, "more": {"x": 1, "y": 2}}, 6 / 8),
        ({**INVOICE, "buyer": "Añu"}, 5 / 7),
        ({**INVOICE, "buyer": None}, 5 / 6),
        ({}, 2 / 6),
    ],
)
def test_fields__is_the_share_of_all_fields_that_are_right(output: Any, value: float) -> None:
    assert fields(INVOICE, json.dumps(output)) == value


@pytest.mark.parametrize("output", ["A-1", "[]", "null", '"x"', '{"no": "A-1"', '{"no": "A-1", "no": "A-1"}', '{"no": NaN}'])
def test_fields__is_0_when_the_answer_is_no_object(output: str) -> None:
    score = scored("fields", INVOICE, output)
    assert score.value == 0.0
    assert score.note


def test_lists_of_objects__are_compared_by_position() -> None:
    lines = {"lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}
    assert fields(lines, json.dumps(lines)) == 1.0
    assert fields(lines, json.dumps({"lines": lines["lines"][::-1]})) == 0.0
    assert fields(lines, json.dumps({"lines": lines["lines"][:1]})) == 2 / 4
    assert fields(lines, json.dumps({"lines": [*lines["lines"], {"sku": "c", "n": 3}]})) == 4 / 6
    assert fields(lines, json.dumps({"lines": {"[0]": {"sku": "a", "n": 1}}})) == 0.0


def test_keys_that_look_like_paths__are_not_taken_for_them() -> None:
    nested = {"a": {"b": 1}, "c": [{"d": 2}]}
    assert fields(nested, '{"a.b": 1, "c[0].d": 2}') == 0.0
    assert fields({"a.b": 1}, '{"a": {"b": 1}}') == 0.0
    assert list(leaves({"a.b": 1, "a": {"b": 1, "": 2}, "": 3, "x\\[0]": 4}) or {}) == ["a\\.b", "a.b", "a.", "", "x\\\\\\[0]"]


def test_fields__names_the_first_that_is_wrong() -> None:
    assert scored("fields", {"a": {"b": 1, "c": 2}}, '{"a": {"b": 1}}') == Score(0.5, "1 of 2 fields wrong: 'a.c'")
    assert scored("fields", {"a": 1}, '{"a": 1, "::erro\\nr::": 1}') == Score(0.5, "1 of 2 fields wrong: '::erro\\nr::'")


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("x", "fields needs `expected` to be an object with fields, not a string"),
        ({}, "fields needs `expected` to be an object with fields, not an empty one"),
        ([{"a": 1}], "fields needs `expected` to be an object with fields, not a list"),
        ({"a": float("nan")}, "fields cannot use `expected`: not a JSON value"),
        ({"a": "\ud800"}, "fields cannot use `expected`: a string holds half a surrogate pair"),
    ],
)
def test_expectation_without_fields__is_named_and_scores_nothing(expected: Any, problem: str) -> None:
    assert expectation_problems(["fields"], case(expected)) == [problem]
    assert scored("fields", expected, "{}") == Score(None, f"unusable expectation: {problem}")
    assert field_outcomes(expected, "{}") == {}


def test_field_outcomes__tell_value_and_null_apart_on_both_sides() -> None:
    expected = {"right": 1, "wrong": 1, "null": 1, "lost": 1, "none": None, "gone": None, "made": None}
    answer = {"right": 1.0, "wrong": 2, "null": None, "none": None, "made": 1, "new": 1, "nothing": None}
    assert field_outcomes(expected, json.dumps(answer)) == {
        "right": ("value", "right"),
        "wrong": ("value", "wrong"),
        "null": ("value", "null"),
        "lost": ("value", "null"),
        "none": ("null", "null"),
        "gone": ("null", "null"),
        "made": ("null", "wrong"),
        "new": ("null", "wrong"),
    }


def test_field_outcomes__of_an_answer_that_is_no_object_are_all_null() -> None:
    assert field_outcomes({"a": 1, "b": None}, "a: 1") == {"a": ("value", "null"), "b": ("null", "null")}


@given(expected=OBJECTS, answer=JSON)
def test_fields__is_a_share_and_agrees_with_the_outcomes(expected: dict[str, Any], answer: Any) -> None:
    output = json.dumps(answer)
    score = scored("fields", expected, output).value
    told = field_outcomes(expected, output)
    assert set(leaves(expected) or {}) <= set(told)
    if isinstance(answer, dict) and output.strip():
        assert score == sum(outcome in {("value", "right"), ("null", "null")} for outcome in told.values()) / len(told)
    assert fields(expected, json.dumps(expected)) == 1.0


@given(value=JSON)
def test_leaves__lose_nothing(value: Any) -> None:
    found = leaves(value)
    assert found is not None
    assert len(found) == _leaf_count(value)


def _leaf_count(value: Any) -> int:
    if isinstance(value, dict) and value:
        return sum(map(_leaf_count, value.values()))
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return sum(map(_leaf_count, value))
    return 1


@given(leaf=LEAVES)
def test_a_leaf__is_the_same_as_itself_and_a_boolean_is_no_number(leaf: Any) -> None:
    assert same_leaf(leaf, leaf)
    assert not same_leaf(True, 1)
    assert not same_leaf("1", 1)


@pytest.mark.parametrize(
    "output",
    [
        '{"' + "k" * 500_000 + '": {' + ",".join(f'"{n}": 1' for n in range(50_000)) + "}}",
        '{"' + "k" * 4000 + '": ' + '{"a": ' * 190 + "{" + ",".join(f'"{n}": 1' for n in range(90_000)) + "}" + "}" * 191,
        "[" + "{}," * 300_000 + "{}]",
        '{"a": [' + "{}," * 300_000 + "{}]}",
    ],
)
def test_answer_of_a_megabyte_of_fields__costs_little_and_is_wrong(output: str) -> None:
    value = fields({"a": 1, "b": None}, output)
    assert value is not None
    assert 0 <= value < 0.001
    assert len(field_outcomes({"a": 1}, output)) < 500_000
    assert label_of(output, "a") is None


# --- labels ---


@pytest.mark.parametrize(
    ("output", "field", "label"),
    [
        ('{"intent": " refund "}', "intent", "refund"),
        ('{"a": {"intent": "cafe\\u0301"}}', "a.intent", "café"),
        ('{"a": [{"b": "x"}]}', "a[0].b", "x"),
        ('{"a.b": "x"}', r"a\.b", "x"),
        ('{"a": true}', "a", "true"),
        ('{"a": 2.0}', "a", "2"),
        ('{"a": 2}', "a", "2"),
        ('{"a": 2.5}', "a", "2.5"),
        ('{"a": null}', "a", None),
        ('{"a": ""}', "a", None),
        ('{"a": ["x"]}', "a", None),
        ('{"a": {"b": 1}}', "a", None),
        ("{}", "a", None),
        ("refund", "a", None),
        ('["x"]', "[0]", None),
        ("  refund\n", None, "refund"),
        ('{"a": 1}', None, '{"a": 1}'),
        (" \n", None, None),
    ],
)
def test_label_of__is_the_field_or_the_whole_text(output: str, field: str | None, label: str | None) -> None:
    assert label_of(output, field) == label


def test_label_in__reads_an_expectation_as_label_of_reads_an_answer() -> None:
    assert [label_in(value, None) for value in ("x ", True, 2.0, None, [1], {})] == ["x", "true", "2", None, None, None]
    assert label_in({"a": {"b": 1}}, "a.b") == "1"


@given(output=st.text(), field=st.none() | st.text(max_size=4))
def test_label_of__any_text_is_a_text_or_none(output: str, field: str | None) -> None:
    assert label_of(output, field) != ""


@pytest.mark.parametrize(
    ("output", "scores"),
    [
        ('{"a": 0.5, "b": 1}', {"a": 0.5, "b": 1.0}),
        ('{" a ": -3}', {"a": -3.0}),
        ('{"a": 1, "a ": 2}', None),
        ('{"a": "1"}', None),
        ('{"a": true}', None),
        ('{"a": NaN}', None),
        ("{}", None),
        ('["a"]', None),
        ("a", None),
    ],
)
def test_label_scores__are_those_of_an_object_of_numbers(output: str, scores: dict[str, float] | None) -> None:
    assert label_scores(output) == scores


# --- top_k ---


RANKED = '{"refund": 0.5, "other": 0.3, "bill": 0.15, "spam": 0.05}'
NOT_THERE = "the expected label is not surely among the {} highest"


@pytest.mark.parametrize(
    ("expected", "output", "score"),
    [
        ("refund", RANKED, RIGHT),
        ("bill", RANKED, RIGHT),
        (" bill\n", RANKED, RIGHT),
        ("spam", RANKED, Score(0.0, NOT_THERE.format(3))),
        ({"label": "other", "k": 2}, RANKED, RIGHT),
        ({"label": "other", "k": 1}, RANKED, Score(0.0, NOT_THERE.format(1))),
        ({"label": "bill"}, RANKED, RIGHT),
        ("gone", RANKED, Score(0.0, NOT_THERE.format(3))),
        ("b", '["a", "b", "c", "d"]', RIGHT),
        ("d", '["a", "b", "c", "d"]', Score(0.0, NOT_THERE.format(3))),
        ("a", '["a", "a"]', Score(0.0, "neither labels in order nor a number for each label")),
        ("a", '["a", 1]', Score(0.0, "neither labels in order nor a number for each label")),
        ("a", "[]", Score(0.0, "neither labels in order nor a number for each label")),
        ("a", '{"a": "high"}', Score(0.0, "neither labels in order nor a number for each label")),
        ("a", '"a"', Score(0.0, "neither labels in order nor a number for each label")),
        ("a", "a", Score(0.0, "not JSON: Expecting value: line 1 column 1 (char 0)")),
        ("a", '{"a": 1e999}', Score(0.0, "a number is too large")),
    ],
)
def test_top_k__finds_the_label_among_the_highest(expected: Any, output: str, score: Score) -> None:
    assert scored("top_k", expected, output) == score


def test_tie_at_the_border__counts_only_when_the_label_is_surely_within() -> None:
    tied = '{"a": 1, "b": 0.5, "c": 0.5}'
    assert [scored("top_k", {"label": "b", "k": k}, tied).value for k in (1, 2, 3)] == [0.0, 0.0, 1.0]
    assert scored("top_k", {"label": "a", "k": 1}, tied) == RIGHT


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (3, 'top_k needs a label or {"label": ..., "k": ...}, not a number'),
        ("", "top_k needs `label` to be a text, not a blank one"),
        ({"k": 1}, "top_k needs `label` to be a text, not null"),
        ({"label": "a", "k": 0}, "top_k needs `k` to be a whole number from 1"),
        ({"label": "a", "k": True}, "top_k needs `k` to be a whole number from 1"),
        ({"label": "a", "n": 1}, "top_k does not know the key 'n'"),
    ],
)
def test_expectation_without_a_label__is_named_and_scores_nothing(expected: Any, problem: str) -> None:
    assert expectation_problems(["top_k"], case(expected)) == [problem]
    assert scored("top_k", expected, "{}") == Score(None, f"unusable expectation: {problem}")


@given(scores=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), min_size=1), k=st.integers(1, 6))
def test_top_k__never_has_more_than_k_labels_right(scores: dict[str, int], k: int) -> None:
    right = [label for label in scores if scored("top_k", {"label": label, "k": k}, json.dumps(scores)) == RIGHT]
    assert len(right) <= k
    assert all(sorted(scores.values(), reverse=True).index(scores[label]) < k for label in right)
