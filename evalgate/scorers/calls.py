"""Reads the tool calls of an answer."""

from typing import Any, NamedTuple

from evalgate.scorers.answer import read_json

TRACES = ("tool_call", "function_call", '"arguments"')
"""What a text that is meant as a call has in it."""


class Call(NamedTuple):
    """One tool call."""

    name: str
    arguments: dict[str, Any]


class Calls(NamedTuple):
    """The calls of an answer in its order, none in a plain text, or why they are not read."""

    found: tuple[Call, ...]
    problem: str | None = None


def read_calls(output: str) -> Calls:
    """The tool calls of an answer.

    Read are `{"tool_calls": [...]}`, a bare list and a lone call; a call is `{"name": ..., "arguments": ...}` or has these
    two in `function`; arguments are an object, its JSON as a string, or missing for none. A text that is no such JSON has
    no calls, unless one of `TRACES` is in it: that is a call that nobody can read.
    """
    value, problem = read_json(output)
    if problem or isinstance(value, str):
        broken = any(trace in output for trace in TRACES)
        return Calls((), f"a call that cannot be read: {problem or 'it is a string'}" if broken else None)
    listed = _listed(value)
    if not isinstance(listed, list):
        return Calls((), "`tool_calls` is no list")
    calls = [_call(item) for item in listed]
    broken_at = next((place for place, call in enumerate(calls, 1) if call is None), None)
    if broken_at:
        return Calls((), f"call {broken_at} has no name, or no arguments that can be read")
    return Calls(tuple(call for call in calls if call is not None))


def _listed(value: Any) -> Any:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    if "tool_calls" in value:
        return value["tool_calls"] if value["tool_calls"] is not None else []
    if "function_call" in value:
        return [value["function_call"]]
    lone = isinstance(value.get("function"), dict) or {"name", "arguments"} <= value.keys()
    return [value] if lone else []


def _call(item: Any) -> Call | None:
    inner = item.get("function", item) if isinstance(item, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        return None
    arguments = _arguments(inner.get("arguments"))
    return None if arguments is None else Call(inner["name"], arguments)


def _arguments(given: Any) -> dict[str, Any] | None:
    if given is None or given == "":
        return {}
    value = read_json(given).value if isinstance(given, str) else given
    return value if isinstance(value, dict) else None
