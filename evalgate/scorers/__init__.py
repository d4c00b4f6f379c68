"""Scorers: functions (case, answer) -> Score, by the names that a policy uses."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evalgate.errors import PolicyError
from evalgate.records.suite import Case
from evalgate.scorers.contains import contains, contains_problems, regex, regex_problems
from evalgate.scorers.digests import digest_of
from evalgate.scorers.exact import exact_json, exact_json_problems, exact_text, exact_text_problems
from evalgate.scorers.fields import field_outcomes, fields, fields_problems, label_in, label_of
from evalgate.scorers.json_schema import json_schema, json_schema_problems
from evalgate.scorers.json_valid import json_valid, json_valid_problems
from evalgate.scorers.likeness import fuzzy, fuzzy_problems, rouge, rouge_problems
from evalgate.scorers.own_function import PREFIX, no_problems, own_function, own_scorer, wrong_name
from evalgate.scorers.refusal import refusal, refusal_problems
from evalgate.scorers.score import Factory, Problems, Score, Scorer
from evalgate.scorers.tool_calls import tool_calls, tool_calls_problems
from evalgate.scorers.top_k import label_scores, top_k, top_k_problems

__all__ = [
    "JUDGED",
    "SCORERS",
    "Score",
    "Scorer",
    "expectation_problems",
    "field_outcomes",
    "label_in",
    "label_of",
    "label_scores",
    "scorer_digests",
    "scorers_for",
]

SCORERS: dict[str, Factory] = {
    "exact_json": exact_json,
    "exact_text": exact_text,
    "contains": contains,
    "regex": regex,
    "json_valid": json_valid,
    "refusal": refusal,
    "json_schema": json_schema,
    "fields": fields,
    "fuzzy": fuzzy,
    "rouge": rouge,
    "top_k": top_k,
    "tool_calls": tool_calls,
}
"""Name -> factory; a factory takes the feature's answer schema, or None."""

JUDGED = "judge"
"""The score that a model gives: it has a digest here, and no scorer (see `judging`)."""

_PROBLEMS: dict[str, Problems] = {
    "exact_json": exact_json_problems,
    "exact_text": exact_text_problems,
    "contains": contains_problems,
    "regex": regex_problems,
    "json_valid": json_valid_problems,
    "refusal": refusal_problems,
    "json_schema": json_schema_problems,
    "fields": fields_problems,
    "fuzzy": fuzzy_problems,
    "rouge": rouge_problems,
    "top_k": top_k_problems,
    "tool_calls": tool_calls_problems,
}


def scorers_for(names: Iterable[str], answer_schema: Mapping[str, Any] | None, root: Path | None = None) -> dict[str, Scorer]:
    """The named scorers, in the order given, made for one answer schema; without `judge`, whose scores come from a model.

    `root` is the policy's folder, where the files of `python:PATH:FUNCTION` are.

    Raises:
        PolicyError: a name is unknown, the schema is no valid schema that stands alone, or a function cannot be loaded.
        NotMeasured: a scorer needs a library that is not installed.
    """
    wanted = [name for name in _known(names) if name != JUDGED]
    return {name: own_scorer(name, root) if own_function(name) else SCORERS[name](answer_schema) for name in wanted}


def scorer_digests(names: Iterable[str], answer_schema: Mapping[str, Any] | None, root: Path | None = None) -> dict[str, str]:
    """Scorer -> sha256 over its code and the answer schema, as a results header records it; equal between runs.

    `root` is the policy's folder, where the files of `python:PATH:FUNCTION` are.

    Raises:
        PolicyError: a name is unknown, or the file of a function is not there.
    """
    return {name: digest_of(name, answer_schema, root) for name in _known(names)}


def expectation_problems(
    names: Iterable[str],
    case: Case,
    root: Path | None = None,  # noqa: ARG001  the three are called alike; any expectation will do for a function
) -> list[str]:
    """What keeps the named scorers from using `case.expected`, one message each; empty when all can.

    Raises:
        PolicyError: a name is unknown.
    """
    return [problem for name in _known(names) for problem in _PROBLEMS.get(name, no_problems)(case.expected)]


def _known(names: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if not (name in SCORERS or name == JUDGED or own_function(name))]
    if unknown:
        raise PolicyError(*map(_unknown, unknown))
    return wanted


def _unknown(name: str) -> str:
    if name.startswith(PREFIX):
        return wrong_name(name)
    return f"no scorer is called {name!r}; there are {', '.join(SCORERS)}, {JUDGED} and {PREFIX}PATH:FUNCTION"
