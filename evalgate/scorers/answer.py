"""Reads an answer as JSON, strictly: what two parsers could read differently is not read at all."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_DEPTH = 200
"""Levels of nesting that are read."""

MAX_DIGITS = 300
"""Digits of an integer that are read; more would not fit a float."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Answer(NamedTuple):
    """A JSON value, or why there is none."""

    value: Any
    """The value; None when `problem` says why there is none, and for `null`."""
    problem: str | None = None
    """Why the text is not read."""


def read_json(text: str) -> Answer:
    """The one JSON value that the whole text is, or the reason why it is not read.

    Refused: duplicate keys, NaN and Infinity (also as 1e999), lone surrogates, integers of more than MAX_DIGITS digits,
    more than MAX_DEPTH levels, and whatever stands before or after the value but whitespace.
    """
    if _depth(text) > MAX_DEPTH:
        return Answer(None, f"nests deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text.strip(),
            object_pairs_hook=_object,
            parse_constant=_refused_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        return Answer(None, f"not JSON: {error}")
    except ValueError as error:
        return Answer(None, str(error))
    if any(_SURROGATE.search(string) for string in strings_in(value, keys=True)):
        return Answer(None, "a string holds half a surrogate pair")
    return Answer(value)


def strings_in(value: Any, *, keys: bool) -> Iterator[str]:
    """Every string of a JSON value in the order of its text; the keys of objects too where `keys` says so."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, dict):
            parts = [part for pair in item.items() for part in (pair if keys else pair[1:])]
            waiting.extend(reversed(parts))


def same_json(left: Any, right: Any) -> bool:
    """True when two JSON values are equal: 1 equals 1.0, True does not equal 1, the order of keys does not matter."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            waiting.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            waiting.extend(zip(one, other, strict=True))
        elif not _same_leaf(one, other):
            return False
    return True


def _same_leaf(one: Any, other: Any) -> bool:
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings; counted first because the parser recurses."""
    deepest = level = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!a} appears twice")
        found[key] = value
    return found


def _refused_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"an integer has more than {MAX_DIGITS} digits")
    return int(digits)
