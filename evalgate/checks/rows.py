"""What the checks look at: the lines of a dataset file and the rows that are well-formed."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from evalgate import jsonl
from evalgate.jsonl import Line
from evalgate.records.suite import Message
from evalgate.redaction import mask, safe_line

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
"""Soft hyphens, zero-width and bidi characters, variation selectors and tags."""


class Row(NamedTuple):
    """One well-formed row: an optional system turn, then user and assistant by turns, the assistant last.

    One raw line: `{"messages": [{"role": "user", "content": "refund me"}, {"role": "assistant", "content": "Done."}],
    "metadata": {"source": "human"}}`
    """

    line: int
    """Line number from 1."""
    messages: tuple[Message, ...]
    """The turns, none of them empty."""
    metadata: dict[str, Any]
    """What stands beside the messages; empty where the row has none."""


class Key(NamedTuple):
    """What a row is compared by."""

    line: int
    """Line number from 1."""
    asked: tuple[tuple[str, str], ...]
    """Role and normalised content of every turn before the answer."""
    answer: str
    """The normalised answer; JSON objects that differ only in order and white space are one answer."""
    fields: frozenset[str] | None
    """The answer's keys where it is a JSON object."""


class File(NamedTuple):
    """One dataset file as read, and what it is held against."""

    rejected: list[Line]
    """The lines that are no well-formed row, with their JSON value or their problem."""
    rows: list[Row]
    """The well-formed rows."""
    keys: list[Key]
    """What each of the rows is compared by."""
    texts: list[tuple[int, str]]
    """Line number and all text of each readable line, row-shaped or not."""
    golden: Mapping[str, str]
    """Golden and safety cases: id -> input."""
    prompt: str | None
    """The policy's system prompt; None where the policy is not known."""


class Fault(NamedTuple):
    """What one check found on one line."""

    line: int
    """Line number from 1; 0 for the whole file."""
    message: str
    """What is wrong and what to do, without the row's text."""


def row_of(line: Line) -> Row:
    """The row on a line whose value is known to be well-formed."""
    messages = tuple(Message(role=turn["role"], content=turn["content"]) for turn in line.value["messages"])
    return Row(line.number, messages, line.value.get("metadata", {}))


def text_of(value: Any) -> str:
    """Every key and leaf of a JSON value, one a line."""
    found: list[str] = []
    _collect(value, found)
    return "\n".join(found)


def system_of(row: Row) -> str | None:
    """The row's own system prompt; None where it has none."""
    return row.messages[0].content if row.messages[0].role == "system" else None


def key_of(row: Row) -> Key:
    """What `row` is compared by; its answer is its last turn, which is what it teaches."""
    asked = tuple((turn.role, normalised(turn.content)) for turn in row.messages[:-1])
    value = _json_object(row.messages[-1].content)
    if value is None:
        return Key(row.line, asked, normalised(row.messages[-1].content), None)
    answer = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return Key(row.line, asked, normalised(answer), frozenset(value))


def normalised(text: str) -> str:
    """`text` in NFKC, case-folded, without invisible characters, each run of white space one space."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


def shown(text: str) -> str:
    """A fragment of a row that is safe to print: masked, anything but ASCII escaped, at most 40 characters."""
    return safe_line(mask(text).encode("ascii", "backslashreplace").decode("ascii"), 40)


def _json_object(text: str) -> dict[str, Any] | None:
    value = jsonl.parse(text)[0] if text.lstrip().startswith("{") else None
    return value if isinstance(value, dict) else None


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            found.append(key)
            _collect(item, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)
    else:
        found.append(str(value))
