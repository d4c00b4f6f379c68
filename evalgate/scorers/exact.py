"""`exact_json` and `exact_text`: the answer equals the expectation, or it does not."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from evalgate.records.suite import Case
from evalgate.scorers.answer import read_json, same_json
from evalgate.scorers.score import Score, Scorer, guarded, kind


def exact_json(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the whole answer is one JSON value equal to `expected` (see `same_json`), else 0."""
    return guarded(_score_json, exact_json_problems)


def exact_text(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the answer, stripped and in NFC, is the string `expected`, stripped and in NFC, else 0."""
    return guarded(_score_text, exact_text_problems)


def exact_json_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being a JSON value that an answer could equal."""
    try:
        problem = read_json(json.dumps(expected, allow_nan=False)).problem
    except (TypeError, ValueError, RecursionError):
        problem = "not a JSON value"
    return [f"exact_json cannot use `expected`: {problem}"] if problem else []


def exact_text_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being a text that an answer could equal."""
    if not isinstance(expected, str):
        return [f"exact_text needs `expected` to be a string, not {kind(expected)}"]
    return [] if expected.strip() else ["exact_text needs an `expected` that is not blank"]


def _score_json(case: Case, output: str) -> Score:
    value, problem = read_json(output)
    if problem:
        return Score(0.0, problem)
    return Score(1.0) if same_json(value, case.expected) else Score(0.0, "another JSON value than expected")


def _score_text(case: Case, output: str) -> Score:
    return Score(1.0) if _nfc(output) == _nfc(case.expected) else Score(0.0, "another text than expected")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())
