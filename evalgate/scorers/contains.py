"""`contains` and `regex`: the answer holds what is expected of it."""

import re
from collections.abc import Mapping
from typing import Any

from evalgate.records.suite import Case
from evalgate.scorers.fold import folded
from evalgate.scorers.score import Score, Scorer, guarded, kind

LONGEST_PATTERN = 1_000
"""Characters of a regular expression: some that are longer take hours to compile."""


def contains(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when every expected string occurs, whatever its case, NFC form and whitespace, else 0.

    `expected` is a string, a list of strings, or an object whose `contains` is one of these.
    """
    return guarded(_score_contains, contains_problems)


def regex(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the pattern is found anywhere in the stripped answer (`re.search`), else 0.

    `expected` is the pattern, or an object whose `regex` is the pattern.
    """
    return guarded(_score_regex, regex_problems)


def contains_problems(expected: Any) -> list[str]:
    """What keeps `expected` from naming strings to look for."""
    wanted = _wanted(expected)
    if not wanted:
        return [f'contains needs a string, a list of strings or {{"contains": [...]}}, not {_found(expected)}']
    if not all(isinstance(string, str) for string in wanted):
        return ["contains needs strings only in its list"]
    return [] if all(folded(string) for string in wanted) else ["contains needs strings that are not blank"]


def regex_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being a regular expression."""
    pattern = _pattern(expected)
    if not isinstance(pattern, str) or not pattern:
        return [f'regex needs a pattern or {{"regex": pattern}}, not {_found(expected)}']
    if len(pattern) > LONGEST_PATTERN:
        return [f"regex has a pattern of {len(pattern)} characters, at most {LONGEST_PATTERN} are compiled: shorten it"]
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:  # the last where warnings are errors
        return [f"regex cannot compile its pattern: {error}"]
    return []


def _score_contains(case: Case, output: str) -> Score:
    text = folded(output)
    wanted = _wanted(case.expected)
    missing = sum(folded(string) not in text for string in wanted)
    return Score(0.0, f"{missing} of {len(wanted)} expected strings missing") if missing else Score(1.0)


def _score_regex(case: Case, output: str) -> Score:
    found = re.search(_pattern(case.expected), output.strip())
    return Score(1.0) if found else Score(0.0, "the pattern is not found")


def _wanted(expected: Any) -> list[Any]:
    inner = expected.get("contains") if isinstance(expected, dict) else expected
    return [inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []


def _pattern(expected: Any) -> Any:
    return expected.get("regex") if isinstance(expected, dict) else expected


def _found(expected: Any) -> str:
    return "an empty one" if expected in ("", []) else kind(expected)
