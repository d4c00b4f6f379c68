"""Scorers: functions (case, answer) -> Score, by the names that a policy uses."""

from collections.abc import Iterable, Mapping
from typing import Any

from evalgate.errors import PolicyError
from evalgate.records.suite import Case
from evalgate.scorers.contains import contains, contains_problems, regex, regex_problems
from evalgate.scorers.digests import digest_of
from evalgate.scorers.exact import exact_json, exact_json_problems, exact_text, exact_text_problems
from evalgate.scorers.json_valid import json_valid, json_valid_problems
from evalgate.scorers.refusal import refusal, refusal_problems
from evalgate.scorers.score import Factory, Problems, Score, Scorer

__all__ = ["SCORERS", "Score", "Scorer", "expectation_problems", "scorer_digests", "scorers_for"]

SCORERS: dict[str, Factory] = {
    "exact_json": exact_json,
    "exact_text": exact_text,
    "contains": contains,
    "regex": regex,
    "json_valid": json_valid,
    "refusal": refusal,
}
"""Name -> factory; a factory takes the feature's answer schema, or None."""

_PROBLEMS: dict[str, Problems] = {
    "exact_json": exact_json_problems,
    "exact_text": exact_text_problems,
    "contains": contains_problems,
    "regex": regex_problems,
    "json_valid": json_valid_problems,
    "refusal": refusal_problems,
}


def scorers_for(names: Iterable[str], answer_schema: Mapping[str, Any] | None) -> dict[str, Scorer]:
    """The named scorers, in the order given, made for one answer schema.

    Raises:
        PolicyError: a name is unknown, or the schema is no valid schema that stands alone.
    """
    return {name: SCORERS[name](answer_schema) for name in _known(names)}


def scorer_digests(names: Iterable[str], answer_schema: Mapping[str, Any] | None) -> dict[str, str]:
    """Scorer -> sha256 over its code and the answer schema, as a results header records it; equal between runs.

    Raises:
        PolicyError: a name is unknown.
    """
    return {name: digest_of(name, answer_schema) for name in _known(names)}


def expectation_problems(names: Iterable[str], case: Case) -> list[str]:
    """What keeps the named scorers from using `case.expected`, one message each; empty when all can.

    Raises:
        PolicyError: a name is unknown.
    """
    return [problem for name in _known(names) for problem in _PROBLEMS[name](case.expected)]


def _known(names: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in SCORERS]
    if unknown:
        raise PolicyError(*(f"no scorer is called {name!r}; there are {', '.join(SCORERS)}" for name in unknown))
    return wanted
