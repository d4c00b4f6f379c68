"""`fields`: the share of an object's fields that an answer has right; and the class that an answer names.

A field is a leaf (see `leaves`) and one that is missing is null, in the expectation as in the answer.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from evalgate.records.suite import Case
from evalgate.scorers.answer import read_json
from evalgate.scorers.exact import exact_json_problems
from evalgate.scorers.leaves import leaves, same_leaf, stripped_nfc
from evalgate.scorers.score import Score, Scorer, guarded, kind

Outcome = tuple[Literal["value", "null"], Literal["right", "wrong", "null"]]
"""What a field is expected to be, and what it was answered with: the right value, a wrong one, or null."""

_RIGHT: tuple[Outcome, ...] = (("value", "right"), ("null", "null"))


def fields(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: right fields / all fields that are expected or answered with a value; 0 when no JSON object.

    Numbers are compared by value, strings stripped and in NFC, lists of scalars whole, lists of objects by position. A
    value where null is expected is wrong, and so is one where nothing is expected.
    """
    return guarded(_score, fields_problems)


def fields_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being an object with fields."""
    if not isinstance(expected, dict) or not expected:
        found = kind(expected) if expected != {} else "an empty one"
        return [f"fields needs `expected` to be an object with fields, not {found}"]
    problems = [problem.replace("exact_json", "fields", 1) for problem in exact_json_problems(expected)]
    return problems or ([] if leaves(expected) is not None else ["fields cannot use `expected`: it has too many fields"])


def field_outcomes(expected: Any, output: str) -> dict[str, Outcome]:
    """Path -> outcome of every field that is expected, then of every value that is not; for F1 per field.

    A path that is missing in the answer is null, and an answer that is no JSON object has none. Empty when `expected` is
    no object with fields. True positives are ("value", "right"); (any, "wrong") are false positives, and ("value",
    anything but "right") false negatives.
    """
    if fields_problems(expected):
        return {}
    return _outcomes(leaves(expected) or {}, _answered(output)[0])


def label_of(output: str, field: str | None) -> str | None:
    """The class that an answer names: `label_in` of its JSON object, or the whole text where `field` is None; or None."""
    if field is None:
        return label_in(output, None)
    value, problem = read_json(output)
    return None if problem or not isinstance(value, dict) else label_in(value, field)


def label_in(value: Any, field: str | None) -> str | None:
    """The class at the path `field` (see `leaves`) of a JSON value, an expectation perhaps; None: the value itself.

    Strings are stripped and in NFC; true and 2.0 are `true` and `2`. There is none in a blank text, null, a list or an object.
    """
    found = value if field is None else (leaves(value) or {}).get(field)
    if isinstance(found, str):
        return stripped_nfc(found) or None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return json.dumps(found) if isinstance(found, bool | int | float) else None


def _score(case: Case, output: str) -> Score:
    given, problem = _answered(output)
    if problem:
        return Score(0.0, problem)
    outcomes = _outcomes(leaves(case.expected) or {}, given)
    wrong = [path for path, outcome in outcomes.items() if outcome not in _RIGHT]
    if not wrong:
        return Score(1.0)
    told = f"{len(wrong)} of {len(outcomes)} fields wrong: {wrong[0][:40]!a}"
    return Score((len(outcomes) - len(wrong)) / len(outcomes), told)


def _answered(output: str) -> tuple[dict[str, Any], str | None]:
    """The fields of an answer, or none and why."""
    value, problem = read_json(output)
    if problem or not isinstance(value, dict):
        return {}, problem or "not a JSON object"
    found = leaves(value) if value else {}
    return ({}, "the answer has too many fields") if found is None else (found, None)


def _outcomes(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Outcome]:
    invented = [path for path, leaf in given.items() if path not in wanted and leaf is not None]
    return {path: _outcome(wanted.get(path), given.get(path)) for path in (*wanted, *invented)}


def _outcome(want: Any, got: Any) -> Outcome:
    expected: Literal["value", "null"] = "null" if want is None else "value"
    if got is None:
        return expected, "null"
    return expected, "right" if want is not None and same_leaf(want, got) else "wrong"
