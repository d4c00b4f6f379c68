"""`tool_calls`: the answer calls the expected tools with the expected arguments, and no other."""

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.records.suite import Case
from evalgate.scorers.answer import same_json
from evalgate.scorers.calls import Call, read_calls
from evalgate.scorers.exact import exact_json_problems
from evalgate.scorers.score import Score, Scorer, guarded, kind

MOST_CALLS = 100
"""Calls that one case may expect."""


def tool_calls(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when the calls of the answer (see `read_calls`) are the expected ones, each once, else 0.

    `expected` is `{"tool_calls": [{"name": ..., "arguments": {...}, "ignore": [names]}], "order": "same" | "any"}`; in place
    of `arguments` a call may list several in `any_of`. Arguments are compared by `same_json`, without those to ignore. An
    empty list expects that no tool is called: a plain text is 1, any call 0.
    """
    return guarded(_score, tool_calls_problems)


def tool_calls_problems(expected: Any) -> list[str]:
    """What keeps `expected` from naming tool calls."""
    wanted = expected.get("tool_calls") if isinstance(expected, dict) else None
    if not isinstance(wanted, list):
        return [f'tool_calls needs `expected` to be {{"tool_calls": [...]}}, not {kind(expected)}']
    if len(wanted) > MOST_CALLS:
        return [f"tool_calls expects {len(wanted)} calls, at most {MOST_CALLS} are compared"]
    problems = [problem.replace("exact_json", "tool_calls", 1) for problem in exact_json_problems(expected)]
    problems += [f"tool_calls does not know the key {key!a}" for key in expected if key not in ("tool_calls", "order")]
    if expected.get("order", "same") not in ("same", "any"):
        problems.append('tool_calls needs `order` to be "same" or "any"')
    return problems + [f"tool_calls: call {n}: {told}" for n, call in enumerate(wanted, 1) for told in _call_problems(call)]


def _call_problems(call: Any) -> list[str]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        return ["needs a `name`"]
    problems = [f"has an unknown key {key!a}" for key in call if key not in ("name", "arguments", "any_of", "ignore")]
    allowed = _allowed(call)
    if ("arguments" in call) == ("any_of" in call):
        problems.append("needs either `arguments` or `any_of`")
    elif not isinstance(allowed, list) or not allowed or not all(isinstance(arguments, dict) for arguments in allowed):
        problems.append("needs arguments that are objects")
    ignored = call.get("ignore", [])
    if not isinstance(ignored, list) or not all(isinstance(name, str) for name in ignored):
        problems.append("needs `ignore` to be a list of argument names")
    return problems


def _score(case: Case, output: str) -> Score:
    found, problem = read_calls(output)
    wanted = case.expected["tool_calls"]
    if problem:
        return Score(0.0, problem)
    if len(found) != len(wanted):
        return Score(0.0, f"{len(found)} calls where {len(wanted)} are expected")
    wrong = _unmatched(wanted, found) if case.expected.get("order") == "any" else _first_other(wanted, found)
    return Score(0.0, wrong) if wrong else Score(1.0)


def _first_other(wanted: Sequence[dict[str, Any]], found: Sequence[Call]) -> str | None:
    for place, (want, call) in enumerate(zip(wanted, found, strict=True), 1):
        if not _fits(want, call):
            return f"call {place}: {'other arguments' if want['name'] == call.name else 'another tool'} than expected"
    return None


def _unmatched(wanted: Sequence[dict[str, Any]], found: Sequence[Call]) -> str | None:
    """Why the calls cannot be told apart into the expected ones, each used once (Kuhn's augmenting paths); or None."""
    fits = [[place for place, call in enumerate(found) if _fits(want, call)] for want in wanted]
    taken: dict[int, int] = {}

    def place_for(want: int, tried: set[int]) -> bool:
        for place in fits[want]:
            if place in tried:
                continue
            tried.add(place)
            if place not in taken or place_for(taken[place], tried):
                taken[place] = want
                return True
        return False

    missing = [want for want in range(len(wanted)) if not place_for(want, set())]
    return f"{len(missing)} of {len(wanted)} expected calls missing" if missing else None


def _fits(want: Mapping[str, Any], call: Call) -> bool:
    ignored = frozenset(want.get("ignore", ()))
    given = _without(call.arguments, ignored)
    return want["name"] == call.name and any(same_json(_without(one, ignored), given) for one in _allowed(want))


def _allowed(call: Mapping[str, Any]) -> Any:
    return call["any_of"] if "any_of" in call else [call.get("arguments")]


def _without(arguments: Mapping[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in ignored}
