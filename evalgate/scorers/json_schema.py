"""`json_schema`: the answer is JSON and valid against the schema that its own case brings along."""

from collections.abc import Mapping
from typing import Any

from evalgate.errors import PolicyError
from evalgate.records.suite import Case
from evalgate.scorers.answer import read_json
from evalgate.scorers.schema import TOO_DEEP, breach_of
from evalgate.scorers.score import Score, Scorer, guarded, kind


def json_schema(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the whole answer is JSON and valid against `expected["schema"]`, else 0.

    Unscorable where schema and answer cannot be checked: they nest too deep, or a number is beyond every float.
    """
    return guarded(_score, json_schema_problems)


def json_schema_problems(expected: Any) -> list[str]:
    """What keeps `expected` from holding a schema that stands alone."""
    schema = expected.get("schema") if isinstance(expected, dict) else None
    if not isinstance(schema, dict):
        found = kind(expected) if schema is None else f"{kind(schema)} as its schema"
        return [f'json_schema needs `expected` to be {{"schema": {{...}}}}, not {found}']
    try:
        breach_of(schema)
    except PolicyError as error:
        return [f"json_schema cannot use its schema: {problem.removeprefix('answer schema: ')}" for problem in error.problems]
    return []


def _score(case: Case, output: str) -> Score:
    value, problem = read_json(output)
    if problem:
        return Score(0.0, problem)
    try:
        breach = breach_of(case.expected["schema"])(value)
    except OverflowError:
        return Score(None, "schema and answer hold a number too large to check")
    if breach is None:
        return Score(1.0)
    return Score(None if breach == TOO_DEEP else 0.0, breach.replace("the answer schema", "the case's schema"))
