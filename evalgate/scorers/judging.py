"""`judge`: reads what a judge replied, strictly. The judge itself is a model, and asked elsewhere.

A reply that does not say one thing clearly says nothing: it is unscorable, never a 0.
"""

from typing import Any, Literal, get_args

from evalgate.scorers.answer import read_json
from evalgate.scorers.score import Score

LOWEST, HIGHEST = 1, 5
"""The grades of a judge, whole numbers from the worst to the best."""

Preference = Literal["first", "second", "tie"]


def read_grade(reply: str) -> Score:
    """(grade - 1) / 4 of a reply `{"grade": 1..5, "reason": text}`; unscorable when it is anything else, or in prose."""
    value, problem = _read(reply)
    if problem:
        return Score(None, problem)
    grade = value.get("grade")
    if value.keys() != {"grade", "reason"} or not isinstance(value["reason"], str):
        return Score(None, "the judge's reply has not just a `grade` and a `reason`")
    if not isinstance(grade, int) or isinstance(grade, bool) or not LOWEST <= grade <= HIGHEST:
        return Score(None, f"the judge's grade is no whole number from {LOWEST} to {HIGHEST}")
    return Score((grade - LOWEST) / (HIGHEST - LOWEST), f"grade {grade} of {HIGHEST}" if grade < HIGHEST else None)


def read_preference(reply: str) -> Preference | None:
    """What a reply `{"better": "first" | "second" | "tie"}` prefers, with or without a `reason`; None for any other."""
    value, problem = _read(reply)
    if problem or not {"better"} <= value.keys() <= {"better", "reason"} or not isinstance(value.get("reason", ""), str):
        return None
    return next((preference for preference in get_args(Preference) if value["better"] == preference), None)


def _read(reply: str) -> tuple[dict[str, Any], str | None]:
    if not reply.strip():
        return {}, "the judge's reply is empty"
    value, problem = read_json(reply)
    if problem:
        return {}, f"the judge's reply: {problem}"
    return (value, None) if isinstance(value, dict) else ({}, "the judge's reply is not a JSON object")
