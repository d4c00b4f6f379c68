"""The answer schema: validity, breaches, and whether it leaves room for free text."""

from typing import Any

import pytest

from evalgate.errors import PolicyError
from evalgate.scorers.schema import TOO_DEEP, breach_of, is_closed

INTENT = {"enum": ["refund", "other"]}
TEXT = {"type": "string"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        INTENT,
        {"const": {"reply": "no"}},
        {"type": "boolean"},
        {"type": ["number", "null", "integer"]},
        an_object(intent=INTENT, sure={"type": "number"}),
        an_object(),
        {"type": "array", "items": INTENT},
        {"type": "array", "prefixItems": [INTENT], "items": False},
        {"anyOf": [INTENT, {"type": "null"}]},
        {"oneOf": [an_object(a=INTENT), an_object(b=INTENT)]},
        {"allOf": [TEXT, INTENT]},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": INTENT}},
        an_object(intent={"$ref": "#/$defs/intent"}) | {"$defs": {"intent": INTENT}},
    ],
)
def test_schema_without_room_for_text__is_closed(schema: dict[str, Any]) -> None:
    assert is_closed(schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        TEXT,
        {"type": "string", "maxLength": 10},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": ["string", "null"]},
        {"type": "object"},
        {"type": "object", "properties": {"intent": INTENT}},
        {"type": "object", "properties": {"intent": INTENT}, "additionalProperties": INTENT},
        an_object(intent=INTENT) | {"patternProperties": {".*": INTENT}},
        an_object(intent=INTENT, reply=TEXT),
        an_object(intent=True),
        {"properties": {"intent": INTENT}, "additionalProperties": False},
        {"type": "array"},
        {"type": "array", "prefixItems": [INTENT]},
        {"type": "array", "prefixItems": [TEXT], "items": False},
        {"anyOf": [INTENT, TEXT]},
        {"anyOf": []},
        {"allOf": [TEXT, {"maxLength": 3}]},
        {"$ref": "#/$defs/text", "$defs": {"text": TEXT}},
        {"$ref": "#/$defs/lost"},
        {"allOf": [{"$ref": "#"}]},
        {"if": INTENT, "then": INTENT},
    ],
)
def test_schema_with_room_for_text__is_open(schema: dict[str, Any] | None) -> None:
    assert not is_closed(schema)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "strin"}, "answer schema: 'strin' is not valid under any of the given schemas (at $.type)"),
        ({"pattern": "("}, "answer schema: '(' is not a 'regex' (at $.pattern)"),
        ({"$ref": "https://example.org/x"}, "'https://example.org/x' points to nothing in it; only `#/...` works"),
        ({"items": {"$ref": "#/$defs/x"}}, "'#/$defs/x' points to nothing in it; only `#/...` works"),
        ({"$ref": "#anchor"}, "'#anchor' points to nothing in it; only `#/...` works"),
        ({"items": {"$id": "x"}}, "only its top may have an `$id`"),
        ({"$ref": "#/x", "x": 5}, "'#/x' points to nothing in it; only `#/...` works"),
        ({"$ref": "#/x", "x": "text"}, "'#/x' points to nothing in it; only `#/...` works"),
        ({"$ref": "#/x", "x": {"type": "strin"}}, "'#/x' points to nothing in it; only `#/...` works"),
        ({"$ref": "#/$defs/a%20b", "$defs": {"a%20b": {}}}, "'#/$defs/a%20b' points to nothing in it; only `#/...` works"),
        (
            {"pattern": "a{99999999999999999999}"},
            "a pattern cannot be compiled: the repetition number is too large",
        ),
        ({"patternProperties": {"[[a]": {}}}, "a pattern cannot be compiled: Possible nested set at position 1"),
    ],
)
def test_schema_that_cannot_be_used__is_refused_before_anything_is_scored(schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(PolicyError) as refused:
        breach_of(schema)
    assert problem in str(refused.value)


def test_schema_nested_beyond_reason__is_refused_without_a_traceback() -> None:
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"items": schema}
    with pytest.raises(PolicyError, match="nests too deep"):
        breach_of(schema)


def test_breach__is_named_by_its_place_in_the_schema_and_never_by_the_answer() -> None:
    breach = breach_of(an_object(intent={"$ref": "#/$defs/intent"}) | {"$defs": {"intent": INTENT}})
    assert breach({"intent": "refund"}) is None
    assert breach({"intent": "::error::"}) == "breaks the answer schema at properties/intent/enum"
    assert breach({"::error::": 1}) == "breaks the answer schema at additionalProperties"


def test_schema_with_dialect_and_name__needs_no_network() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/answer", **INTENT}
    assert breach_of(schema)("refund") is None


def test_schema_without_end__is_too_deep_to_check() -> None:
    assert breach_of({"$ref": "#"})({}) == TOO_DEEP


def test_numbers_of_any_size__are_checked() -> None:
    breach = breach_of({"multipleOf": 0.5, "maximum": 1})
    assert breach(10**299) is not None
    assert breach(0.5) is None
