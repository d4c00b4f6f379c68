"""`json_valid`: the answer has the format that the feature's schema asks for."""

from collections.abc import Mapping
from typing import Any

from evalgate.records.suite import Case
from evalgate.scorers.answer import read_json
from evalgate.scorers.schema import TOO_DEEP, Breach, breach_of
from evalgate.scorers.score import Score, Scorer, guarded


def json_valid(answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the whole answer is JSON and valid against `answer_schema`, else 0; `expected` is not looked at.

    Without a schema any JSON object is valid. Unscorable where schema and answer nest too deep to check.

    Raises:
        PolicyError: the schema is no valid schema (when the scorer is made, never when it scores).
    """
    breach: Breach = _not_an_object if answer_schema is None else breach_of(answer_schema)

    def score(_case: Case, output: str) -> Score:
        value, problem = read_json(output)
        problem = problem or breach(value)
        return Score(1.0) if problem is None else Score(None if problem == TOO_DEEP else 0.0, problem)

    return guarded(score, json_valid_problems)


def json_valid_problems(_expected: Any) -> list[str]:
    """Nothing: any expectation will do."""
    return []


def _not_an_object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "not a JSON object"
